"""Broadcasts: every peer is called once, one that fails costs the others nothing, and nothing is lost."""

import asyncio
import contextvars
from dataclasses import dataclass
from typing import Any, assert_type

import pytest

from peerdisco import Broadcast, ConfigError, Peer, PeersNotReady, PeerWatcher, abroadcast, broadcast
from peerdisco.testing import FakeResolver
from tests.support.broadcasts import PEERS, Cast, sync_and_async

FIRST, SECOND, *_ = PEERS
setting: contextvars.ContextVar[str] = contextvars.ContextVar("setting", default="unset")


@sync_and_async
def test_every_peer_is_called_once(cast: Cast) -> None:
    """Results come back by peer, in the order of the peers, however few calls may be under way at once."""
    for concurrency in (1, 4, 100):
        called: list[Peer] = []

        def call(peer: Peer, called: list[Peer] = called) -> str:
            called.append(peer)
            return peer.ip

        result = cast(PEERS, call, concurrency=concurrency)

        assert sorted(called) == list(PEERS)
        assert list(result.succeeded.items()) == [(peer, peer.ip) for peer in PEERS]
        assert (result.ok, result.complete, result.failed) == (True, True, {})
        result.raise_for_failures()


@sync_and_async
def test_nobody_to_call(cast: Cast) -> None:
    """Without peers nothing fails, and nothing is waited for."""
    assert cast([], print) == Broadcast()


@sync_and_async
def test_failures(cast: Cast) -> None:
    """Whatever a call raises is kept beside its peer, even what ends a thread or a task; the others are called."""
    errors = [ValueError("no"), SystemExit(3), asyncio.CancelledError(), GeneratorExit()]
    raising = dict(zip(PEERS, errors, strict=False))

    def call(peer: Peer) -> str:
        if error := raising.get(peer):
            raise error
        return "told"

    result = cast(PEERS, call, concurrency=1)

    assert result.failed == raising
    assert list(result.succeeded) == list(PEERS[4:])
    assert not result.ok
    assert "5 succeeded, 4 failed [10.0.0.1:8080: ValueError('no')," in repr(result)


@dataclass(frozen=True)
class Refused(Exception):
    """One that takes no note."""

    status: int


@sync_and_async
def test_failures_that_take_no_note(cast: Cast) -> None:
    """A frozen exception is kept as any other, and loses nobody else's result."""

    def call(peer: Peer) -> str:
        if peer == FIRST:
            raise Refused(503)
        return "told"

    result = cast([FIRST, SECOND], call)

    assert (result.failed, result.succeeded) == ({FIRST: Refused(503)}, {SECOND: "told"})
    with pytest.raises(ExceptionGroup, match="1 of 2 calls failed"):
        result.raise_for_failures()


@sync_and_async
def test_raise_for_failures(cast: Cast) -> None:
    """All failures are raised as one ExceptionGroup, in which each names its peer."""

    def call(peer: Peer) -> None:
        raise SystemExit(3) if peer == SECOND else ConnectionError("refused")

    result = cast([FIRST, SECOND], call)
    with pytest.raises(ExceptionGroup, match="2 of 2 calls failed") as raised:
        result.raise_for_failures()

    refused, exited = raised.value.exceptions
    assert (type(refused), refused.__notes__) == (ConnectionError, ["peer 10.0.0.1:8080"])
    assert (type(exited), exited.__notes__, str(exited)) == (
        RuntimeError,
        ["peer 10.0.0.2:8080"],
        "the call ended in SystemExit(3)",
    )
    assert exited.__cause__ is result.failed[SECOND]


@sync_and_async
def test_context_variables(cast: Cast) -> None:
    """Each call sees the caller's context variables, and sets its own."""
    token = setting.set("caller")

    def call(peer: Peer) -> str:
        seen = setting.get()
        setting.set("call")
        return seen

    result = cast(PEERS, call, concurrency=2)
    seen = setting.get()
    setting.reset(token)

    assert set(result.succeeded.values()) == {"caller"}
    assert seen == "caller"


@sync_and_async
def test_a_list_that_is_not_whole(cast: Cast) -> None:
    """The calls may all succeed; that the list was stale is told beside it. Of a pending list nobody is called."""
    fake = FakeResolver({"web": ["10.0.0.1", "10.0.0.2"]})
    watcher = PeerWatcher("web", resolver=fake)
    with pytest.raises(PeersNotReady):
        cast(watcher.peers, print)
    watcher.refresh()
    fake.fail("web")
    with pytest.raises(Exception, match="timeout"):
        watcher.refresh()
    result = cast(watcher.peers, str)

    assert (result.ok, result.complete, len(result.succeeded)) == (True, False, 2)
    assert "incomplete or stale" in repr(result)


@sync_and_async
@pytest.mark.parametrize(
    "bad", [{"concurrency": 0}, {"timeout": float("nan")}, {"timeout": -1}, {"timeout": True}, {"call": None}]
)
def test_bad_arguments(cast: Cast, bad: dict[str, Any]) -> None:
    """An invalid argument is refused by name, and nobody is called."""
    called: list[Peer] = []
    with pytest.raises(ConfigError) as raised:
        cast(PEERS, **{"call": called.append, **bad})

    assert [raised.value.key] == list(bad)
    assert called == []


@sync_and_async
def test_no_time_at_all(cast: Cast) -> None:
    """With zero seconds no call begins, as when a deadline has passed."""
    called: list[Peer] = []
    result = cast(PEERS, called.append, timeout=0)

    assert called == []
    assert {type(error) for error in result.failed.values()} == {TimeoutError}
    assert str(result.failed[FIRST]) == "the call was not begun within 0 s"


def test_types() -> None:
    """The type of the results is that of the call."""

    async def acall(peer: Peer) -> int:
        return 1

    async def main() -> None:
        assert_type(await abroadcast(PEERS, acall), Broadcast[int])

    asyncio.run(main())
    result = broadcast(PEERS, str, timeout=2, concurrency=8)
    assert_type(result, Broadcast[str])
    assert_type(result.succeeded, dict[Peer, str])
    assert_type(result.failed, dict[Peer, BaseException])
