"""Services of every kind, to be declared on CoreDNS's cluster and on its double, and questions."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import dns.reversename

from peerdisco.testing.cluster import Pod

ZONE = "cluster.local."
SIZES = {  # around what fits into 512, 1232, 4096 and 65535 bytes, as addresses or as SRV
    4: (5, 6, 7, 8, 9, 16, 18, 19, 20, 21, 22, 29, 30, 65, 66, 70, 71, 73, 74, 252, 253, 1000, 4092, 4093, 4094, 5000),
    6: (5, 16, 17, 41, 42, 144, 145, 1000, 2337, 2338, 2339),
}
EXTERNAL = {
    "ext-web": "web.default.svc.cluster.local",
    "ext-vip": "vip-dual.default.svc.cluster.local",
    "ext-v6": "v6.default.svc.cluster.local",
    "ext-missing": "nope.default.svc.cluster.local",
    "ext-empty": "empty.default.svc.cluster.local",
    "ext-ext": "ext-web.default.svc.cluster.local",
    "ext-self": "ext-self.default.svc.cluster.local",
    "ext-ping": "ext-pong.default.svc.cluster.local",
    "ext-pong": "ext-ping.default.svc.cluster.local",
    "ext-abroad": "db.example.com",
    "ext-reverse": "1.0.0.10.in-addr.arpa",
}


class Declares(Protocol):
    """What CoreDNS's cluster and its double both take."""

    def headless(
        self,
        name: str,
        pods: Iterable[str | Pod],
        *,
        namespace: str | None = ...,
        ports: Mapping[str, int] | None = ...,
        publish_not_ready_addresses: bool = ...,
    ) -> None:
        """Declare a headless Service."""

    def cluster_ip(self, name: str, ips: str | Iterable[str], *, ports: Mapping[str, int] | None = ...) -> None:
        """Declare a Service with a virtual IP."""

    def external_name(self, name: str, target: str) -> None:
        """Declare an alias."""


def declare(cluster: Declares) -> None:
    """Declare one Service of each kind, and one of each size around a boundary."""
    declare_kinds(cluster)
    for version, counts in SIZES.items():
        for count in counts:
            cluster.headless(sized(version, count), many(version, count), ports={"http": 8080})


def declare_kinds(cluster: Declares) -> None:
    """Declare one Service of each kind."""
    web, down = ["10.0.0.1", "10.0.0.2", "10.0.0.3"], Pod("10.2.0.2", ready=False)
    http = {"http": 8080}
    cluster.headless("web", web, ports={"http": 8080, "metrics": 9090})
    cluster.headless("web-too", web[:2], ports=http)
    cluster.headless("web", ["10.9.0.1"], namespace="other")
    cluster.headless("dual", [Pod(("10.1.0.1", "fd00::1")), Pod(("10.1.0.2", "fd00::2"))], ports=http)
    cluster.headless("v6", ["fd00:6::1", "fd00:6::", "2001:db8::1:0:0:1"], ports=http)
    cluster.headless("sts", [Pod(f"10.3.0.{n}", f"db-{n}") for n in range(3)], ports={"sql": 5432})
    cluster.headless("sts-dual", [Pod(("10.4.0.1", "fd00:4::1"), "db-0")], ports={"sql": 5432})
    cluster.headless("shared", [Pod("10.5.0.1", "a"), Pod("10.5.0.1", "b")], ports={"x": 1})
    cluster.headless("empty", [], ports=http)
    cluster.headless("unready", [down], ports=http)
    cluster.headless("partly", ["10.2.0.1", down], ports=http)
    cluster.headless("published", [down], ports=http, publish_not_ready_addresses=True)
    cluster.headless("portless", web)
    cluster.headless("unnamed", web, ports={"": 80})
    cluster.headless("one-port-twice", web, ports={"a": 80, "b": 80})
    cluster.cluster_ip("vip", "10.96.0.1", ports=http)
    cluster.cluster_ip("vip-default", "10.96.0.4")
    cluster.cluster_ip("vip-dual", ["10.96.0.2", "fd00:96::2"], ports={"http": 80, "x": 81})
    cluster.cluster_ip("vip-v6", "fd00:96::3", ports=http)
    for name, target in EXTERNAL.items():
        cluster.external_name(name, target)


