"""A Prometheus collector for watchers; install it as `peerdisco[prometheus]`.

- Everything is read when Prometheus scrapes: a watcher only counts, and knows nothing of this module.
- A scrape looks nothing up and waits for nothing.
- The label `service` is the Service's absolute name, so two watchers of one collector have different Services.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from peerdisco.errors import ConfigError
from peerdisco.peers import Status

try:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise ImportError("peerdisco.metrics needs prometheus-client: pip install peerdisco[prometheus]") from error

if TYPE_CHECKING:
    from prometheus_client import Metric

    from peerdisco.aio import AsyncPeerWatcher
    from peerdisco.sync import PeerWatcher

__all__ = ["PeerDiscoCollector"]


class PeerDiscoCollector(Collector):
    """Exposes what watchers know, each time a registry is scraped.

    ```python
    REGISTRY.register(PeerDiscoCollector(watcher))
    ```

    It holds its watchers. Unregister it when you close them: a closed watcher is still reported, and its list ages.

    Args:
        watchers: what to report, each of another Service; started or not.

    Raises:
        ConfigError: One of them is no watcher, or two watch the same Service.
    """

    def __init__(self, *watchers: PeerWatcher | AsyncPeerWatcher) -> None:
        services: set[str] = set()
        for watcher in watchers:
            if not isinstance(getattr(watcher, "status", None), Status):
                raise ConfigError("watchers", watcher, "must be a PeerWatcher or an AsyncPeerWatcher")
            service = watcher.peers.service
            if service in services:
                problem = "is watched twice: the same series can't have two values; give each its own registry"
                raise ConfigError("watchers", service, problem)
            services.add(service)
        self._watchers = watchers

    def describe(self) -> Iterator[Metric]:
        """Return the metrics without any values, so that registering reads nothing."""
        yield from _Scrape().families()

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they are now."""
        scrape = _Scrape()
        for watcher in self._watchers:
            scrape.add(watcher.peers.service, watcher.status)
        yield from scrape.families()


class _Scrape:
    """The metrics of one scrape."""

    def __init__(self) -> None:
        self._peers = _gauge("peers", "Peers that are listed, without this Pod.")
        self._members = _gauge("members", "Pods that are listed, this one included.")
        self._self_listed = _gauge("self_listed", "1 if DNS lists this Pod, else 0.")
        self._complete = _gauge("complete", "0 if DNS lists more Pods than could be learnt, else 1.")
        self._stale = _gauge("stale", "1 if the last lookup failed and the list is an earlier one, else 0.")
        self._age = _gauge("list_age_seconds", "Seconds since the last lookup that brought an answer; +Inf before it.")
        self._dropped = _gauge("dropped_addresses", "Addresses in the last answer that may not be a peer's.")
        self._lookups = _counter("lookups", "Lookups that ended, by how: changed, unchanged, or why not.", "code")
        self._changes = _counter("changes", "Peers that were added to or removed from the list.", "kind")
        self._ignored = _counter("ignored_replies", "Replies over UDP that were not to the query.")
        self._durations = HistogramMetricFamily(
            "peerdisco_lookup_duration_seconds", "How long lookups took, retries included.", labels=["service"]
        )

    def add(self, name: str, status: Status) -> None:
        """Add what one watcher knows: one status, so that the numbers of a scrape fit together."""
        service = [name]
        self._peers.add_metric(service, status.peers)
        self._members.add_metric(service, status.members)
        self._self_listed.add_metric(service, status.self_listed)
        self._complete.add_metric(service, status.complete)
        self._stale.add_metric(service, status.stale)
        self._age.add_metric(service, math.inf if status.last_success is None else status.last_success)
        self._dropped.add_metric(service, status.dropped_addresses)
        for code, lookups in status.lookup_codes.items():
            self._lookups.add_metric([*service, code], lookups)
        self._changes.add_metric([*service, "added"], status.added)
        self._changes.add_metric([*service, "removed"], status.removed)
        if status.ignored_replies is not None:
            self._ignored.add_metric(service, status.ignored_replies)
        buckets = [("+Inf" if math.isinf(bound) else str(bound), count) for bound, count in status.lookup_durations]
        self._durations.add_metric(service, buckets, status.lookup_seconds)

    def families(self) -> tuple[Metric, ...]:
        """Return every metric, also one without a value."""
        gauges = self._peers, self._members, self._self_listed, self._complete, self._stale, self._age, self._dropped
        return *gauges, self._lookups, self._changes, self._ignored, self._durations


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"peerdisco_{name}", text, labels=["service"])


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"peerdisco_{name}", text, labels=["service", *labels])
