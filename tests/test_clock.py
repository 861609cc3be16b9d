"""The real clock, on which watchers wait."""

import asyncio

from peerdisco.clock import SYSTEM_CLOCK, WakeEvent


def test_the_systems_clock() -> None:
    """The real one runs forward, and ends a wait at its event or its time."""
    wake = WakeEvent()
    before = SYSTEM_CLOCK()
    SYSTEM_CLOCK.wait(wake, 0.01)
    assert SYSTEM_CLOCK() - before >= 0.009
    wake.set()
    SYSTEM_CLOCK.wait(wake, 60)
    assert SYSTEM_CLOCK() - before < 30


async def test_the_systems_clock_in_a_loop() -> None:
    """So it does in an event loop."""
    wake = asyncio.Event()
    before = SYSTEM_CLOCK()
    await SYSTEM_CLOCK.await_(wake, 0.01)
    assert SYSTEM_CLOCK() - before >= 0.009
    wake.set()
    await SYSTEM_CLOCK.await_(wake, 60)
    await SYSTEM_CLOCK.await_(wake, None)
    assert SYSTEM_CLOCK() - before < 30
