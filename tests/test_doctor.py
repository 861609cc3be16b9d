"""What `peerdisco doctor` finds in a cluster's DNS on 127.0.0.1: the codes, by Service and by fault."""

from pathlib import Path

import pytest

from peerdisco.cli._doctor_report import GROUPS
from peerdisco.testing import LocalCluster, Pod
from peerdisco.testing.cluster import Fault
from tests.support.doctors import Run, cluster, pod, run
from tests.support.sockets import closed_port

__all__ = ["cluster", "pod", "run"]  # fixtures


def test_a_healthy_service(cluster: LocalCluster, run: Run) -> None:
    """Where all is well nothing is warned of, and no more is asked than is needed."""
    assert run("test-cs-svc") == (0, {})
    assert len(cluster.questions) == 10


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("test-cs-svc-head", "not-headless"),
        ("tset-cs-svc", "no-ready-pods-or-typo"),
        ("empty", "no-ready-pods-or-typo"),
        ("test-cs-svc.defualt", "no-such-namespace"),
        ("abroad", "foreign-alias"),
    ],
)
def test_what_a_service_is(cluster: LocalCluster, run: Run, service: str, code: str) -> None:
    """A Service that has no list fails by one code."""
    cluster.headless("empty", [Pod("10.0.0.1", ready=False)])
    cluster.external_name("abroad", "db.example.com")
    exit_code, found = run(service)

    assert exit_code == 1
    assert (found["is it headless"], found["who is there"]) == ([code], [code])


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("drop", "timeout"),
        ("wrong_id", "timeout"),
        ("servfail", "servfail"),
        ("refused", "refused"),
        ("garbage", "malformed"),
    ],
)
def test_how_dns_fails(cluster: LocalCluster, run: Run, fault: Fault, code: str) -> None:
    """Each way in which DNS fails has its code in every group that needs an answer."""
    cluster.fail(fault)
    exit_code, found = run("test-cs-svc", "--timeout", "0.5")

    assert exit_code == 1
    assert found == {group: [code] for group in ("can I ask", "is it headless", "who is there", "me")}


def test_a_list_that_needs_tcp(cluster: LocalCluster, run: Run) -> None:
    """A list that does not fit UDP is lost where TCP is blocked, and the doctor names TCP."""
    cluster.headless("big", [f"10.0.0.{n}" for n in range(1, 101)])
    assert run("big")[1] == {"me": ["self-not-listed"]}
    cluster.fail("tcp_closed")

    assert run("big") == (
        1,
        {
            "can I ask": ["no-tcp"],
            "is it headless": ["truncated"],
            "who is there": ["truncated"],
            "me": ["truncated"],
        },
    )


def test_a_cut_list(cluster: LocalCluster, run: Run) -> None:
    """A list that is cut even over TCP is a warning."""
    cluster.fail("truncated")

    exit_code, found = run("test-cs-svc", "--own-ips", "10.0.0.9")
    assert (exit_code, found) == (0, {"who is there": ["incomplete"], "me": ["self-not-listed"]})


def test_a_lost_reply(cluster: LocalCluster, run: Run) -> None:
    """One lost packet is a warning, and the rest is found all the same."""
    cluster.fail("drop", times=1, transport="udp")

    assert run("test-cs-svc", "--timeout", "2") == (0, {"can I ask": ["lost-replies"]})


def test_silence_after_the_first_reply(cluster: LocalCluster, run: Run) -> None:
    """A server that drops SRV costs no more than the hostnames."""
    cluster.fail("drop", rtype="SRV")

    assert run("test-cs-svc", "--timeout", "1.5") == (0, {})


def test_a_dead_first_server(cluster: LocalCluster, run: Run) -> None:
    """The second server is asked the rest, and the first is named."""
    dead = f"127.0.0.1:{closed_port()}"

    assert run("test-cs-svc", "--nameserver", dead, "--nameserver", cluster.nameserver) == (
        0,
        {"can I ask": ["dead-first-nameserver"]},
    )


def test_servers_that_disagree(cluster: LocalCluster, run: Run) -> None:
    """A first server of another cluster is named, and the lookup believes it."""
    with LocalCluster() as other:
        servers = ["--nameserver", other.nameserver, "--nameserver", cluster.nameserver]
        exit_code, found = run("test-cs-svc", *servers)

    assert exit_code == 1
    assert found["can I ask"] == ["nameservers-disagree"]
    assert found["is it headless"] == ["no-ready-pods-or-typo"]


def test_a_wrong_domain(run: Run) -> None:
    """A cluster domain that the server does not serve: no name below it is known."""
    exit_code, found = run("test-cs-svc", "--cluster-domain", "svc.cluster.local")

    assert exit_code == 1
    assert (found["where am I"], found["is it headless"]) == (["wrong-cluster-domain"], ["no-such-namespace"])


def test_a_named_port(cluster: LocalCluster, run: Run) -> None:
    """A port's name is looked up as well."""
    assert run("test-cs-svc", "--port", "80-80") == (0, {})
    assert run("test-cs-svc", "--port", "grpc") == (1, {"who is there": ["no-data"]})


def test_without_a_namespace(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing gives the namespace, nameservers are still probed."""
    monkeypatch.delenv("POD_NAMESPACE")
    (tmp_path / "resolv.conf").write_text("search corp.example\n")
    exit_code, found = run("test-cs-svc", "--resolv-conf", str(tmp_path / "resolv.conf"))

    assert exit_code == 1
    assert found == {group: ["no-namespace"] for group in ("where am I", "is it headless", "who is there", "me")}


def test_without_a_nameserver(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a nameserver nothing is asked, and that is what fails."""
    monkeypatch.delenv("PEERDISCO_NAMESERVERS")
    (tmp_path / "resolv.conf").write_text("search default.svc.cluster.local svc.cluster.local\n")
    exit_code, found = run("test-cs-svc", "--resolv-conf", str(tmp_path / "resolv.conf"))

    assert exit_code == 1
    assert found == {group: ["no-nameserver"] for group in GROUPS.values()}