def sized(version: int, count: int) -> str:
    """The Service with that many Pods of one family."""
    return f"size-{version}-{count}"


def many(version: int, count: int) -> list[str]:
    """Addresses that are all as long as text, so that a cut leaves the same number of any."""
    if version == 4:
        return [f"10.200.{100 + n // 100}.{100 + n % 100}" for n in range(count)]
    return [f"fd00::{0x1000 + n:x}" for n in range(count)]


_SERVICES = """web web-too dual v6 sts sts-dual shared empty unready partly published portless
    unnamed one-port-twice vip vip-default vip-dual vip-v6 nope WeB"""
_PORTS = """_http._tcp.web _HTTP._TCP.wEb _metrics._tcp.web _http._udp.web _x._tcp.web http.tcp.web
    _tcp.web _http._tcp.portless _http._tcp.unnamed _._tcp.unnamed _a._tcp.one-port-twice
    _http._tcp.vip _x._tcp.vip _http._tcp.vip-default _http._tcp.vip-dual _http._tcp.dual
    _sql._tcp.sts _sql._tcp.sts-dual _http._tcp.empty _http._tcp.unready _http._tcp.published
    _http._tcp.nope _http._tcp.ext-web a._http._tcp.web _http._tcp.10-0-0-1.web"""
_ENDPOINTS = """10-0-0-1.web 10-0-0-9.web 10-1-0-1.dual fd00--1.dual fd00-6--1.v6 fd00-6--0.v6
    fd00-6--.v6 2001-db8--1-0-0-1.v6 db-0.sts DB-0.Sts db-9.sts 10-3-0-0.sts
    db-0.sts-dual a.shared b.shared 10-2-0-2.unready 10-2-0-2.partly 10-2-0-2.published
    10-96-0-1.vip db-0.ext-web x.y.web a.b.c.d.web web.web *.web *"""
_CLUSTER = """default.svc other.svc nope.svc svc x default web.default web.other.svc web.nope.svc
    web.svc any.svc *.svc WEB.OTHER.SVC pod default.pod nope.pod web.default.pod 10-0-0-1.default.pod
    10-0-0-1.nope.pod fd00--1.default.pod 10-0-0.default.pod x.10-0-0-1.default.pod 300-0-0-1.default.pod
    dns-version DNS-Version x.dns-version ns.dns dns x.ns.dns"""
_ELSEWHERE = """cluster.local. Cluster.LOCAL. local. . example.com. web. web.default.svc.
    web.default.svc.cluster.local.default.svc.cluster.local. in-addr.arpa. ip6.arpa. arpa.
    10.in-addr.arpa. 1.0.0.10.10.in-addr.arpa. 300.0.0.10.in-addr.arpa. x.0.0.10.in-addr.arpa.
    1.ip6.arpa. web.in-addr.arpa. default.svc.in-addr.arpa. 01.0.0.10.in-addr.arpa.
    1.0.0.10.IN-ADDR.Arpa."""
_ADDRESSES = """10.0.0.1 10.0.0.3 10.1.0.1 fd00::1 10.3.0.1 10.4.0.1 fd00:4::1 10.5.0.1 10.2.0.2
    10.96.0.1 10.96.0.2 fd00:96::2 10.96.0.9 fd00:6:: 192.0.2.1 2001:db8::9 10.9.0.1"""

NAMES = [
    *(f"{name}.default.svc.{ZONE}" for name in f"{_SERVICES} {_PORTS} {_ENDPOINTS}".split()),
    *(f"{name}.default.svc.{ZONE}" for name in EXTERNAL),
    *(f"{name}.{ZONE}" for name in _CLUSTER.split()),
    *_ELSEWHERE.split(),
    *(dns.reversename.from_address(address).to_text() for address in _ADDRESSES.split()),
]
