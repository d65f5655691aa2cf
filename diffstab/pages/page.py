"""A self-contained HTML page: styles, scripts and data inside, and a policy that forbids everything else."""

import base64
import hashlib
import html
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image

from ..checks import escaped

STATIC = Path(__file__).parent / "static"
FRAME = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="$generator">
<meta http-equiv="Content-Security-Policy" content="$policy">
<title>$title</title>
<style>$style</style>
</head>
<body>
$body
<script type="application/json" id="data">$data</script>
<script>$script</script>
</body>
</html>
""")


def page(title: str, body: str, styles: Sequence[str], scripts: Sequence[str], data: Mapping[str, Any]) -> str:
    """The HTML of a page, in one file.

    Args:
        title: Title of the page; any text.
        body: HTML, trusted.
        styles: Names of files in `static`.
        scripts: Names of files in `static`, which run one after the other and find the data in the element `data`.
        data: Anything that JSON can hold; its texts need not be trusted.

    >>> "<b>" in page("a <b>", "", [], [], {"text": "</script><b>"})
    False
    """
    from ..provenance import versions

    style, script = ("\n".join((STATIC / name).read_text("utf-8") for name in names) for names in (styles, scripts))
    policy = "; ".join([
        "default-src 'none'", "img-src data:", f"style-src {_hash(style)}", f"script-src {_hash(script)}",
        "base-uri 'none'", "form-action 'none'",
    ])  # fmt: skip
    return FRAME.substitute(
        generator=f"diffstab {versions()['diffstab']}",
        policy=policy,
        title=html.escape(escaped(title)),
        style=style,
        body=body,
        data=safe_json(data),
        script=script,
    )


def safe_json(data: Mapping[str, Any]) -> str:
    r"""JSON that can stand in a script element: no text in it can end the element, hide or change the reading order.

    >>> safe_json({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(_visible(data), allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _visible(value: Any) -> Any:
    """The same with every text escaped, names included."""
    if isinstance(value, str):
        return escaped(value, keep="\n\t")
    if isinstance(value, Mapping):
        return {_visible(name): _visible(inner) for name, inner in value.items()}
    return [_visible(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _hash(text: str) -> str:
    """The name of an inline element in a Content-Security-Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def png_address(image: Image.Image) -> str:
    """The `data:` address of an image as PNG.

    >>> png_address(Image.new("L", (1, 1)))[:30]
    'data:image/png;base64,iVBORw0K'
    """
    content = io.BytesIO()
    image.save(content, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
