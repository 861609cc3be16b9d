"""Broadcasts in tasks: how many at once, and what is cancelled when."""

import asyncio

import pytest

from peerdisco import ConfigError, Peer, abroadcast
from tests.support.broadcasts import PEERS, awhile_time_passes

FIRST, SECOND, *_ = PEERS


async def test_at_most_so_many_tasks() -> None:
    """Three calls are under way together, and never a fourth."""
    under_way, most = set[Peer](), list[int]()

    async def call(peer: Peer) -> None:
        under_way.add(peer)
        for _ in range(3):
            await asyncio.sleep(0)
        most.append(len(under_way))
        under_way.discard(peer)

    assert (await abroadcast(PEERS, call, concurrency=3)).ok
    assert max(most) == 3


async def test_a_task_that_does_not_return() -> None:
    """When the time is up it is cancelled, and may clean up; what had not begun never is."""
    called, cleaned_up = list[Peer](), list[Peer]()

    async def call(peer: Peer) -> str:
        called.append(peer)
        if peer == SECOND:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                cleaned_up.append(peer)
        return "told"

    result = await awhile_time_passes(PEERS[:3], call, concurrency=1)

    assert result.succeeded == {FIRST: "told"}
    assert {type(error) for error in result.failed.values()} == {TimeoutError}
    assert (called, cleaned_up) == ([FIRST, SECOND], [SECOND])
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_task_that_refuses_to_end() -> None:
    """It is not waited for, beyond a moment."""
    goes_on = asyncio.Event()

    async def call(peer: Peer) -> str:
        while True:
            try:
                await goes_on.wait()
            except asyncio.CancelledError:
                continue
            return "late"

    result = await awhile_time_passes([FIRST], call)
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}
    goes_on.set()
    await task

    assert isinstance(result.failed[FIRST], TimeoutError)


async def test_cancelling_a_broadcast() -> None:
    """Its calls are cancelled before it is."""
    begun, cancelled = asyncio.Event(), list[Peer]()

    async def call(peer: Peer) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(peer)
            raise

    caller = asyncio.create_task(abroadcast(PEERS, call, concurrency=2))
    await begun.wait()
    caller.cancel()
    await asyncio.wait([caller])

    assert caller.cancelled()
    assert sorted(cancelled) == [FIRST, SECOND]


async def test_cancelling_a_call_that_has_not_begun() -> None:
    """A task that somebody else cancels is a failed call, and is not waited for."""

    async def call(peer: Peer) -> None:
        return

    caller = asyncio.create_task(abroadcast(PEERS[:2], call, concurrency=1, timeout=60))
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - {asyncio.current_task(), caller}:
        task.cancel()
    result = await caller

    assert isinstance(result.failed[FIRST], asyncio.CancelledError)
    assert list(result.succeeded) == [SECOND]


def test_ctrl_c_inside_a_task() -> None:
    """A KeyboardInterrupt in a coroutine is no result of that call: it ends the loop."""

    async def call(peer: Peer) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(abroadcast(PEERS, call, timeout=60))


async def test_plain_functions_for_tasks() -> None:
    """A plain function may return what is to be awaited; where it does not, that is a failure."""

    async def call(peer: Peer, key: str) -> str:
        return f"{key} at {peer}"

    result = await abroadcast(PEERS[:2], lambda peer: call(peer, "key"))
    assert result.succeeded == {FIRST: "key at 10.0.0.1", SECOND: "key at 10.0.0.2"}

    result = await abroadcast([FIRST], lambda peer: asyncio.ensure_future(call(peer, "key")))
    assert result.ok

    failed = (await abroadcast([FIRST], str)).failed[FIRST]  # type: ignore[arg-type] # what is tested
    assert isinstance(failed, ConfigError)
    assert failed.key == "call"
    assert "use `broadcast` for plain functions" in str(failed)
