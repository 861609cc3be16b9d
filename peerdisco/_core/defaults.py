"""A default for the whole process: in the context that set it the last one set there, elsewhere the latest of all.

Tests set it. A context variable alone would not reach threads that were started before, such as those of a pool. Every
step is one atomic operation on a list, so that there is no lock to be held in a forked child.
"""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


@dataclass(eq=False, slots=True)
class Setting(Generic[_Value]):
    """One value that was set as the default, until it is reset."""

    value: _Value
    is_open: bool = True


class ProcessDefault(Generic[_Value]):
    """A default value that is set for a while, in any order, by any thread or task.

    Args:
        name: what the default is of.
    """

    def __init__(self, name: str) -> None:
        self._here: ContextVar[tuple[Setting[_Value], ...]] = ContextVar(name, default=())
        self._all: list[Setting[_Value]] = []

    def get(self) -> _Value | None:
        """Return the default; None if none is set."""
        if not self._all:  # an open one is there, whichever context it was set in
            return None
        for setting in (*reversed(self._here.get()), *reversed(self._all)):
            if setting.is_open:
                return setting.value
        return None

    def set(self, value: _Value) -> Setting[_Value]:
        """Make a value the default; what comes back ends that when it is given to `reset`."""
        setting = Setting(value)
        self._here.set((*self._open_here(), setting))
        self._all.append(setting)
        return setting

    def reset(self, setting: Setting[_Value]) -> None:
        """End what a call of `set` began; in whichever order and context, and once is enough."""
        setting.is_open = False
        with suppress(ValueError):  # it was reset before
            self._all.remove(setting)
        self._here.set(self._open_here())

    def is_set_here(self, setting: Setting[_Value]) -> bool:
        """Return whether it was set in this context, or in the one that this was copied from."""
        return setting in self._here.get()

    def _open_here(self) -> tuple[Setting[_Value], ...]:
        return tuple(setting for setting in self._here.get() if setting.is_open)
