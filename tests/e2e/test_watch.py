"""Watchers against CoreDNS while Pods come and go: what they list over time, held against what was ready over time."""

from collections.abc import Iterator

import pytest

from tests.e2e.api_server import ApiServer
from tests.e2e.changing import OPTIONS, SERVICE, Bounds, Changing, Told, pods
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.watched import Watched, watching


@pytest.fixture
def service(api: ApiServer, coredns: CoreDNS) -> Changing:
    """The Service, with three Pods that CoreDNS knows of."""
    service = Changing(api)
    service.declare(pods(0, 3))
    settled(coredns, api)
    return service


@pytest.fixture
def watchers(service: Changing, coredns: CoreDNS) -> Iterator[list[Watched]]:
    """Watchers of sync and async, which list the three."""
    with watching(SERVICE, coredns.address, **OPTIONS) as watchers:
        for watched in watchers:
            watched.until_listed(pods(0, 3))
        yield watchers


def test_statefulset_one_by_one(service: Changing, watchers: list[Watched], record_property: Told) -> None:
    """A StatefulSet's rollout: from the last to the first, a Pod leaves, then one with another IP takes its place."""
    now = pods(0, 3)
    for ordinal in reversed(range(3)):
        old, now[ordinal] = now[ordinal], f"10.0.1.{ordinal}"
        rest = [ip for ip in now if ip != now[ordinal]]
        for ready, terminating in ((rest, [old]), (rest, []), (now, [])):
            service.declare(ready, terminating=terminating)
            for watched in watchers:
                watched.until_looked_up(1)
    service.hold(watchers, Bounds(), record_property)


def test_deployment_surge(service: Changing, watchers: list[Watched], record_property: Told) -> None:
    """A Deployment's rollout: two new Pods at a time become ready before as many old ones leave."""
    now, new = pods(0, 3), [f"10.0.2.{n}" for n in range(4)]
    while new or set(now) & set(pods(0, 3)):
        now, new = now + new[:2], new[2:]
        service.declare(now)
        for watched in watchers:
            watched.until_looked_up(2)
        leaving, now = now[:2], now[2:]
        service.declare(now, terminating=leaving)
    service.hold(watchers, Bounds(), record_property)


def test_scaling(service: Changing, watchers: list[Watched], record_property: Told) -> None:
    """3, 50, 1, none and 3 Pods again: the single one is no ClusterIP, and an empty Service is one that may fill."""
    for count in (50, 1, 0, 3):
        service.declare(pods(0, count))
        service.hold(watchers, Bounds(), record_property)


def test_restless(service: Changing, watchers: list[Watched], record_property: Told) -> None:
    """Pods that change faster than anyone looks lose nobody who stays."""
    for n in range(100):
        service.declare([*pods(0, 2), *pods(10 + n, 12 + n)])
        if n % 10 == 0:
            for watched in watchers:
                watched.until_looked_up(1)
    service.hold(watchers, Bounds(), record_property)
    for watched in watchers:
        assert all(set(pods(0, 2)) <= who for _, who in watched.listed)


def test_nobody_is_removed_past_64_kib(service: Changing, watchers: list[Watched]) -> None:
    """Case 10: though no answer holds all 5000 Pods, none of them leaves, and those who do leave do."""
    service.declare(pods(0, 5000))
    for watched in watchers:
        watched.until_listed(pods(0, 5000))
        watched.until_looked_up(10)
        assert len(watched.now()) == 5000
        assert not watched.peers().complete
    service.declare(pods(0, 4500))
    for watched in watchers:
        watched.until_listed(pods(0, 4500))
