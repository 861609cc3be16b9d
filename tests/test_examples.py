"""The examples as real processes: replicas that listen on 127.0.0.x, and a cluster's DNS on 127.0.0.1."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from peerdisco.testing import LocalCluster
from tests.support.examples import EXAMPLES, FULL_NAME, IPS, environment, free_port, next_line, request, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has 127.0.0.2 and its like without setup")


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """The story's Service with Pods that can be reached from here."""
    with LocalCluster() as cluster:
        cluster.headless("test-cs-svc", IPS, publish_not_ready_addresses=True)
        yield cluster


@pytest.fixture
def port() -> int:
    """A port that is free on every replica's address."""
    return free_port(IPS)


def listed(*ips: str) -> str:
    """What a replica prints of its peers."""
    return " ".join(("peers:", *ips)) + "\n"


@pytest.mark.parametrize("example", ["statefulset_replica.py", "asyncio_replica.py"])
def test_three_replicas_tell_each_other(example: str, cluster: LocalCluster, port: int) -> None:
    """Each finds the two others, becomes ready, tells them, and follows when the Service shrinks."""
    with ExitStack() as stack:
        replicas = [stack.enter_context(running(example, env=environment(cluster, ip, port))) for ip in IPS]
        for process, own in zip(replicas, IPS, strict=True):
            assert next_line(process) == listed(*(ip for ip in IPS if ip != own))

        assert request("GET", IPS[0], port, "/ready")[0] == 200
        told = request("POST", IPS[0], port, "/invalidate/user:42")
        assert told == (200, "127.0.0.3 was told\n127.0.0.4 was told")
        assert [request("GET", ip, port, "/dropped") for ip in IPS] == [(200, "user:42")] * 3

        cluster.headless("test-cs-svc", IPS[:2])
        assert next_line(replicas[0]) == listed("127.0.0.3")
        replicas[1].terminate()
        replicas[1].wait()
        assert "127.0.0.3 was not told: " in request("POST", IPS[0], port, "/invalidate/user:43")[1]

    assert [process.returncode for process in replicas] == [0, 0, 0]


@pytest.mark.parametrize("example", ["statefulset_replica.py", "asyncio_replica.py"])
def test_a_replica_alone_is_not_ready(example: str, cluster: LocalCluster, port: int) -> None:
    """The probe fails while peers are missing."""
    cluster.headless("test-cs-svc", IPS[:1])
    with running(example, env=environment(cluster, IPS[0], port)):
        cluster.wait_for_questions(1)  # by now the server listens
        assert request("GET", IPS[0], port, "/ready")[0] == 503


def test_the_one_shot_tells_everyone(cluster: LocalCluster, port: int) -> None:
    """Every listed replica is told; one that does not listen makes it exit with 1."""
    options = ["--service", FULL_NAME, "--port", str(port), "--nameserver", cluster.nameserver]
    with ExitStack() as stack:
        for ip in IPS[1:]:
            replica = stack.enter_context(running("statefulset_replica.py", env=environment(cluster, ip, port)))
            next_line(replica)
        arguments = ["user:42", *options, "--allowed-networks", "127.0.0.0/8"]
        with running("invalidate_cache.py", *arguments, env={"POD_IPS": "127.0.0.3"}) as shot:
            out, err = shot.communicate()

        assert (out, shot.returncode) == ("127.0.0.4 was told\n", 1)
        assert err.startswith("127.0.0.2 was not told: ")
        assert request("GET", "127.0.0.4", port, "/dropped") == (200, "user%3A42")
        assert request("GET", "127.0.0.3", port, "/dropped") == (200, "")


def test_the_one_shot_says_why_it_told_nobody(cluster: LocalCluster) -> None:
    """A Service with a head is an error with the library's own words."""
    cluster.cluster_ip("test-cs-svc", "200.68.238.114")
    options = ["--service", FULL_NAME, "--nameserver", cluster.nameserver]
    with running("invalidate_cache.py", "user:42", *options, env={}) as shot:
        _, err = shot.communicate()

    assert shot.returncode == 1
    assert "is not headless" in err


def manifests(name: str) -> list[dict[str, Any]]:
    """The objects of a manifest."""
    yaml = pytest.importorskip("yaml")
    return list(yaml.safe_load_all((EXAMPLES / "kubernetes" / name).read_text()))


def test_the_manifests_are_the_story() -> None:
    """Both Services select the Deployment's Pods, one is headless, and the Pods learn their own addresses."""
    headless, with_head = manifests("services.yaml")
    (deployment,) = manifests("deployment.yaml")
    pods = deployment["spec"]["template"]

    assert (headless["metadata"]["name"], headless["spec"]["clusterIP"]) == ("test-cs-svc", "None")
    assert with_head["metadata"]["name"] == "test-cs-svc-head"
    assert "clusterIP" not in with_head["spec"]
    for service in (headless, with_head):
        assert service["spec"]["selector"] == pods["metadata"]["labels"]
        assert service["spec"]["ports"] == [{"name": "80-80", "port": 80, "protocol": "TCP"}]
    assert (deployment["metadata"]["name"], deployment["spec"]["replicas"]) == ("test-deploy", 3)
    assert fields(pods) == {"POD_IPS": "status.podIPs", "POD_NAMESPACE": "metadata.namespace"}


def test_the_statefulset_can_become_ready() -> None:
    """Its Service publishes Pods that are not ready, they start together, and the probe is the example's."""
    service, replicas = manifests("statefulset.yaml")
    (container,) = replicas["spec"]["template"]["spec"]["containers"]

    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert replicas["spec"]["serviceName"] == service["metadata"]["name"]
    assert replicas["spec"]["podManagementPolicy"] == "Parallel"
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert (EXAMPLES / container["command"][1]).is_file()
    assert fields(replicas["spec"]["template"])["POD_IP"] == "status.podIP"


def fields(pods: Mapping[str, Any]) -> dict[str, str]:
    """The environment variables that the downward API sets."""
    (container,) = pods["spec"]["containers"]
    return {env["name"]: env["valueFrom"]["fieldRef"]["fieldPath"] for env in container["env"] if "valueFrom" in env}
