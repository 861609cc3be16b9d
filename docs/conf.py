"""The settings with which Sphinx builds the documentation."""

import inspect
import re
from typing import Any, get_type_hints

from sphinx.util.inspect import stringify_signature

import peerdisco
from peerdisco import DiscoveryConfig
from peerdisco.config import Options

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
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
python_display_short_literal_types = True

nitpicky = True
# Types of other projects have no page here.
nitpick_ignore_regex = [(r"py:.*", r"(?!peerdisco).*")]


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


def _with_options(
    _app: object, what: str, _name: str, obj: Any, _options: object, _signature: str, returned: str
) -> tuple[str, str] | None:
    """Show each option with its type and default where a signature says `**options`."""
    function = obj.__init__ if what == "class" else obj
    if getattr(function, "__annotations__", {}).get("options") != "Unpack[Options]":
        return None
    hints, fields = get_type_hints(function), DiscoveryConfig.model_fields
    parameters = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name in hints and parameter.name != "options"
    ]
    for name, hint in get_type_hints(Options).items():
        default = fields[name].default
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint))
    shown = stringify_signature(inspect.Signature(parameters), unqualified_typehints=True, short_literals=True)
    return shown, returned


def setup(app: Any) -> None:
    """Connect what is above."""
    app.connect("autodoc-process-docstring", _to_rst, priority=400)
    app.connect("autodoc-process-signature", _with_options)
