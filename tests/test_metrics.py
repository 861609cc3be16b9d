"""The Prometheus collector: what a registry exposes for watchers, sync and async, and that it costs nothing more."""

import subprocess
import sys
from collections.abc import Mapping
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from peerdisco import ConfigError, LookupFailed, PeerWatcher
from peerdisco._core.counters import BOUNDS
from peerdisco.metrics import PeerDiscoCollector
from peerdisco.testing import FakeClock, FakeResolver
from tests.support.watchers import FIRST, OWN, SECOND, MakeDriver, clock, fake, watch

__all__ = ["clock", "fake", "watch"]

SVC = "svc.default.svc.cluster.local."


def exposed(registry: CollectorRegistry, service: str = SVC) -> dict[str, float]:
    """The values of one Service, each under its name and labels other than `service`."""
    return {
        "/".join([sample.name, *(value for label, value in sorted(sample.labels.items()) if label != "service")]): (
            sample.value
        )
        for metric in registry.collect()
        for sample in metric.samples
        if sample.labels["service"] == service
    }


def registry_of(*watchers: PeerWatcher) -> CollectorRegistry:
    """A registry with these watchers."""
    registry = CollectorRegistry(auto_describe=True)
    registry.register(PeerDiscoCollector(*watchers))
    return registry


def part(values: Mapping[str, float], *names: str) -> dict[str, float]:
    """Some of the values, their names without `peerdisco_`."""
    return {name: values["peerdisco_" + name] for name in names}


LIST = ("peers", "members", "self_listed", "complete", "stale", "list_age_seconds")


def test_the_list_is_exposed(watch: MakeDriver, fake: FakeResolver, clock: FakeClock) -> None:
    """The gauges say how many are listed, whether this Pod is among them, and how old that is."""
    driver = watch(resolver=fake, start=False)
    registry = CollectorRegistry()
    registry.register(PeerDiscoCollector(driver.watcher))
    fake["svc"] = [OWN, FIRST, SECOND]
    driver.refresh()
    clock.advance(7)

    assert part(exposed(registry), *LIST) == {
        "peers": 2,
        "members": 3,
        "self_listed": 1,
        "complete": 1,
        "stale": 0,
        "list_age_seconds": 7,
    }


def test_before_the_first_answer_the_age_is_infinite(fake: FakeResolver) -> None:
    """A watcher that has never had an answer is as loud as one whose answers stopped."""
    values = exposed(registry_of(PeerWatcher("svc", resolver=fake)))

    assert part(values, *LIST) == {
        "peers": 0,
        "members": 0,
        "self_listed": 0,
        "complete": 1,
        "stale": 0,
        "list_age_seconds": float("inf"),
    }


def test_a_list_that_could_not_be_refreshed_is_stale(fake: FakeResolver, clock: FakeClock) -> None:
    """While lookups fail, the list is exposed with its age, and the failures by their code."""
    watcher = PeerWatcher("svc", resolver=fake)
    watcher.refresh()
    fake.fail("svc", "no_nameserver")
    clock.advance(60)
    with pytest.raises(LookupFailed):
        watcher.refresh()

    values = exposed(registry_of(watcher))
    assert part(values, "peers", "stale", "list_age_seconds") == {"peers": 1, "stale": 1, "list_age_seconds": 60}
    assert part(values, "lookups_total/changed", "lookups_total/no-nameserver") == {
        "lookups_total/changed": 1,
        "lookups_total/no-nameserver": 1,
    }


def test_an_unchanged_answer_is_told_apart(fake: FakeResolver) -> None:
    """Lookups that brought news and lookups that did not are different series."""
    watcher = PeerWatcher("svc", resolver=fake)
    for _ in range(5):
        watcher.refresh()

    values = exposed(registry_of(watcher))
    assert part(values, "lookups_total/changed", "lookups_total/unchanged") == {
        "lookups_total/changed": 1,
        "lookups_total/unchanged": 4,
    }


def test_durations_are_a_histogram(fake: FakeResolver) -> None:
    """The buckets begin at 100 µs, end at +Inf, and count every lookup."""
    watcher = PeerWatcher("svc", resolver=fake)
    watcher.refresh()
    watcher.refresh()

    values = exposed(registry_of(watcher))
    bounds = [name.rpartition("/")[2] for name in values if "_bucket/" in name]
    assert bounds == [*map(str, BOUNDS), "+Inf"]
    assert bounds[0] == "0.0001"
    assert values["peerdisco_lookup_duration_seconds_count"] == 2
    assert values["peerdisco_lookup_duration_seconds_sum"] == 0  # its clock stands still


