"""Signatures that show options which a function takes as `**options`: for `help()`, `inspect` and documentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any


def signature_with(function: Callable[..., Any], kinds: Mapping[str, Any], defaults: Mapping[str, object]) -> Any:
    """Return a function's signature with each option in place of `**options`.

    Args:
        function: the function; of a method, `self` stays.
        kinds: the type of each option.
        defaults: the default of each option.
    """
    signature = inspect.signature(function)
    named = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    shown = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=kind)
        for name, kind in kinds.items()
    ]
    return signature.replace(parameters=[*named, *shown])
