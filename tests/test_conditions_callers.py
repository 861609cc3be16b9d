"""What watchers and one-shot calls log of a condition that flaps."""

import pytest

from peerdisco import PeerDiscoError
from peerdisco.testing import FakeClock, FakeResolver
from tests.support.both import Discover, sync_and_async
from tests.support.listeners import Listener, listener
from tests.support.watchers import FIRST, OWN, MakeDriver, clock, fake, watch

__all__ = ["clock", "fake", "listener", "watch"]


def test_a_flapping_server(watch: MakeDriver, fake: FakeResolver, clock: FakeClock, listener: Listener) -> None:
    """A watcher of a server that fails every other lookup logs that at most once a minute, and counts each time."""
    driver = watch(resolver=fake, start=False, refresh=5)
    for number in range(60):
        (fake.heal if number % 2 else fake.fail)("svc")
        try:
            driver.refresh()
        except PeerDiscoError:
            assert number % 2 == 0
        clock.advance(5)

    at = [each.at for each in listener.told]
    assert at == [0, 5, 60, 120, 180, 240]
    assert [each.begun for each in listener.told] == [1, 0, 6, 6, 6, 6]
    assert {each.code for each in listener.told} == {"timeout"}


def test_closing_tells_what_was_held_back(
    watch: MakeDriver, fake: FakeResolver, clock: FakeClock, listener: Listener
) -> None:
    """A watcher that is closed in the middle of a minute says how things were."""
    driver = watch(resolver=fake, start=False)
    for step in (fake.fail, fake.heal, fake.fail, fake.heal, fake.fail):
        step("svc")
        try:
            driver.refresh()
        except PeerDiscoError:
            clock.advance(1)
    assert [each.holds for each in listener.told] == [True, False]
    driver.close()
    driver.close()

    assert [(each.holds, each.begun) for each in listener.told[2:]] == [(True, 2)]


def test_exceptions_that_flap(watch: MakeDriver, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """The traceback of what a resolver raises every other time is logged once a minute as well."""

    class Odd:
        """A resolver that raises every other time."""

        def __init__(self) -> None:
            self.clock = clock
            self.asked = 0
            self.fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN)
            self.environment = self.fake.environment

        def lookup(self, *question: object) -> object:
            """Answer, or raise."""
            self.asked += 1
            if self.asked % 2:
                raise OSError("odd")
            return self.fake.lookup(*question)  # type: ignore[arg-type] # passed on as it came

        async def alookup(self, *question: object) -> object:
            """Answer, or raise."""
            return self.lookup(*question)

    driver = watch(resolver=Odd(), start=False)
    for number in range(30):
        try:
            driver.refresh()
        except OSError:
            assert number % 2 == 0
        clock.advance(5)

    assert sum(record.exc_info is not None for record in caplog.records) == 3


@sync_and_async
def test_one_shot_calls(
    discover: Discover, clock: FakeClock, listener: Listener, request: pytest.FixtureRequest
) -> None:
    """A Service that is empty at every other call is warned of at most once a minute."""
    service = f"flaps-{request.node.callspec.id}"
    fake = FakeResolver(clock=clock)
    for number in range(24):
        fake[service] = [] if number % 2 else [OWN, FIRST]
        discover(service, resolver=fake)
        clock.advance(5)

    assert [(each.at, each.holds, each.begun) for each in listener.told] == [
        (5, True, 1),
        (10, False, 0),
        (65, True, 6),
    ]
    clock.advance(5)
    discover(service, resolver=fake)
    assert listener.told[-1].holds is True