def test_changes_are_counted_by_kind(fake: FakeResolver) -> None:
    """Peers that come and peers that go are different series."""
    watcher = PeerWatcher("svc", resolver=fake, removal_confirmations=1)
    for pods in ([OWN, FIRST, SECOND], [OWN, SECOND]):
        fake["svc"] = pods
        watcher.refresh()

    values = exposed(registry_of(watcher))
    assert part(values, "changes_total/added", "changes_total/removed") == {
        "changes_total/added": 2,
        "changes_total/removed": 1,
    }


def test_dropped_addresses_are_exposed(fake: FakeResolver) -> None:
    """Addresses that may not be a peer's are counted, and are no members."""
    watcher = PeerWatcher("svc", resolver=fake, allowed_networks="10.0.0.0/24")
    fake["svc"] = [OWN, FIRST, "192.0.2.1"]
    watcher.refresh()

    assert part(exposed(registry_of(watcher)), "dropped_addresses", "members") == {"dropped_addresses": 1, "members": 2}


def test_ignored_replies_are_exposed_where_they_are_known(fake: FakeResolver) -> None:
    """A watcher that asks DNS counts ignored replies; one whose resolver counts none has no such series."""
    asking = PeerWatcher("svc.default", cluster_domain="cluster.local", nameservers="127.0.0.1:5353")

    assert exposed(registry_of(asking))["peerdisco_ignored_replies_total"] == 0
    assert "peerdisco_ignored_replies_total" not in exposed(registry_of(PeerWatcher("svc", resolver=fake)))


def test_every_member_counts_once() -> None:
    """`peerdisco_members` is the length of `members`, also where this Pod has several addresses."""
    many = FakeResolver({"svc": [OWN, FIRST, SECOND]}, own=[OWN, SECOND])
    watcher = PeerWatcher("svc", resolver=many)
    watcher.refresh()

    assert exposed(registry_of(watcher))["peerdisco_members"] == len(watcher.peers.members) == 3


def test_several_watchers_are_told_apart(fake: FakeResolver) -> None:
    """Each Service of a collector has series of its own."""
    fake["other"] = [OWN]
    watchers = PeerWatcher("svc", resolver=fake), PeerWatcher("other", resolver=fake)
    for watcher in watchers:
        watcher.refresh()

    registry = registry_of(*watchers)
    assert exposed(registry)["peerdisco_peers"] == 1
    assert exposed(registry, "other.default.svc.cluster.local.")["peerdisco_peers"] == 0


def test_a_scrape_asks_nothing(fake: FakeResolver) -> None:
    """Neither registering nor scraping looks anything up."""
    watcher = PeerWatcher("svc", resolver=fake)
    registry = registry_of(watcher)
    exposed(registry)

    assert fake.questions == []
    assert watcher.status.lookups == 0


def test_registering_reads_no_value(fake: FakeResolver) -> None:
    """`describe` names what `collect` brings, without values."""
    collector = PeerDiscoCollector(PeerWatcher("svc", resolver=fake))

    def names(metrics: list[Metric]) -> list[tuple[str, str]]:
        return [(metric.name, metric.type) for metric in metrics]

    described = list(collector.describe())
    assert names(described) == names(list(collector.collect()))
    assert [metric.samples for metric in described if metric.samples] == []


def test_a_server_exposes_it(fake: FakeResolver) -> None:
    """What prometheus_client serves over HTTP can be read by Prometheus' own format."""
    watcher = PeerWatcher("svc", resolver=fake)
    watcher.refresh()
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry_of(watcher))
    try:
        with urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as response:
            text = response.read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    scraped = {metric.name: metric for metric in text_string_to_metric_families(text)}
    assert [sample.value for sample in scraped["peerdisco_peers"].samples] == [1]
    assert {sample.labels["service"] for metric in scraped.values() for sample in metric.samples} == {SVC}


@pytest.mark.parametrize("wrong", [None, "svc", PeerWatcher], ids=str)
def test_what_is_no_watcher_is_refused(wrong: object) -> None:
    """An argument that is no watcher is an error at once, and no failed scrape later."""
    with pytest.raises(ConfigError, match="must be a PeerWatcher or an AsyncPeerWatcher"):
        PeerDiscoCollector(wrong)  # type: ignore[arg-type] # this is what is refused


def test_two_watchers_of_a_service_are_refused(fake: FakeResolver) -> None:
    """Two watchers of one Service would give a series two values, and is refused, however the Service is spelt."""
    with pytest.raises(ConfigError, match=f"watchers='{SVC}': is watched twice"):
        PeerDiscoCollector(PeerWatcher("svc", resolver=fake), PeerWatcher("svc.default", resolver=fake))


def test_without_prometheus_client_the_import_says_what_to_install() -> None:
    """Where prometheus-client is missing, the ImportError names the extra; the rest of the package needs none of it."""
    code = "import sys; sys.modules['prometheus_client'] = None; import peerdisco.sync; import peerdisco.metrics"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own words

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == "ImportError: peerdisco.metrics needs prometheus-client: pip install peerdisco[prometheus]"
