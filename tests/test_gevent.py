"""gevent: after `monkey.patch_all()` single lookups and `PeerWatcher` work, and other greenlets run meanwhile."""

import subprocess
import sys

import pytest

from peerdisco.testing import LocalCluster

pytest.importorskip("gevent", reason="gevent is no runtime dependency")

PATCHED = """
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that ssl was imported before is no matter here
    from gevent import monkey
    monkey.patch_all()
import sys
import gevent
from peerdisco import PeerWatcher, discover_peers
options = {"nameservers": sys.argv[1], "own_ips": "10.0.0.1", "namespace": "default", "cluster_domain": "cluster.local"}
turns = 0
def others():
    global turns
    while True:
        turns += 1
        gevent.sleep(0.001)
gevent.spawn(others)
"""
ONE_SHOT = """
print(len(discover_peers("svc", **options)), len(discover_peers("large", **options)), turns > 0)
"""
MANY = """
found = [gevent.spawn(discover_peers, "svc", **options) for _ in range(20)]
gevent.joinall(found, raise_error=True)
print({one.value.ips for one in found})
"""
WATCHER = """
with PeerWatcher("svc", refresh=0.05, **options) as watcher:
    print(watcher.wait_for(2, timeout=20).ips, turns > 0)
    changed = gevent.spawn(lambda: next(watcher.changes()).added)
    changed.join(20)
    print([peer.ip for peer in changed.value])
print(watcher.status.lookups > 0)
"""


def patched(cluster: LocalCluster, code: str) -> str:
    """Return what a program prints that gevent has patched."""
    command = [sys.executable, "-c", PATCHED + code, cluster.nameserver]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our words
    return done.stdout + done.stderr


@pytest.fixture
def cluster() -> LocalCluster:
    """A Service of three Pods, and one of more than a UDP reply holds; replies take long enough to be waited for."""
    cluster = LocalCluster()
    cluster.fail("delay", seconds=0.02)
    cluster.headless("svc", ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
    cluster.headless("large", [f"10.0.1.{last}" for last in range(200)])
    return cluster


def test_single_lookups(cluster: LocalCluster) -> None:
    """A lookup over UDP and one over TCP work, and other greenlets have their turns meanwhile."""
    with cluster:
        assert patched(cluster, ONE_SHOT) == "2 200 True\n"


def test_many_greenlets(cluster: LocalCluster) -> None:
    """Greenlets look up side by side, and each gets its answer."""
    with cluster:
        assert patched(cluster, MANY) == "{('10.0.0.2', '10.0.0.3')}\n"


def test_a_watcher(cluster: LocalCluster) -> None:
    """The thread of a watcher is a greenlet: `wait_for`, `changes` and `close` work, and block nobody else."""
    with cluster:
        assert patched(cluster, WATCHER) == "('10.0.0.2', '10.0.0.3') True\n['10.0.0.2', '10.0.0.3']\nTrue\n"
