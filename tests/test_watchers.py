"""The contract of `PeerWatcher` and `AsyncPeerWatcher`: the list is kept current, whatever DNS does."""

import asyncio

import pytest

from peerdisco import (
    Answer,
    AsyncPeerWatcher,
    Change,
    LookupFailed,
    NotHeadlessError,
    Outcome,
    Question,
    StaticResolver,
)
from peerdisco.testing import FakeClock, FakeResolver, LocalCluster
from tests.support.watchers import FIRST, OWN, SECOND, MakeDriver, clock, fake, watch

__all__ = ["clock", "fake", "watch"]


def test_peers_are_a_snapshot(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """What was read stays as it was; what is read next is current; reading asks nothing."""
    driver = watch(resolver=fake)
    driver.pass_time(clock)
    before = driver.watcher.peers
    fake["svc"] = [OWN, FIRST, SECOND]
    driver.pass_time(clock, 60)
    asked = len(fake.questions)

    assert before.ips == (FIRST,)
    assert driver.watcher.peers.ips == (FIRST, SECOND)
    assert driver.watcher.peers.own is not None
    assert len(fake.questions) == asked


def test_the_schedule(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """A lookup is made when it is due, and only then."""
    driver = watch(resolver=fake, refresh=5, jitter=0)
    driver.pass_time(clock)
    asked = []
    for seconds in (0.4, 0.1, 0.9, 0.1, 2.0, 4.0, 4.9, 0.1):
        driver.pass_time(clock, seconds)
        asked.append(driver.watcher.status.lookups)

    assert asked == [1, 2, 2, 3, 4, 5, 5, 6]


def test_a_removal_is_confirmed_early(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """A Pod that DNS lists no more is listed half a second longer."""
    driver = watch(resolver=fake, jitter=0)
    for _ in range(9):
        driver.pass_time(clock, 5)
    fake["svc"] = [OWN]
    driver.pass_time(clock, driver.watcher.status.next_refresh or 0)
    assert driver.watcher.peers.ips == (FIRST,)
    driver.pass_time(clock, 0.5)
    assert len(driver.watcher.peers) == 0


def test_failures_keep_the_list(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """While DNS fails the list stays and is stale; when DNS is back, so is the watcher, without any help."""
    driver = watch(resolver=fake)
    driver.pass_time(clock)
    fake.fail("svc", "servfail")
    driver.pass_time(clock, 540)
    stale, failures = driver.watcher.peers, driver.watcher.status.failures
    fake.heal("svc")
    driver.pass_time(clock, 60)

    assert (stale.ips, stale.stale) == ((FIRST,), True)
    assert failures > 9
    assert not driver.watcher.peers.stale
    assert driver.watcher.status.last_error is None


def test_max_stale_empties_the_list(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """A list that could not be refreshed for `max_stale` seconds is emptied, and whoever follows it is told."""
    driver = watch(resolver=fake, max_stale=90)
    changes = driver.changes()
    assert len(next(changes).added) == 1
    fake.fail("svc")
    driver.pass_time(clock, 60)
    assert driver.watcher.peers.ips == (FIRST,)
    driver.pass_time(clock, 60)

    assert len(driver.watcher.peers) == 0
    assert len(next(changes).removed) == 1


def test_status(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """The status tells of the last lookup and of the next."""
    driver = watch(resolver=fake, jitter=0)
    driver.pass_time(clock)
    driver.pass_time(clock, 0.25)
    status = driver.watcher.status

    assert (status.outcome, status.lookups, status.failures, status.last_error) == (Outcome.FOUND, 1, 0, None)
    assert (status.last_success, status.next_refresh) == (0.25, 0.25)
    assert (status.self_listed, status.complete) == (True, True)
    driver.close()
    assert driver.watcher.status.next_refresh is None


def test_refresh(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """A refresh looks up at once, counts like any other lookup, and puts the next one off."""
    driver = watch(resolver=fake, jitter=0)
    driver.pass_time(clock)
    driver.pass_time(clock, 0.4)
    fake["svc"] = [OWN, FIRST, SECOND]

    assert driver.refresh().ips == (FIRST, SECOND)
    assert driver.watcher.peers.ips == (FIRST, SECOND)
    assert (driver.watcher.status.lookups, driver.watcher.status.next_refresh) == (2, 0.5)


def test_a_refresh_that_misses_someone(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """The answer that would confirm it is asked for early, also where nobody but the caller has seen the first."""
    driver = watch(resolver=fake, jitter=0)
    for _ in range(9):
        driver.pass_time(clock, 5)
    fake["svc"] = [OWN]
    assert driver.refresh().ips == (FIRST,)
    driver.pass_time(clock, 0.5)
    assert len(driver.watcher.peers) == 0


def test_refresh_raises_as_a_lookup_does(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Someone who asks now is told why there is no answer; the list stays."""
    driver = watch(resolver=fake)
    driver.pass_time(clock)
    fake.fail("svc", "refused")
    with pytest.raises(LookupFailed) as raised:
        driver.refresh()
    fake.heal("svc")
    fake.cluster_ip("svc", "10.9.9.9")
    with pytest.raises(NotHeadlessError):
        driver.refresh()

    assert raised.value.reason == "refused"
    assert driver.watcher.peers.ips == (FIRST,)
    assert driver.watcher.status.failures == 2


def test_not_headless(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """A ClusterIP is never listed; the status says so, and the watcher goes on asking until the Service is headless."""
    fake.cluster_ip("svc", "10.9.9.9")
    driver = watch(resolver=fake)
    for _ in range(5):
        driver.pass_time(clock, 60)
        assert driver.watcher.peers.ips == ()
    error = driver.watcher.status.last_error
    fake["svc"] = [OWN, FIRST]
    driver.pass_time(clock, 60)

    assert isinstance(error, NotHeadlessError)
    assert error.address == "10.9.9.9"
    assert driver.watcher.peers.ips == (FIRST,)
    assert driver.watcher.status.last_error is None


class Odd:
    """A resolver that raises what no resolver should, at first."""

    def __init__(self) -> None:
        self.lookups = 0

    def lookup(self, question: Question, timeout: float) -> Answer:
        """Two foreign errors, then an answer."""
        self.lookups += 1
        if self.lookups <= 2:
            raise ZeroDivisionError("odd")
        return Answer.of(question, [OWN, FIRST])

    async def alookup(self, question: Question, timeout: float) -> Answer:  # noqa: ASYNC109 - as AsyncResolver wants it
        """The same."""
        return self.lookup(question, timeout)


def test_a_foreign_exception(watch: MakeDriver, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a resolver raises is logged once, counts as a failure, and does not end the watcher."""
    driver = watch("svc.default.svc.cluster.local", resolver=Odd(), own_ips=OWN, max_backoff=0.01)

    assert driver.wait_for(1, timeout=30).ips == (FIRST,)
    assert sum(record.exc_info is not None for record in caplog.records) == 1


def test_a_fixed_list(watch: MakeDriver) -> None:
    """Off-cluster a watcher lists the others of a fixed list."""
    driver = watch(resolver=StaticResolver([OWN, FIRST, SECOND]), own_ips=OWN)
    assert driver.wait_for(2, timeout=30).ips == (FIRST, SECOND)


def test_the_default_resolver_of_a_block(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """A watcher that is made in a fake's block goes on with that fake after the block."""
    with fake:
        driver = watch(start=False)
    driver.start()
    driver.pass_time(clock)
    assert driver.watcher.peers.ips == (FIRST,)


@pytest.mark.parametrize("pods", [3, 300, 5000])
def test_real_packets(watch: MakeDriver, pods: int) -> None:
    """Over UDP, over TCP, and past what one answer holds, a change arrives."""
    with LocalCluster() as cluster:
        everyone = [f"10.1.{n >> 8}.{n & 255}" for n in range(1, pods + 1)]
        cluster.headless("svc", everyone[:-1])
        driver = watch(own_ips=everyone[0], refresh=0.02, max_fleet_qps=1e6, **cluster.options)
        assert set(driver.wait_for(pods - 2 if pods < 5000 else 4900, timeout=60).ips) <= set(everyone[1:-1])
        cluster.headless("svc", everyone)
        for change in driver.changes():
            if everyone[-1] in map(str, change.added):
                break
        driver.close()


def test_subscribing_before_there_is_a_loop() -> None:
    """A callback can be added where no event loop runs yet."""
    watcher = AsyncPeerWatcher("svc", resolver=FakeResolver({"svc": [OWN, FIRST]}, own=OWN))
    told: asyncio.Queue[Change] = asyncio.Queue()
    watcher.subscribe(told.put_nowait)

    async def run() -> Change:
        async with watcher, asyncio.timeout(5):
            return await told.get()

    assert [str(peer) for peer in asyncio.run(run()).added] == [FIRST]
