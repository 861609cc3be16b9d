"""The guide to FastAPI: three uvicorn processes on 127.0.0.2 to 127.0.0.4."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from signal import SIGTERM
from subprocess import Popen

from peerdisco.testing import LocalCluster
from tests.support.examples import IPS, environment, free_port, probe, request_json, running_module, wait_for_line


@contextmanager
def uvicorn(cluster: LocalCluster, ip: str, port: int) -> Iterator[Popen[str]]:
    """A replica that listens."""
    arguments = ["fastapi_app:app", "--host", ip, "--port", str(port)]
    with running_module("uvicorn", *arguments, folder="web", env=environment(cluster, ip, port)) as process:
        wait_for_line(process, "Uvicorn running on")
        yield process


def test_a_post_to_one_reaches_the_others() -> None:
    """Each of three replicas finds the two others and is told by them; SIGTERM ends all of them cleanly."""
    port = free_port()
    with LocalCluster() as cluster, ExitStack() as stack:
        cluster.headless("test-cs-svc", IPS)
        replicas = [stack.enter_context(uvicorn(cluster, ip, port)) for ip in IPS]
        for ip in IPS:
            probe(ip, port)
            assert request_json("GET", ip, port, "/peers") == (200, [other for other in IPS if other != ip])

        told = request_json("POST", IPS[0], port, "/invalidate/user:42")

        assert told == (200, {"told": IPS[1:], "failed": {}, "complete": True})
        assert [request_json("GET", ip, port, "/dropped") for ip in IPS] == [(200, ["user:42"])] * 3
        for process in replicas:
            process.terminate()
            wait_for_line(process, "Application shutdown complete")
    # uvicorn ends by the signal that stopped it, once all is closed.
    assert [process.returncode for process in replicas] == [-SIGTERM] * 3


def test_a_peer_that_is_gone_is_named() -> None:
    """A listed Pod that does not listen any more is among those that were not told."""
    port = free_port()
    with LocalCluster() as cluster:
        cluster.headless("test-cs-svc", IPS[:2])
        with uvicorn(cluster, IPS[0], port):
            probe(IPS[0], port)
            _, told = request_json("POST", IPS[0], port, "/invalidate/user:42")
    assert (told["told"], list(told["failed"])) == ([], [IPS[1]])


def test_a_replica_is_ready_without_peers_but_not_without_dns() -> None:
    """Readiness waits for DNS to answer, even with no Pod at all, and so needs no `publishNotReadyAddresses`."""
    port = free_port()
    with LocalCluster() as cluster:
        cluster.fail("servfail")
        with uvicorn(cluster, IPS[0], port):
            assert request_json("GET", IPS[0], port, "/ready")[0] == 503
            cluster.heal()
            probe(IPS[0], port)
            assert request_json("GET", IPS[0], port, "/peers") == (200, [])
