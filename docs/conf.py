"""Sphinx: `make docs` builds these pages into build/docs, warnings being errors."""

import logging
import os
import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

project = "diffstab"
author = "The diffstab authors"
version = release = version_of("diffstab")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["README.md"]
source_suffix = {".md": "myst-nb"}
default_role = "code"
smartquotes = False  # an option begins with two dashes

html_theme = "furo"
html_title = f"diffstab {version}"
html_extra_path = ["../build/atlas"]  # kept-atlas.html, which setup writes
html_sourcelink_suffix = ""  # the pages as Markdown stand in _sources/, for llms.txt
html_show_sourcelink = False
html_show_copyright = False

nb_execution_mode = "cache"  # in build/.jupyter_cache: a notebook runs again when its code changes
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300  # seconds a cell, on a busy machine
nb_merge_streams = True

myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # pages that the repository shows as well begin as they like

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_class_signature = "mixed"
napoleon_use_rtype = False
napoleon_use_ivar = True

ROOT = Path(__file__).parents[1]
EXAMPLES, COPIES = ROOT / "examples", ROOT / "docs" / "examples"
LINK = re.compile(r" \(\[.*?\]\(.*?\)\)")
MARKUP = re.compile(r"(?<!`)([|*])")


def escaped(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """||f(x)|| is a norm and x* a star: docstrings have no markup but `code`, lists and examples."""
    for k, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = re.split("(`.*?`)", line)
            lines[k] = "".join(part if part.startswith("`") else MARKUP.sub(r"\\\1", part) for part in parts)


def to_copies(app: object, name: str, source: list[str]) -> None:
    """Links of a page to examples/, as they are in the repository, lead to the copies."""
    source[0] = source[0].replace("](../examples/", "](examples/")


def copy_notebooks() -> None:
    """Copies examples/ to docs/examples/, with links to pages as they are there; unchanged files stay."""
    texts = {path.name: path.read_text("utf-8").replace("(../docs/", "(../") for path in EXAMPLES.glob("*.md")}
    COPIES.mkdir(exist_ok=True)
    for path in COPIES.iterdir():
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        if not (COPIES / name).exists() or (COPIES / name).read_text("utf-8") != text:
            (COPIES / name).write_text(text, "utf-8")


def write_llms(app: Any, error: Exception | None) -> None:
    """Writes llms.txt (llmstxt.org): what the project is, and every page of the index, as Markdown, by its title."""
    if error is not None or app.builder.name != "html":
        return
    texts = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")}
    titles = {name: text.partition("\n")[0][2:] for name, text in texts.items() if text.startswith("# ")}
    title, about = texts["index"].split("\n\n")[:2]
    lines = [title, "", f"> {' '.join(re.sub(LINK, '', about).split())}"]
    for line in texts["index"].splitlines():
        if line.startswith(":caption: "):
            lines += ["", f"## {line.removeprefix(':caption: ')}", ""]
        elif line in titles:
            lines.append(f"- [{titles[line]}](_sources/{line}.md)")
    (Path(app.outdir) / "llms.txt").write_text("\n".join(lines) + "\n", "utf-8")


def set_up_kernels() -> None:
    """Runs notebooks with the settings in build/, not those of the user's IPython; kernels log errors only."""
    profile = ROOT / "build" / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(f"c.IPKernelApp.log_level = {logging.ERROR}\n", "utf-8")
    os.environ["IPYTHONDIR"] = str(profile.parent)
    os.environ["OMP_NUM_THREADS"] = "1"  # small networks: on a busy machine threads wait for each other
    logging.getLogger("traitlets").setLevel(logging.WARNING)


def setup(app: Any) -> None:
    """Called by Sphinx: writes errors.md, examples/ and llms.txt, and escapes docstrings before napoleon adds stars."""
    copy_notebooks()
    set_up_kernels()
    sys.path.insert(0, str(ROOT / "scripts" / "maintain"))
    import kept_atlas
    import list_errors

    list_errors.write()
    kept_atlas.write()
    app.connect("source-read", to_copies)
    app.connect("build-finished", write_llms)
    app.connect("autodoc-process-docstring", escaped, priority=100)
