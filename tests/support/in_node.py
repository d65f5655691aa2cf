"""JavaScript of the pages, run by node on values of a test."""

import json
import shutil
import subprocess

import pytest

from diffstab.pages.page import STATIC

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
SCRIPT = """
const found = Object.assign(globalThis, ...%s.map(require)); // as scripts of one page see each other
const asked = JSON.parse(require("fs").readFileSync(0));
console.log(JSON.stringify((%s)(found, asked)));
"""


def in_node(function, asked, *files):
    """What a JavaScript function of (what the files give, asked) answers."""
    script = SCRIPT % (json.dumps([str(STATIC / name) for name in files]), function)
    done = subprocess.run(["node", "-e", script], input=json.dumps(asked), text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
