"""The calls of one broadcast: which peer is next, and what came back. No threads, no event loop, no clock.

`take` and `put` may be called from many threads at once; each changes one deque by one atomic operation. Everything
else belongs to the caller. What is put after `close` is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from peerdisco._core.callables import is_coroutine_function
from peerdisco.answers import Outcome
from peerdisco.errors import ConfigError, PeersNotReady
from peerdisco.peers import Peer, PeerSet

_Result = TypeVar("_Result")

_LONGEST = 1e9


class Ended(NamedTuple):
    """How one call ended: with a result, or with an error."""

    peer: Peer
    result: Any = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Broadcast(Generic[_Result]):
    """What became of the calls of one broadcast; every peer is in `succeeded` or in `failed`.

    Attributes:
        succeeded: what the call returned, by peer, in the order of the peers.
        failed: why there is no result, by peer: what the call raised, or `TimeoutError` if it had not returned, or not
            begun, when the time was up. A note on each exception names its peer.
        complete: False if the peers came from a PeerSet that was stale or incomplete: then there may be Pods that were
            not called. True for any other iterable.
    """

    succeeded: dict[Peer, _Result] = field(default_factory=dict)
    failed: dict[Peer, BaseException] = field(default_factory=dict)
    complete: bool = True

    @property
    def ok(self) -> bool:
        """True if no call failed; also where there was nobody to call. It says nothing about `complete`."""
        return not self.failed

    def raise_for_failures(self) -> None:
        """Raise what failed, all of it together; return if nothing did.

        Raises:
            ExceptionGroup: what is in `failed`, each exception with a note that names its peer. One that is not an
                `Exception`, such as `SystemExit`, is the `__cause__` of a `RuntimeError` there.
        """
        if self.failed:
            total = len(self.failed) + len(self.succeeded)
            message = f"{len(self.failed)} of {total} calls failed"
            raise ExceptionGroup(message, [_as_exception(error, peer) for peer, error in self.failed.items()])

    def __repr__(self) -> str:
        failures = ", ".join(f"{peer.netloc()}: {error!r}" for peer, error in list(self.failed.items())[:3])
        more = ", …" if len(self.failed) > 3 else ""
        shown = f" [{failures}{more}]" if failures else ""
        incomplete = "" if self.complete else ", of an incomplete or stale list"
        return f"<Broadcast: {len(self.succeeded)} succeeded, {len(self.failed)} failed{shown}{incomplete}>"


class Calls:
    """The calls that a broadcast has to make.

    Args:
        peers: who is called; a Peer that comes twice is called once.
        timeout: seconds for all calls together.
        concurrency: how many calls may be under way at once.
        now: the time, by the clock that `take` and `left` are given.

    Raises:
        ConfigError: an argument is invalid.
        PeersNotReady: `peers` is a PeerSet that no lookup has filled yet.

    Attributes:
        slots: how many calls may be under way at once.
    """

    def __init__(self, peers: Iterable[Peer], timeout: float, concurrency: int, now: float) -> None:
        _check_seconds("timeout", timeout)
        _check_count("concurrency", concurrency)
        self._peers = _unique(peers)
        self._complete = not isinstance(peers, PeerSet) or (peers.complete and not peers.stale)
        self.slots = min(concurrency, len(self._peers))
        self._timeout = timeout
        self._deadline = now + timeout
        self._waiting = deque(self._peers)
        self._ended: deque[Ended] = deque()

    def take(self, now: float) -> Peer | None:
        """Return the next peer to call; None if every call has begun or the time is up."""
        if now >= self._deadline:
            return None
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def put(self, ended: Ended) -> bool:
        """Record how a call ended, and return whether all have."""
        self._ended.append(ended)
        return self.all_ended

    @property
    def all_ended(self) -> bool:
        """Whether every peer was called and every call has ended."""
        return len(self._ended) == len(self._peers)

    def left(self, now: float) -> float:
        """Return the seconds until the time is up."""
        return self._deadline - now

    def close(self) -> Broadcast[Any]:
        """Let no further call begin, and return what became of all of them."""
        never_begun = set(_drained(self._waiting))
        ended = {one.peer: one for one in _drained(self._ended)}
        result: Broadcast[Any] = Broadcast(complete=self._complete)
        for peer in self._peers:
            one = ended.get(peer) or Ended(peer, error=self._too_late(peer, never_begun))
            if one.error is None:
                result.succeeded[peer] = one.result
            else:
                _name_peer(one.error, peer)
                result.failed[peer] = one.error
        return result

    def _too_late(self, peer: Peer, never_begun: Collection[Peer]) -> TimeoutError:
        if peer not in never_begun:
            return TimeoutError(f"the call did not return within {self._timeout:g} s")
        was_any_begun = len(never_begun) < len(self._peers)
        why = f": earlier calls took all {self.slots} slots (`concurrency`) until then" if was_any_begun else ""
        return TimeoutError(f"the call was not begun within {self._timeout:g} s{why}")


def _name_peer(error: BaseException, peer: Peer) -> None:
    """Add a note that names the peer, once."""
    note = f"peer {peer.netloc()}" + (f" ({peer.name})" if peer.name else "")
    with suppress(Exception):  # an exception may be frozen, as a dataclass can be
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)


def _as_exception(error: BaseException, peer: Peer) -> Exception:
    _name_peer(error, peer)
    if isinstance(error, Exception):
        return error
    wrapped = RuntimeError(f"the call ended in {error!r}")
    wrapped.__cause__ = error
    _name_peer(wrapped, peer)
    return wrapped


def check_call(call: object, *, awaited: bool) -> None:
    """Check the argument `call`.

    Args:
        call: what is called with each peer.
        awaited: whether it may be a coroutine function.

    Raises:
        ConfigError: it is not callable, or a coroutine function that nobody would await.
    """
    if not callable(call):
        raise ConfigError("call", call, "must be callable with a Peer as its one argument")
    if not awaited and is_coroutine_function(call):
        raise ConfigError("call", call, "is a coroutine function; use `await abroadcast(...)` for those")


def _unique(peers: Iterable[Peer]) -> tuple[Peer, ...]:
    if isinstance(peers, PeerSet) and peers.outcome is Outcome.PENDING:
        raise PeersNotReady(
            f"no lookup of {peers.service} has ended yet, so nobody is known to call: wait for the first answer, for "
            "instance with the watcher's `wait_for(0, timeout=60)`",
            "pending",
        )
    if not isinstance(peers, Iterable):
        raise ConfigError("peers", peers, "must be a PeerSet or another iterable of Peer")
    listed = tuple(peers)
    for peer in listed:
        if not isinstance(peer, Peer):
            raise ConfigError("peers", peer, "must be Peer objects, as in a PeerSet")
    return tuple(dict.fromkeys(listed))


def _drained(queue: deque[Any]) -> Iterable[Any]:
    """Everything in a queue from which other threads may take, and to which they may add."""
    for _ in range(len(queue)):
        try:
            yield queue.popleft()
        except IndexError:
            return


def _check_seconds(key: str, seconds: object) -> None:
    if isinstance(seconds, bool) or not (isinstance(seconds, (int, float)) and 0 <= seconds < _LONGEST):
        raise ConfigError(key, seconds, f"must be a number of seconds, at least 0 and less than {_LONGEST:g}")


def _check_count(key: str, count: object) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ConfigError(key, count, "must be a whole number, 1 or more")
