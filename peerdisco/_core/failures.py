"""Exceptions that are kept after what raised them has ended, or handed to several callers.

Laws of this module:

- What is kept has the type, message and attributes of what was raised, but no traceback, cause or context: those hold
  the frames of all that was under way, and with them whatever these frames hold.
- What is kept is an Exception: an application that raises it again interrupts nothing else.
"""

from __future__ import annotations

import copy
from typing import cast


def is_interrupt(error: BaseException) -> bool:
    """Return whether an exception asks the thread or the program to end, rather than telling that something failed."""
    return isinstance(error, (KeyboardInterrupt, SystemExit))


def detached(error: BaseException) -> Exception:
    """Return a copy of an exception that keeps no frame alive.

    What can't be copied, and what is no Exception, becomes a RuntimeError that names the type.
    """
    if isinstance(error, Exception):
        for make in (_copy_of_parts, copy.copy, _without_init):
            try:
                twin = make(error)
                if twin is not error and type(twin) is type(error) and str(twin) == str(error):
                    return twin
            except Exception:  # noqa: BLE001, S112 - whatever a stranger's constructor raises, other ways are left
                continue
    return RuntimeError(_text(error))


def _copy_of_parts(error: Exception) -> Exception:
    """Return a copy of an ExceptionGroup, whose parts have tracebacks of their own."""
    if not isinstance(error, ExceptionGroup):
        return error
    return cast("Exception", error.derive([detached(part) for part in error.exceptions]))


def _without_init(error: Exception) -> Exception:
    """Return a copy made without the constructor, which may want other arguments than it kept."""
    kind = type(error)
    twin = kind.__new__(kind, *error.args)
    twin.__dict__.update(error.__dict__)
    return twin


def _text(error: BaseException) -> str:
    name = type(error).__qualname__
    try:
        return f"{name}: {error}".removesuffix(": ")
    except Exception:  # noqa: BLE001 - a stranger's exception that can't say what it is
        return name
