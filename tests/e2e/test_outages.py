"""Watchers while CoreDNS is gone, knows nothing yet, or only what was: they keep their list, and recover."""

import time
from pathlib import Path

import pytest

from peerdisco import LookupFailed, Outcome
from tests.e2e.api_server import ApiServer
from tests.e2e.changing import OPTIONS, PATIENT, SERVICE, Bounds, Changing, Told, pods
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import corefile
from tests.e2e.watched import Watched, watching


def sit_through(watched: Watched, expected: list[str], reason: str) -> None:
    """Waits for some failed lookups, after which the list must be what it was, and said to be stale."""
    watched.until_looked_up(2, answered=False)
    with pytest.raises(LookupFailed) as raised:
        watched.refresh()

    assert raised.value.reason == reason
    assert watched.now() == set(expected)
    assert watched.peers().stale


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_coredns_gone_and_back(api: ApiServer, coredns: CoreDNS, end: str, record_property: Told) -> None:
    """While CoreDNS is gone everyone stays listed; once it is back, what happened meanwhile is caught up with."""
    service = Changing(api)
    service.declare(pods(0, 3))
    settled(coredns, api)
    with watching(SERVICE, coredns.address, **OPTIONS) as watchers:
        for watched in watchers:
            watched.until_listed(pods(0, 3))
        since = time.monotonic()
        getattr(coredns, end)()
        service.declare(pods(1, 4))
        for watched in watchers:
            sit_through(watched, pods(0, 3), "refused")
        coredns.restart()
        outage = time.monotonic() - since + OPTIONS["max_backoff"]
        service.hold(watchers, Bounds(outage=outage), record_property)
        assert not any(watched.peers().stale for watched in watchers)


def test_servfail_while_unsynced(coredns_binary: Path, api: ApiServer, record_property: Told) -> None:
    """Case 8: a CoreDNS that has started but knows nothing yet says SERVFAIL, which removes nobody."""
    service = Changing(api)
    service.declare(pods(0, 3))
    with CoreDNS(coredns_binary, corefile(api.url), synced=False) as coredns:
        settled(coredns, api)
        with watching(SERVICE, coredns.address, **PATIENT) as watchers:
            for watched in watchers:
                watched.until_listed(pods(0, 3))
            since = time.monotonic()
            with api.paused():
                coredns.restart()
                service.declare(pods(1, 4))
                for watched in watchers:
                    sit_through(watched, pods(0, 3), "servfail")
            settled(coredns, api)
            outage = time.monotonic() - since + OPTIONS["max_backoff"]
            service.hold(watchers, Bounds(outage=outage), record_property)


def test_api_server_out_of_reach(api: ApiServer, coredns: CoreDNS, record_property: Told) -> None:
    """While CoreDNS hears nothing, the list is as old as its answers; then it is caught up with."""
    service = Changing(api)
    service.declare(pods(0, 3))
    settled(coredns, api)
    with watching(SERVICE, coredns.address, **OPTIONS) as watchers:
        for watched in watchers:
            watched.until_listed(pods(0, 3))
        since = time.monotonic()
        with api.paused():
            service.declare(pods(1, 4))
            for watched in watchers:
                watched.until_looked_up(5)
                assert watched.now() == set(pods(0, 3))
                assert not watched.peers().stale
        settled(coredns, api)
        service.hold(watchers, Bounds(outage=time.monotonic() - since), record_property)


def test_watchers_before_dns(api: ApiServer, coredns: CoreDNS, record_property: Told) -> None:
    """Watchers that start before CoreDNS know nothing, and find everyone once it is there."""
    service = Changing(api)
    service.declare(pods(0, 3))
    since = time.monotonic()
    coredns.stop()
    with watching(SERVICE, coredns.address, **OPTIONS) as watchers:
        for watched in watchers:
            watched.until_looked_up(2, answered=False)
            assert watched.peers().outcome is Outcome.PENDING
        coredns.restart()
        outage = time.monotonic() - since + OPTIONS["max_backoff"]
        service.hold(watchers, Bounds(outage=outage), record_property)
