"""`peerdisco watch` as a process: what it prints as Pods come and go, what it runs, and how it ends."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from peerdisco import PeerDiscoError, PeerWatcher
from peerdisco.cli import main
from peerdisco.cli.watch import Event, EventStream
from peerdisco.testing import FakeClock, FakeResolver, LocalCluster, Pod
from tests.support.commands import PATIENCE, environment, running
from tests.support.watch_command import FIRST, NAME, OWN, SECOND, cluster, end, event, line, watching

__all__ = ["cluster"]


def pod(ip: str) -> dict[str, Any]:
    """A peer as it is printed."""
    return {"ip": ip, "port": None, "name": None, "fqdn": None, "ordinal": None}


def test_it_tells_who_is_there_and_then_what_happens(cluster: LocalCluster) -> None:
    """Who is there comes first, as ADDED; then every Pod that comes or goes."""
    with watching(cluster, "--json") as process:
        assert event(process) == {"type": "ADDED", **pod(FIRST)}
        cluster.headless("svc", [OWN, FIRST, SECOND])
        assert event(process) == {"type": "ADDED", **pod(SECOND)}
        cluster.headless("svc", [OWN, SECOND])
        assert event(process) == {"type": "REMOVED", **pod(FIRST)}
        assert end(process) == (0, "")


def test_a_failing_dns_makes_it_stale(cluster: LocalCluster) -> None:
    """STALE says why lookups fail; FRESH that they no longer do; nobody is removed in between."""
    with watching(cluster, "--json") as process:
        event(process)
        cluster.fail("servfail")
        stale = event(process)
        cluster.heal()

        assert (stale["type"], stale["reason"]) == ("STALE", "servfail")
        assert stale["message"].startswith(f"no answer to {NAME} A: ")
        assert event(process) == {"type": "FRESH"}


def test_a_service_that_is_not_headless_is_stale_from_the_start(cluster: LocalCluster) -> None:
    """A ClusterIP is never listed; once the Service is headless, its Pods are."""
    cluster.cluster_ip("svc", "10.96.0.9")
    with watching(cluster, "--json") as process:
        assert event(process)["reason"] == "not-headless"
        cluster.headless("svc", [OWN, FIRST])
        assert event(process) == {"type": "FRESH"}
        assert event(process) == {"type": "ADDED", **pod(FIRST)}


def test_the_table(cluster: LocalCluster) -> None:
    """Without `--json` there is a line for each event, under a header."""
    cluster.headless("svc", [Pod(OWN, "web-0"), Pod(FIRST, "web-1")], ports={"http": 80})
    with watching(cluster, "--port", "http") as process:
        header, first = line(process).split(), line(process).split()
        cluster.fail("servfail")
        stale = line(process).split()

    assert header == ["EVENT", "TIME", "ADDRESS", "NAME", "PORT", "REASON"]
    assert (first[0], *first[2:]) == ("ADDED", FIRST, "web-1", "80")
    assert (stale[0], *stale[2:]) == ("STALE", "-", "-", "-", "servfail")


def test_hostnames_and_the_schedule_can_be_given(cluster: LocalCluster) -> None:
    """`--hostnames` gives each Pod its name without any port, and `--refresh` goes before the environment."""
    cluster.headless("svc", [Pod(OWN, "web-0"), Pod(FIRST, "web-1")], ports={"http": 80})
    with watching(cluster, "--json", "--hostnames", "--refresh", "0.05", PEERDISCO_REFRESH="3600") as process:
        told = event(process)
        cluster.headless("svc", [Pod(OWN, "web-0")], ports={"http": 80})

        assert (told["name"], told["ordinal"]) == ("web-1", 1)
        assert told["fqdn"] == f"web-1.{NAME}".removesuffix(".")
        assert event(process)["type"] == "REMOVED"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quietly(cluster: LocalCluster, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end it with 0, and without a word."""
    with watching(cluster) as process:
        line(process)

        assert end(process, number) == (0, "")


def test_a_closed_pipe_ends_it_at_once(cluster: LocalCluster) -> None:
    """When nobody reads any more, it ends though nothing happens that it could print."""
    with watching(cluster, "--json") as process:
        event(process)
        assert process.stdout
        assert process.stderr
        process.stdout.close()

        assert process.wait(PATIENCE) == 141
        assert process.stderr.read() == ""


def test_a_pipe_that_is_closed_before_it_prints_ends_it(cluster: LocalCluster) -> None:
    """A reader that has gone before the first line is no error either."""
    reading, writing = os.pipe()
    os.close(reading)
    with running("watch", "svc", env=environment(cluster, OWN), stdout=writing) as process:
        os.close(writing)

        assert process.wait(PATIENCE) == 141
        assert process.stderr
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(["svc", "--refresh", "soon"], "refresh='soon': "), (["http://svc"], "is a URL"), ([], "PEERDISCO_SERVICE")],
    ids=["refresh", "name", "no name"],
)
def test_a_bad_option_is_2(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is said at once; nothing is watched."""
    assert main(["watch", *arguments]) == 2
    assert problem in capsys.readouterr().err


def stream_of(watcher: PeerWatcher) -> Iterator[list[Event]]:
    """The events of each lookup of a watcher that the test refreshes."""
    stream = EventStream()
    while True:
        with suppress(PeerDiscoError):
            watcher.refresh()
        yield list(stream.events(watcher.peers, watcher.status.last_error))


def test_a_pod_whose_port_changes_is_not_lost() -> None:
    """Who keeps the Pods by address sees the old port removed before the new one is added."""
    with LocalCluster() as cluster:
        cluster.headless("svc", [OWN, FIRST], ports={"http": 80})
        watcher = PeerWatcher("svc", own_ips=OWN, port="http", **cluster.options)
        lookups = stream_of(watcher)
        next(lookups)
        cluster.headless("svc", [OWN, FIRST], ports={"http": 8080})
        told = [(event.type, event.peer and event.peer.port) for event in next(lookups)]
        watcher.close()

    assert told == [("REMOVED", 80), ("ADDED", 8080)]


def test_a_list_that_expires_is_stale_before_it_is_removed() -> None:
    """`max_stale` removes everyone, and there is one STALE however long it lasts."""
    clock = FakeClock()
    fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN, clock=clock)
    lookups = stream_of(PeerWatcher("svc", resolver=fake, max_stale=10))
    told = [[event.type for event in next(lookups)]]
    fake.fail("svc")
    for _ in range(3):
        clock.advance(6)
        told.append([event.type for event in next(lookups)])
    fake.heal("svc")
    told.append([event.type for event in next(lookups)])

    assert told == [["ADDED"], ["STALE"], ["REMOVED"], [], ["FRESH", "ADDED"]]
