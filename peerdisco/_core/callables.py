"""What kind of callable a user gave."""

from __future__ import annotations

import inspect
from functools import partial


def is_coroutine_function(call: object) -> bool:
    """Return whether a call gives something to await: also of a partial, a method, or an object with such a call."""
    while isinstance(call, partial):
        call = call.func
    of_its_class = getattr(type(call), "__call__", None)  # noqa: B004 - what it is matters, not whether it is there
    return any(map(inspect.iscoroutinefunction, (call, of_its_class)))


def closed_coroutine(result: object) -> bool:
    """Return whether a plain function returned a coroutine; it is closed then, since nobody will await it."""
    if not inspect.iscoroutine(result):
        return False
    result.close()
    return True
