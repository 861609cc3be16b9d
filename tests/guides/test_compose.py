"""The guide to Docker Compose: its example against a DNS server that answers as Docker's does."""

import argparse
import socket
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from peerdisco import LookupFailed, Outcome, discover_peers
from peerdisco.cli import _COMMANDS
from tests.support.docker_dns import DockerDns
from tests.support.examples import EXAMPLES, IPS, free_port, running_module, wait_for_line

FILE = EXAMPLES / "compose" / "compose.yaml"


def services() -> dict[str, Any]:
    """The services of the example."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    return loaded


def test_the_compose_file_follows_the_specification() -> None:
    """It has nothing that the Compose specification does not know."""
    assert PyCompose.from_yaml(FILE.read_text()).service_names() == ["web", "smoke-test"]
    with pytest.raises(ValueError, match="imagee"):
        PyCompose.from_yaml(FILE.read_text().replace("init: true", "imagee: x"))


def test_the_name_is_the_service() -> None:
    """PEERDISCO_SERVICE is the service's own name with a final dot, and one port stands everywhere."""
    web, smoke_test = services()["web"], services()["smoke-test"]

    assert web["environment"]["PEERDISCO_SERVICE"] == "web."
    assert web["expose"] == [web["environment"]["PEERDISCO_PORT"]]
    command, name, *arguments = smoke_test["command"]
    parser = argparse.ArgumentParser()
    _COMMANDS[name].declare(parser)
    given = parser.parse_args(arguments)
    assert (command, given.service, given.min) == ("peerdisco", "web.", web["deploy"]["replicas"])
    assert given.connect == int(web["environment"]["PEERDISCO_PORT"])


def test_three_containers_list_each_other() -> None:
    """Each of three replicas shows the two others, follows when one leaves, and ends at SIGTERM."""
    port = free_port()
    with DockerDns({"web": IPS}) as docker, ExitStack() as stack:
        replicas = []
        for ip in IPS:
            env = services()["web"]["environment"] | {
                "PEERDISCO_PORT": str(port),
                "PEERDISCO_NAMESERVERS": docker.nameserver,
                "PEERDISCO_ALLOWED_NETWORKS": "127.0.0.0/8",
                "PEERDISCO_OWN_IPS": ip,
                "PEERDISCO_REFRESH": "0.1",
                "LISTEN": ip,
            }
            replicas.append(stack.enter_context(running_module("app", folder="compose", env=env)))
            wait_for_line(replicas[-1], "peers: " + " ".join(other for other in IPS if other != ip))
        connection = HTTPConnection(IPS[0], port, timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().read().decode() == f"{IPS[1]}:{port}\n{IPS[2]}:{port}\n"
        connection.close()

        docker.set("web", IPS[:2])
        wait_for_line(replicas[0], f"peers: {IPS[1]}\n")
    assert [process.returncode for process in replicas] == [0, 0, 0]


def test_what_docker_answers() -> None:
    """`web.` takes one question, without a search list; one address is taken for a container, not for a ClusterIP."""
    with DockerDns({"web": ["172.18.0.2", "172.18.0.3"], "tasks.web": ["10.0.1.3"]}) as docker:
        peers = discover_peers("web.", nameservers=docker.nameserver, own_ips="172.18.0.2")
        assert (peers.ips, peers.service, peers.ttl) == (("172.18.0.3",), "web.", 600)
        assert discover_peers("WEB.", nameservers=docker.nameserver, own_ips=()).ips == ("172.18.0.2", "172.18.0.3")
        assert docker.questions == [("web.", "A")] * 2
        assert discover_peers("tasks.web.", nameservers=docker.nameserver, own_ips=()).ips == ("10.0.1.3",)


def test_another_family() -> None:
    """A reply with nothing in it, not even an SOA record, means that there are no addresses of this family."""
    with DockerDns({"web": ["172.18.0.2"], "six": ["fd00::2"]}) as docker:
        options: dict[str, Any] = {"nameservers": docker.nameserver, "own_ips": ()}
        assert discover_peers("web.", family="ipv6", **options).outcome is Outcome.NODATA
        assert discover_peers("web.", family="both", **options).ips == ("172.18.0.2",)
        assert discover_peers("six.", **options).ips == ("fd00::2",)


def test_an_unknown_name() -> None:
    """It is what the host's DNS says; on an internal network it is SERVFAIL, which is an error."""
    with DockerDns({"web": IPS}) as docker:
        assert discover_peers("wbe.", nameservers=docker.nameserver, own_ips=()).outcome is Outcome.NXDOMAIN
    with (
        DockerDns({"web": IPS}, internal=True) as docker,
        pytest.raises(LookupFailed, match="SERVFAIL") as raised,
    ):
        discover_peers("wbe.", nameservers=docker.nameserver, own_ips=(), timeout=0.5)
    assert raised.value.reason == "servfail"


def test_without_the_final_dot() -> None:
    """Without it the name is a Kubernetes Service's: it needs a namespace, or is asked for below a cluster domain."""
    with DockerDns({"tasks.web": ["10.0.1.3"]}) as docker:
        peers = discover_peers("tasks.web", nameservers=docker.nameserver, own_ips=(), cluster_domain="cluster.local")
    assert (peers.outcome, docker.questions) == (Outcome.NXDOMAIN, [("tasks.web.svc.cluster.local.", "A")])


def test_a_container_finds_its_own_address() -> None:
    """Without POD_IPS, the address of an interface is this container's, and is left out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: the kernel says which address it would use
        except OSError:
            pytest.skip("this machine has no address but loopback")
        own = probe.getsockname()[0]
    with DockerDns({"web": [own, "198.51.100.9"]}) as docker:
        peers = discover_peers("web.", nameservers=docker.nameserver)
    assert (peers.ips, str(peers.own)) == (("198.51.100.9",), own)


def test_a_swarm_vip_is_not_noticed() -> None:
    """Swarm's `web` is one virtual IP, and nothing in DNS tells it from a container: `tasks.web` is the list."""
    with DockerDns({"web": ["10.0.1.2"], "tasks.web": ["10.0.1.3", "10.0.1.4"]}) as docker:
        assert discover_peers("web.", nameservers=docker.nameserver, own_ips="10.0.1.3").ips == ("10.0.1.2",)
        assert discover_peers("tasks.web.", nameservers=docker.nameserver, own_ips="10.0.1.3").ips == ("10.0.1.4",)
