"""Sphinx: `make docs` builds these pages into build/docs, warnings being errors."""

import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

project = "diffstab"
author = "The diffstab authors"
version = release = version_of("diffstab")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["README.md"]
source_suffix = {".md": "markdown"}
default_role = "code"
smartquotes = False  # an option begins with two dashes

html_theme = "furo"
html_title = f"diffstab {version}"
html_copy_source = False
html_show_copyright = False

myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # pages that the repository shows as well begin as they like

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_class_signature = "mixed"
napoleon_use_rtype = False
napoleon_use_ivar = True

MARKUP = re.compile(r"(?<!`)([|*])")


def escaped(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """||f(x)|| is a norm and x* a star: docstrings have no markup but `code`, lists and examples."""
    for k, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = re.split("(`.*?`)", line)
            lines[k] = "".join(part if part.startswith("`") else MARKUP.sub(r"\\\1", part) for part in parts)


def setup(app: Any) -> None:
    """Called by Sphinx: writes errors.md from the source, and escapes docstrings before napoleon adds stars."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "scripts" / "maintain"))
    import list_errors

    list_errors.write()
    app.connect("autodoc-process-docstring", escaped, priority=100)
