"""What is logged of an answer names the server that gave it, where that is known."""

import itertools
import logging
from typing import Any

import pytest

from peerdisco import DnsResolver, PeersNotReady
from peerdisco.testing import LocalCluster
from tests.support.both import Discover, sync_and_async
from tests.support.watchers import MakeDriver, watch

__all__ = ["watch"]

_numbers = itertools.count()


@pytest.fixture
def service() -> str:
    """A name that no other test uses: what is logged once is logged once per Service and process."""
    return f"answered-{next(_numbers)}"


def warnings(caplog: pytest.LogCaptureFixture) -> dict[str, str]:
    """Return what each condition's record says."""
    records = [record for record in caplog.records if record.levelno == logging.WARNING]
    return {record.__dict__["code"]: record.getMessage() for record in records}


@sync_and_async
@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"namespace": "shop"}, "no-ready-pods-or-typo"),
        ({"family": "ipv6"}, "no-data"),
        ({"allowed_networks": "10.1.0.0/16"}, "dropped-addresses"),
    ],
)
def test_a_call_names_the_server(
    discover: Discover, caplog: pytest.LogCaptureFixture, service: str, options: dict[str, Any], code: str
) -> None:
    """Of two servers, the record names the one that answered, whatever the condition is."""
    known: dict[str, Any] = {"namespace": "default", "cluster_domain": "cluster.local", "own_ips": "10.0.0.1"}
    with LocalCluster() as refusing, LocalCluster() as cluster:
        refusing.fail("refused")
        cluster.headless(service, ["10.0.0.1", "10.0.0.2"])
        discover(service, nameservers=[refusing.nameserver, cluster.nameserver], **(known | options))

    assert warnings(caplog)[code].endswith(f"; the answer came from {cluster.nameserver} [{code}]")


def test_a_watcher_names_the_server(watch: MakeDriver, caplog: pytest.LogCaptureFixture) -> None:
    """So do a watcher's record and the error of its `wait_for`."""
    with LocalCluster() as cluster:
        driver = watch("tset-cs-svc", resolver=None, start=True, **cluster.options)
        driver.refresh()
        with pytest.raises(PeersNotReady) as raised:
            driver.wait_for(1, timeout=0)

    said = f"no Pod is ready yet; the answer came from {cluster.nameserver}"
    assert f"{said} [no-ready-pods-or-typo]" in warnings(caplog)["no-ready-pods-or-typo"]
    assert f"{said}. A Pod is listed once it is ready" in str(raised.value)


@sync_and_async
def test_a_shared_resolver_may_have_heard_another(
    discover: Discover, caplog: pytest.LogCaptureFixture, service: str
) -> None:
    """A resolver that was given may answer other Services as well, so no server is named."""
    with LocalCluster() as cluster, DnsResolver(cluster.nameserver) as resolver:
        discover(f"{service}.default.svc.cluster.local.", resolver=resolver)

    assert "the answer came from" not in warnings(caplog)["no-ready-pods-or-typo"]
