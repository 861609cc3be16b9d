"""Who follows a list, and what each of them has seen of it. No I/O: whoever calls the subscribers does that elsewhere.

- A subscriber gets each change once, in order. What changed while it was busy comes in one piece.
- The first change adds every peer that is listed already.
- Once a subscriber is removed, it is not called again, not even for a change that others hear of just then.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from functools import partial

from peerdisco.errors import ConfigError
from peerdisco.peers import Change, PackedPeers, PeerSet

Callback = Callable[[Change], object]


class ChangeCursor:
    """A consumer that follows the list: what changed since it last looked, in one piece however long ago that was."""

    def __init__(self) -> None:
        self._seen = PackedPeers(frozenset())

    def catch_up(self, peers: PeerSet) -> Change | None:
        """Return what changed; None where nothing did."""
        change = Change.between(self._seen, peers)
        self._seen = peers._packed
        return change


class Subscribers:
    """The callbacks of a watcher."""

    def __init__(self) -> None:
        self._entries: list[tuple[Callback, ChangeCursor]] = []

    def add(self, callback: Callback) -> Callable[[], None]:
        """Add a callback, and return a call that removes it.

        Raises:
            ConfigError: The callback can't be called.
        """
        if not callable(callback):
            raise ConfigError("callback", callback, "can't be called")
        entry = callback, ChangeCursor()
        self._entries.append(entry)

        def unsubscribe() -> None:
            with suppress(ValueError):  # it has been, perhaps by another thread just now
                self._entries.remove(entry)

        return unsubscribe

    def due_calls(
        self, peers: PeerSet, busy: Container[ChangeCursor]
    ) -> Iterator[tuple[ChangeCursor, Callable[[], object]]]:
        """Yield a call for each subscriber for which something changed, but for those that are busy with their last."""
        for entry in tuple(self._entries):
            callback, cursor = entry
            if cursor in busy:
                continue
            change = cursor.catch_up(peers)
            if change is not None and entry in self._entries:
                yield cursor, partial(callback, change)
