"""The calls of a broadcast as plain decisions: who is next, what a late one counts as, what is refused."""

import asyncio
import functools
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from peerdisco import Answer, Broadcast, ConfigError, Outcome, Peer, PeersNotReady, PeerWatcher, discover_peers
from peerdisco._core.calls import Calls, Ended, check_call
from peerdisco.testing import FakeResolver

FIRST, SECOND, THIRD = (Peer(f"10.0.0.{n}") for n in (1, 2, 3))


def calls(peers: Iterable[Peer] = (FIRST, SECOND, THIRD), *, timeout: Any = 5.0, concurrency: Any = 32) -> Calls:
    """Calls that begin at 100 s."""
    return Calls(peers, timeout, concurrency, 100.0)


def test_each_peer_is_taken_once() -> None:
    """Peers come in their order, and when all are taken nobody is left."""
    subject = calls()

    assert [subject.take(100.0) for _ in range(4)] == [FIRST, SECOND, THIRD, None]


def test_nothing_begins_when_the_time_is_up() -> None:
    """The deadline is the moment itself."""
    subject = calls()

    assert subject.left(103.5) == 1.5
    assert subject.take(104.999) == FIRST
    assert subject.take(105.0) is None


def test_the_last_to_end() -> None:
    """Whoever puts the last end is told that it was the last, whatever the order."""
    subject = calls()
    while subject.take(100.0):
        pass

    assert [subject.put(Ended(peer, peer.ip)) for peer in (THIRD, FIRST, SECOND)] == [False, False, True]
    assert subject.all_ended
    assert list(subject.close().succeeded) == [FIRST, SECOND, THIRD]


def test_late_calls() -> None:
    """A call that did not return, and one that did not begin, are told apart; nothing begins or counts afterwards."""
    subject = calls(timeout=2, concurrency=2)
    first, _ = subject.take(100.0), subject.take(100.0)
    assert first is not None
    subject.put(Ended(first, "here"))
    result = subject.close()

    assert subject.take(100.0) is None
    assert not subject.put(Ended(SECOND, "late"))
    assert result.succeeded == {FIRST: "here"}
    assert {type(error) for error in result.failed.values()} == {TimeoutError}
    assert str(result.failed[SECOND]) == "the call did not return within 2 s"
    assert "was not begun within 2 s" in str(result.failed[THIRD])
    assert "all 2 slots" in str(result.failed[THIRD])


def test_failures_name_their_peer() -> None:
    """Each exception has a note with its peer's address, port and name, once however often it is raised."""
    peer, error = Peer("fd00::1", 80, "web-0"), ValueError("no")
    for _ in range(2):
        subject = calls([peer])
        subject.put(Ended(peer, error=error))
        subject.close()

    assert error.__notes__ == ["peer [fd00::1]:80 (web-0)"]


def test_nobody_to_call() -> None:
    """Without peers all calls have ended before any begins."""
    subject = calls(())

    assert (subject.all_ended, subject.slots, subject.close()) == (True, 0, Broadcast())


def test_who_is_a_peer_of_their_own() -> None:
    """Two ports or two families are two peers; the same Peer twice is one."""
    peers = (FIRST, Peer("10.0.0.1", 80), Peer("10.0.0.1", 81), Peer("fd00::1"), FIRST)

    assert calls(iter(peers)).slots == 4


def test_complete() -> None:
    """A PeerSet that is incomplete or stale may lack Pods; of other iterables nothing is known."""
    fake = FakeResolver({"web": ["10.0.0.1", "10.0.0.2"]})
    watcher = PeerWatcher("web", resolver=fake)
    whole = watcher.refresh()
    fake.fail("web")
    with pytest.raises(Exception, match="timeout"):
        watcher.refresh()
    fake.heal("web")
    fake["web"] = Answer(Outcome.FOUND, frozenset({b"\x0a\0\0\1", b"\x0a\0\0\2"}), complete=False)
    cut = discover_peers("web", resolver=fake)

    assert (calls(whole).close().complete, calls(watcher.peers).close().complete, calls(cut).close().complete) == (
        True,
        False,
        False,
    )
    assert calls([FIRST]).close().complete


def test_pending() -> None:
    """Before the first lookup nobody is known, which is no success."""
    watcher = PeerWatcher("web", resolver=FakeResolver({"web": ["10.0.0.1"]}))
    with pytest.raises(
        PeersNotReady, match=r"no lookup of web\.default\.svc\.cluster\.local\. has ended yet"
    ) as raised:
        calls(watcher.peers)

    assert raised.value.code == "pending"


def test_a_timeout_without_end() -> None:
    """The error says what a number of seconds may be at most."""
    with pytest.raises(ConfigError, match=r"^timeout=inf: must be a number of seconds, .* less than 1e\+09"):
        calls(timeout=float("inf"))


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *(("concurrency", value) for value in (0, -1, 1.5, True, None, "4")),
        *(("timeout", value) for value in (-1, float("nan"), float("inf"), True, None, "5")),
        *(("peers", value) for value in (5, None, "10.0.0.1", ["10.0.0.1"], [FIRST, None])),
    ],
)
def test_bad_arguments(argument: str, value: Any) -> None:
    """What no argument may be is refused by name."""
    with pytest.raises(ConfigError, match=f"^{argument}=") as raised:
        calls(**{argument: value})

    assert raised.value.key == argument


class Sync:
    """Called as a plain function, though something about it is not."""

    def __call__(self, peer: Peer) -> None:
        """Be called."""

    async def method(self, peer: Peer) -> None:
        """Be awaited."""


class Async:
    """Called as a coroutine function."""

    async def __call__(self, peer: Peer) -> None:
        """Be awaited."""


PLAIN: list[Callable[..., object]] = [print, Sync, Async, Sync(), lambda peer: peer, functools.partial(print, 1)]
COROUTINES = [asyncio.sleep, Async(), Sync().method, functools.partial(asyncio.sleep, 0), functools.partial(Async())]


@pytest.mark.parametrize("call", PLAIN)
def test_plain_functions(call: Any) -> None:
    """Threads call plain functions; so may tasks, since such a function may return a coroutine."""
    check_call(call, awaited=False)
    check_call(call, awaited=True)


@pytest.mark.parametrize("call", COROUTINES)
def test_coroutine_functions(call: Any) -> None:
    """Tasks call coroutine functions, and threads refuse them."""
    check_call(call, awaited=True)
    with pytest.raises(ConfigError, match=r"^call=.* is a coroutine function; use `await abroadcast"):
        check_call(call, awaited=False)


@pytest.mark.parametrize("call", [None, "invalidate", FIRST])
@pytest.mark.parametrize("awaited", [True, False])
def test_not_callable(call: Any, *, awaited: bool) -> None:
    """What can't be called is refused at once."""
    with pytest.raises(ConfigError, match=r"^call=.* must be callable"):
        check_call(call, awaited=awaited)
