"""Sphinx builds the documentation by this."""

import re
from typing import Any

import peerdisco

project = "peerdisco"
author = "The peerdisco maintainers"
copyright = "2026, The peerdisco maintainers"
version = release = peerdisco.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "explanation/*-table.md"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"peerdisco {release}"

# In docstrings a single backtick is code, as in Markdown.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True

nitpicky = True
# What is not ours has no page here, nor what only signatures name.
nitpick_ignore_regex = [(r"py:.*", r"(?!peerdisco).*"), (r"py:class", r"peerdisco\.peers\.PeerList")]


def _to_rst(_app: object, what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Turns the Markdown code blocks of a docstring into reStructuredText."""
    if what == "property":  # napoleon takes what stands before a colon for the property's type
        lines[0] = lines[0].replace(": ", " - ")
    text = "\n".join(lines)
    for fence in re.findall(r"^```.*?^```$", text, re.MULTILINE | re.DOTALL):
        language, *code = fence.removeprefix("```").removesuffix("\n```").splitlines()
        block = [f".. code-block:: {language or 'text'}", "", *("   " + line for line in code)]
        text = text.replace(fence, "\n".join(block))
    lines[:] = text.splitlines()


def setup(app: Any) -> None:
    """Connects what is above."""
    app.connect("autodoc-process-docstring", _to_rst, priority=400)
