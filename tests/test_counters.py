"""What a watcher counts, as its status shows it, sync and async."""

import contextlib
import json
import math
from dataclasses import dataclass
from typing import ClassVar

import pytest

from peerdisco import Answer, PeerDiscoError, Question
from peerdisco._core.addresses import pack_ips
from peerdisco._core.counters import BOUNDS
from peerdisco.environment import Environment, StaticEnvironment
from peerdisco.errors import Reason
from peerdisco.testing import FakeClock, FakeResolver, LocalCluster
from tests.support.watchers import FIRST, OWN, SECOND, MakeDriver, clock, fake, watch

__all__ = ["clock", "fake", "watch"]


@dataclass
class Slow:
    """A resolver whose answers take time, as its clock shows it."""

    clock: FakeClock
    seconds: float = 0.003
    environment: ClassVar[Environment] = StaticEnvironment(pack_ips(OWN))

    def lookup(self, question: Question, timeout: float) -> Answer:
        """Answer after a while."""
        self.clock.advance(self.seconds)
        return Answer.of(question, [OWN, FIRST])

    async def alookup(self, question: Question, timeout: float) -> Answer:  # noqa: ASYNC109 - as AsyncResolver wants it
        """Answer after a while."""
        return self.lookup(question, timeout)


def test_an_unchanged_answer_is_told_apart(watch: MakeDriver, fake: FakeResolver) -> None:
    """Answers that bring news and answers that do not are counted under different codes."""
    driver = watch(resolver=fake, start=False)
    for pods in ([OWN, FIRST], [OWN, FIRST], [OWN, FIRST, SECOND], [OWN, FIRST, SECOND]):
        fake["svc"] = pods
        driver.refresh()

    assert driver.watcher.status.lookup_codes == {"changed": 2, "unchanged": 2}


@pytest.mark.parametrize("reason", ["timeout", "servfail", "no_nameserver"])
def test_a_failure_is_counted_by_its_code(watch: MakeDriver, fake: FakeResolver, reason: Reason) -> None:
    """A lookup that fails is counted under its reason, with hyphens."""
    driver = watch(resolver=fake, start=False)
    fake.fail("svc", reason)
    for _ in range(2):
        with pytest.raises(PeerDiscoError):
            driver.refresh()

    assert driver.watcher.status.lookup_codes == {reason.replace("_", "-"): 2}


def test_an_empty_answer_is_counted_by_what_it_says(watch: MakeDriver, fake: FakeResolver) -> None:
    """An answer without Pods is counted under the code of its log record, before it is confirmed and after."""
    driver = watch(resolver=fake, start=False)
    driver.refresh()
    fake["svc"] = []
    driver.refresh()
    assert driver.watcher.peers.ips == (FIRST,)
    driver.refresh()

    assert driver.watcher.status.lookup_codes == {"changed": 1, "no-ready-pods-or-typo": 2}


def test_a_cluster_ip_and_a_broken_resolver_have_codes(watch: MakeDriver, fake: FakeResolver) -> None:
    """A Service that is not headless, and a resolver that raises what it should not, are counted as well."""
    fake.cluster_ip("headed", "10.96.0.1")
    headed = watch("headed", resolver=fake, start=False)
    with pytest.raises(PeerDiscoError):
        headed.refresh()
    broken = watch(resolver=Slow(FakeClock(), seconds=-1), start=False)  # the clock raises
    with pytest.raises(ValueError, match="must be a number of seconds"):
        broken.refresh()

    assert headed.watcher.status.lookup_codes == {"not-headless": 1}
    assert broken.watcher.status.lookup_codes == {"resolver-error": 1}


def test_durations_are_counted_in_buckets(watch: MakeDriver, clock: FakeClock) -> None:
    """A lookup of 3 ms is counted under every bound from 5 ms on, by the watcher's own clock."""
    driver = watch(resolver=Slow(clock), start=False)
    driver.refresh()
    status = driver.watcher.status

    assert status.lookup_durations == tuple((bound, int(bound >= 0.005)) for bound in (*BOUNDS, math.inf))
    assert status.lookup_seconds == pytest.approx(0.003)


def test_what_is_longer_than_every_bound_is_counted(watch: MakeDriver, clock: FakeClock) -> None:
    """A lookup of a minute is in the last bucket alone."""
    driver = watch(resolver=Slow(clock, seconds=60), start=False, timeout=100)
    driver.refresh()

    assert driver.watcher.status.lookup_durations[-2:] == ((BOUNDS[-1], 0), (math.inf, 1))


def test_changes_add_up_to_the_list(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """What was added less what was removed is what is listed, also when `max_stale` empties the list."""
    driver = watch(resolver=fake, start=False, removal_confirmations=1, max_stale=10)
    counted = []
    for pods in ([OWN, FIRST], [OWN, FIRST, SECOND], [OWN, SECOND], "timeout"):
        fake["svc"] = pods
        clock.advance(20)
        with contextlib.suppress(PeerDiscoError):
            driver.refresh()
        status = driver.watcher.status
        counted.append((status.added, status.removed))
        assert status.added - status.removed == len(driver.watcher.peers)

    assert counted == [(1, 0), (2, 0), (2, 1), (2, 2)]


def test_dropped_addresses_are_those_of_the_last_answer(watch: MakeDriver, fake: FakeResolver) -> None:
    """Addresses outside the allowed networks are counted as long as DNS lists them."""
    driver = watch(resolver=fake, start=False, allowed_networks="10.0.0.0/24")
    fake["svc"] = [OWN, FIRST, "192.0.2.1", "192.0.2.2"]
    driver.refresh()
    dropped = driver.watcher.status.dropped_addresses
    fake["svc"] = [OWN, FIRST]
    driver.refresh()

    assert (dropped, driver.watcher.status.dropped_addresses) == (2, 0)


def test_the_status_stays_ready_for_json(watch: MakeDriver, fake: FakeResolver) -> None:
    """The new numbers are in `to_dict` without any `Infinity`, and a status can still be hashed."""
    driver = watch(resolver=fake, start=False)
    driver.refresh()
    status = driver.watcher.status
    told = json.loads(json.dumps(status.to_dict(), allow_nan=False))

    assert told["lookup_codes"] == {"changed": 1}
    assert told["lookup_durations"][-1] == [None, 1]
    assert (told["added"], told["removed"], told["dropped_addresses"]) == (1, 0, 0)
    assert hash(status) == hash(status)


def test_ignored_replies_are_counted(watch: MakeDriver) -> None:
    """A reply with the wrong id is ignored and counted; where no DNS is asked, nothing is known."""
    with LocalCluster() as cluster:
        cluster.headless("svc", [OWN, FIRST])
        cluster.fail("wrong_id", times=1)
        driver = watch(start=False, timeout=1, own_ips=OWN, **cluster.options)
        before = driver.watcher.status.ignored_replies
        driver.refresh()
        fixed = watch(start=False, static_ips=[OWN, FIRST], own_ips=OWN)

        assert (before, driver.watcher.status.ignored_replies) == (0, 1)
        assert fixed.watcher.status.ignored_replies is None
