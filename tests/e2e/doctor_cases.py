"""What `peerdisco doctor` is asked about, so that each of its codes appears: cases for CoreDNS and for kube-dns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from peerdisco.testing import Pod
from tests.e2e.cases import many

OWN = "10.0.0.1"
NODE_HOSTS = "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n"
SEARCH = "search default.svc.cluster.local svc.cluster.local cluster.local\n"
NOBODY = "nameserver 127.86.53.1\n"  # nothing listens there
_FULL = ".default.svc.cluster.local"
_HEADLESS, _WHO, _ME = "headless", "who", "me"


class Declares(Protocol):
    """What CoreDNS's cluster and the imitation of kube-dns both take."""

    def headless(self, name: str, pods: Iterable[str | Pod], *, ports: Mapping[str, int] | None = ...) -> None:
        """Declare a headless Service."""

    def cluster_ip(self, name: str, ip: str, /, *, ports: Mapping[str, int] | None = ...) -> None:
        """Declare a Service with a ClusterIP."""


def declare(cluster: Declares) -> None:
    """Declare the Services of the cases."""
    http = {"http": 8080}
    cluster.cluster_ip("kubernetes", "10.96.0.1", ports={"https": 443})
    cluster.headless("web", [OWN, "10.0.0.2", "10.0.0.3"], ports=http)
    cluster.headless("sts", [Pod(f"10.3.0.{n}", f"db-{n}") for n in range(3)], ports={"sql": 5432})
    cluster.headless("lone", [OWN], ports=http)
    cluster.headless("single", ["10.0.0.9"], ports=http)
    cluster.headless("empty", [], ports=http)
    cluster.headless("strange", ["10.0.0.2", "169.254.0.9", OWN], ports=http)
    cluster.headless("big", many(4, 1000), ports=http)
    cluster.headless("huge", many(4, 5000), ports=http)
    cluster.cluster_ip("vip", "10.96.0.7", ports=http)


class Case(NamedTuple):
    """One check-up.

    Attributes:
        groups: what is reported; empty for everything.
        service: the Service's name, as it is given.
        options: further options.
        environ: further environment variables.
        servers: what is asked: `server`, `closed` (a port at which nothing listens), `other` (a kube-dns that has
            no Service); empty where resolv.conf says it.
        way: how the middlebox before `server` behaves; empty for none.
        resolv_conf: the file's text.
        hosts: the text of /etc/hosts; empty for this host's.
        own: this Pod's address; empty where it is not given.
        lacks: the server that the case is not for.
    """

    groups: tuple[str, ...] = ()
    service: str = f"web{_FULL}"
    options: tuple[str, ...] = ()
    environ: Mapping[str, str] = {}
    servers: tuple[str, ...] = ("server",)
    way: str = ""
    resolv_conf: str = SEARCH
    hosts: str = ""
    own: str = OWN
    lacks: str = ""


CASES: Mapping[str, Case] = {
    "healthy": Case(),
    "stateful set": Case((_HEADLESS, _WHO, _ME), f"sts{_FULL}", own="10.3.0.0"),
    "named port": Case((_WHO,), options=("--port", "http")),
    "no such port": Case((_WHO,), options=("--port", "grpc")),
    "IPv6": Case((_HEADLESS, _WHO), options=("--family", "ipv6")),
    "alias": Case((_HEADLESS,), f"ext-web{_FULL}", lacks="kube-dns"),
    "foreign alias": Case((_HEADLESS, _WHO, _ME), f"ext-abroad{_FULL}", lacks="kube-dns"),
    "not in a Pod": Case(("where",), environ={"KUBERNETES_SERVICE_HOST": ""}, hosts="127.0.0.1 localhost\n"),
    "static IPs": Case(
        ("where",), environ={"PEERDISCO_STATIC_IPS": "10.0.0.1"}, servers=(), resolv_conf=SEARCH + NOBODY
    ),
    "host network": Case(("where",), servers=(), resolv_conf=NOBODY, hosts=NODE_HOSTS),
    "no cluster search": Case(("where",), servers=(), resolv_conf=NOBODY),
    "wrong namespace": Case(("where",), "web", environ={"POD_NAMESPACE": "other"}),
    "no namespace": Case(("where", _HEADLESS), "web", resolv_conf="search corp.example\n"),
    "bad variable": Case(("where", _HEADLESS), environ={"POD_IPS": "10.0.0.300"}, own=""),
    "wrong domain": Case(("where",), "web.default.svc.other.example."),
    "no nameserver": Case((), servers=(), resolv_conf=SEARCH),
    "silent": Case((), options=("--timeout", "0.6"), way="drops all"),
    "closed port": Case((), servers=("closed",)),
    "refusing": Case(("ask", _HEADLESS), way="refuses all"),
    "failing": Case(("ask", _HEADLESS), way="fails"),
    "garbled": Case(("ask", _HEADLESS), way="garbles"),
    "too long for UDP": Case((_HEADLESS,), f"big{_FULL}", own="", way="closes TCP"),
    "first one dead": Case(("ask",), servers=("closed", "server")),
    "not the cluster's": Case(("ask",), servers=("server", "other")),
    "not the cluster's, first": Case(("ask",), servers=("other", "server")),
    "six nameservers": Case(("ask",), servers=("server", *["closed"] * 5)),
    "lossy": Case(("ask",), options=("--timeout", "4"), way="drops the first"),
    "slow": Case(("ask",), options=("--timeout", "4"), way="delays"),
    "no EDNS": Case(("ask",), way="refuses EDNS"),
    "EDNS dropped": Case(("ask",), options=("--timeout", "3"), way="drops EDNS"),
    "no TCP": Case(("ask",), way="closes TCP"),
    "ClusterIP": Case((_HEADLESS, _WHO, _ME), f"vip{_FULL}"),
    "no witness": Case((_HEADLESS,), f"single{_FULL}", way="refuses SRV and PTR"),
    "no such namespace": Case((_HEADLESS, _WHO, _ME), "web.nope.svc.cluster.local."),
    "missing": Case((_HEADLESS, _WHO, _ME), f"nope{_FULL}"),
    "empty": Case((_HEADLESS, _WHO, _ME), f"empty{_FULL}"),
    "alone": Case((_WHO,), f"lone{_FULL}"),
    "too many": Case((_WHO, _ME), f"huge{_FULL}", own="", lacks="kube-dns"),
    "too many for SRV": Case((_WHO,), f"big{_FULL}", options=("--port", "http"), own="", lacks="coredns"),
    "strange addresses": Case((_WHO,), f"strange{_FULL}"),
    "stale cache": Case((_WHO,), way="serves stale"),
    "not listed": Case((_WHO, _ME), own="10.0.0.77"),
}

NOT_SEEN: Mapping[str, Mapping[str, str]] = {
    "coredns": {},
    "kube-dns": {
        "alias": "the imitation has no ExternalName Services: no one has measured what kube-dns says about them",
        "foreign-alias": "as for alias",
        "ports": "the SRV records of the bare name have port 0",
        "incomplete": "a list that does not fit is SERVFAIL, never a part of it",
    },
}
"""The codes that a check-up of one kind of server can't have, and why."""
