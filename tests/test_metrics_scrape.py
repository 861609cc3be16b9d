"""A scrape at any moment: in the middle of a lookup, before the start, after the end, and of the same thing twice."""

import threading
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from peerdisco import Answer, ConfigError, LookupFailed, PeerDiscoError, PeerWatcher, Question
from peerdisco.metrics import PeerDiscoCollector
from peerdisco.testing import FakeClock, FakeResolver
from tests.support.forks import in_a_child
from tests.support.watchers import FIRST, OWN, SECOND, MakeDriver, clock, fake, watch

__all__ = ["clock", "fake", "watch"]


def scraped(registry: CollectorRegistry) -> dict[str, float]:
    """Each value of a registry, by name and labels other than `service`, without `peerdisco_`."""
    return {
        "/".join([sample.name.removeprefix("peerdisco_"), *list(sample.labels.values())[1:]]): sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }


def registry_of(*watchers: Any) -> CollectorRegistry:
    """A registry with these watchers."""
    registry = CollectorRegistry()
    registry.register(PeerDiscoCollector(*watchers))
    return registry


class Held(FakeResolver):
    """A resolver that does not answer until it may."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__({"svc": [OWN, FIRST]}, own=OWN, clock=clock)
        self.is_asked, self.may_answer = threading.Event(), threading.Event()

    def lookup(self, question: Question, timeout: float) -> Answer:
        """Answer when it may."""
        self.is_asked.set()
        assert self.may_answer.wait(30)
        return super().lookup(question, timeout)


def test_a_scrape_in_the_middle_of_a_lookup(clock: FakeClock) -> None:
    """While a lookup is under way and another caller waits for it, a scrape gets what is known, and never waits."""
    resolver = Held(clock)
    watcher = PeerWatcher("svc", resolver=resolver)
    registry = registry_of(watcher)
    callers = [threading.Thread(target=watcher.refresh) for _ in range(2)]
    for caller in callers:
        caller.start()
    assert resolver.is_asked.wait(30)

    before = scraped(registry)
    assert all(caller.is_alive() for caller in callers)
    resolver.may_answer.set()
    for caller in callers:
        caller.join()

    assert (before["peers"], before["list_age_seconds"]) == (0, float("inf"))
    assert scraped(registry)["peers"] == 1
    watcher.close()


def test_a_watcher_that_is_not_started(watch: MakeDriver, fake: FakeResolver) -> None:
    """Before the start there is every series that has no code yet, and the age says that nothing was ever learnt."""
    driver = watch(resolver=fake, start=False)
    values = scraped(registry_of(driver.watcher))

    assert (values["peers"], values["members"], values["stale"]) == (0, 0, 0)
    assert values["list_age_seconds"] == float("inf")
    assert values["lookup_duration_seconds_count"] == 0
    assert [name for name in values if name.startswith("lookups_total")] == []
    assert fake.questions == []


def test_a_closed_watcher(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """A closed watcher is reported as it was, but for its age, which grows and raises the alert on a stale list."""
    driver = watch(resolver=fake, start=False)
    driver.refresh()
    registry = registry_of(driver.watcher)
    before = scraped(registry)
    driver.close()
    clock.advance(300)

    assert scraped(registry) == before | {"list_age_seconds": 300}


def test_a_service_that_two_collectors_report(fake: FakeResolver) -> None:
    """A second collector in one registry is refused by the registry, which keeps the first."""
    registry = registry_of(PeerWatcher("svc", resolver=fake))
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(PeerDiscoCollector(PeerWatcher("svc", resolver=fake)))

    lines = generate_latest(registry).decode().splitlines()
    assert sum(line.startswith("peerdisco_peers{") for line in lines) == 1


def test_no_series_comes_twice(watch: MakeDriver, fake: FakeResolver) -> None:
    """Two watchers of a Service are refused, sync or async, and those of different Services share no series."""
    first, again, other = (watch(name, resolver=fake, start=False).watcher for name in ("svc", "svc.default", "other"))
    with pytest.raises(ConfigError, match="is watched twice"):
        PeerDiscoCollector(first, again)

    lines = generate_latest(registry_of(first, other)).decode().splitlines()
    series = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len(series) == len(set(series))


def test_the_status_has_the_same_numbers(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """Whatever a scrape shows is in `status.to_dict()` too."""
    driver = watch(resolver=fake, start=False, removal_confirmations=1)
    fake["svc"] = [OWN, FIRST, SECOND, "127.0.0.1"]
    driver.refresh()
    fake["svc"] = [OWN, FIRST, "127.0.0.1"]
    driver.refresh()
    driver.refresh()
    clock.advance(7)
    fake.fail("svc", "servfail")
    with pytest.raises(PeerDiscoError) as raised:
        driver.refresh()
    assert isinstance(raised.value, LookupFailed)
    status = driver.watcher.status.to_dict()

    assert scraped(registry_of(driver.watcher)) == {
        "peers": status["peers"],
        "members": status["members"],
        "self_listed": status["self_listed"],
        "complete": status["complete"],
        "stale": status["stale"],
        "list_age_seconds": status["last_success"],
        "dropped_addresses": status["dropped_addresses"],
        **{f"lookups_total/{code}": count for code, count in status["lookup_codes"].items()},
        "changes_total/added": status["added"],
        "changes_total/removed": status["removed"],
        **{
            f"lookup_duration_seconds_bucket/{'+Inf' if bound is None else bound}": count
            for bound, count in status["lookup_durations"]
        },
        "lookup_duration_seconds_count": status["lookups"],
        "lookup_duration_seconds_sum": status["lookup_seconds"],
    }
    assert (status["peers"], status["members"], status["stale"], status["removed"]) == (1, 2, True, 1)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # Python 3.12 warns where there are threads
def test_each_worker_counts_for_itself(fake: FakeResolver) -> None:
    """As under gunicorn's `--preload`: a worker's counters go on from its parent's, and nobody else sees them."""
    watcher = PeerWatcher("svc", resolver=fake)
    watcher.refresh()
    registry = registry_of(watcher)

    def look_up_twice() -> float:
        watcher.refresh()
        watcher.refresh()
        return scraped(registry)["lookup_duration_seconds_count"]

    assert [worker() for worker in (in_a_child(look_up_twice), in_a_child(look_up_twice))] == ["3", "3"]
    assert scraped(registry)["lookup_duration_seconds_count"] == 1
