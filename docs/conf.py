"""The settings with which Sphinx builds the documentation."""

import re
from typing import Any

from sphinx.util.inspect import stringify_signature

import peerdisco
from peerdisco import AsyncPeerWatcher, PeerWatcher, adiscover_peers, discover_peers

project = "peerdisco"
author = "The peerdisco maintainers"
copyright = "2026, The peerdisco maintainers"
version = release = peerdisco.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "sphinx_design"]
exclude_patterns = ["_build", "explanation/*-table.md"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"peerdisco {release}"
html_static_path = ["_static"]
html_css_files = ["peerdisco.css"]
# The sources hold what the tests need besides: no reader should have to see it.
html_copy_source = False
html_show_sourcelink = False

# A console block is copied without its prompts and without what the command prints.
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True

# In docstrings a single backtick is code, as in Markdown.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
python_display_short_literal_types = True

nitpicky = True
# Types of other projects have no page here, and type variables have none anywhere.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!peerdisco).*"),
    (r"py:class", r"peerdisco\..*\._[A-Z]\w*"),
    (r"py:class", r"peerdisco\._dns\..*"),
]

# Signatures that show each option. autodoc looks up defaults in the source, which says `**options`, so they are hidden
# from it until it has done so.
_TAKE_OPTIONS: tuple[Any, ...] = (discover_peers, adiscover_peers, PeerWatcher.__init__, AsyncPeerWatcher.__init__)
_SIGNATURES = {function: function.__dict__.pop("__signature__") for function in _TAKE_OPTIONS}


def _to_rst(_app: object, what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Turn the Markdown code blocks of a docstring into reStructuredText."""
    if what == "property":  # napoleon takes what stands before a colon for the property's type
        lines[0] = lines[0].replace(": ", " - ")
    text = "\n".join(lines)
    for fence in re.findall(r"^```.*?^```$", text, re.MULTILINE | re.DOTALL):
        language, *code = fence.removeprefix("```").removesuffix("\n```").splitlines()
        block = [f".. code-block:: {language or 'text'}", "", *("   " + line for line in code)]
        text = text.replace(fence, "\n".join(block))
    lines[:] = text.splitlines()


def _without_hidden_code(_app: object, _page: str, source: list[str]) -> None:
    """Leave out what the tests of a page run unseen."""
    source[0] = re.sub(r"^<!--- invisible-code-block:.*?^-->\n", "", source[0], flags=re.MULTILINE | re.DOTALL)


def _with_options(
    _app: object, _what: str, _name: str, obj: Any, _options: object, _signature: str, returned: str
) -> tuple[str, str] | None:
    """Show each option with its type and default."""
    signature = _SIGNATURES.get(obj.__init__ if isinstance(obj, type) else obj)
    if signature is None:
        return None
    parameters = [parameter for name, parameter in signature.parameters.items() if name != "self"]
    shown = signature.replace(parameters=parameters, return_annotation=signature.empty)
    return stringify_signature(shown, unqualified_typehints=True, short_literals=True), returned


def setup(app: Any) -> None:
    """Connect what is above."""
    app.connect("source-read", _without_hidden_code)
    app.connect("autodoc-process-docstring", _to_rst, priority=400)
    app.connect("autodoc-process-signature", _with_options)
