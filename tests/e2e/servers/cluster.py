"""The cluster of these tests: declared to CoreDNS, or written as static zones. Both say the same of every Service.

Two things are left out of the static zones: PTR records of Services that have many Pods, which nobody asks for, and
SRV records of the largest Service, which BIND can't load, as they do not fit one message.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import dns.reversename

from peerdisco.testing import Pod
from tests.e2e.api_server import ApiServer

HTTP = {"http": 8080}
COUNTS = (1, 3, 100, 1000, 4000)
TTL = 30  # seconds
ZONES = ("cluster.local", "10.in-addr.arpa", "d.f.ip6.arpa")
_MOST_WITH_PTR, _MOST_WITH_SRV = 3, 1000
_DOMAIN = "default.svc.cluster.local."


class Service(NamedTuple):
    """A headless Service, or one with a ClusterIP; nothing at all stands for an alias's target."""

    pods: tuple[Pod, ...] = ()
    ports: Mapping[str, int] = HTTP
    cluster_ip: str = ""
    alias: str = ""


def ips(version: int, count: int) -> list[str]:
    """Return the addresses of the Service that has so many Pods; no two Services share one."""
    at = COUNTS.index(count)
    if version == 4:
        return [f"10.{10 + at}.{100 + n // 100}.{100 + n % 100}" for n in range(count)]
    return [f"fd00:{10 + at}::{0x1000 + n:x}" for n in range(count)]


def sized(version: int, count: int) -> str:
    """Return the name of the Service that has so many Pods; short, so that the SRV records of 1000 fit one message."""
    return f"{'n' if version == 4 else 's'}{count}"


SERVICES: dict[str, Service] = {
    **{sized(4, count): Service(tuple(map(Pod, ips(4, count)))) for count in COUNTS},
    **{sized(6, count): Service(tuple(map(Pod, ips(6, count)))) for count in COUNTS if count < 4000},
    "dual": Service(tuple(Pod((f"10.1.0.{n}", f"fd00:1::{n}")) for n in (1, 2, 3))),
    "sts": Service(tuple(Pod(f"10.2.0.{n}", f"db-{n}") for n in (0, 1, 2))),
    "portless": Service((Pod("10.3.0.1"),), ports={}),
    "outside": Service((Pod("192.168.1.1"),), ports={}),
    "vip": Service(cluster_ip="10.96.0.1"),
    "alias": Service(alias=sized(6, 3)),
}


def declare(api: ApiServer) -> None:
    """Declare every Service, and one that has no Pods."""
    api.headless("empty", [], ports=HTTP)
    for name, service in SERVICES.items():
        if service.alias:
            api.external_name(name, f"{service.alias}.{_DOMAIN}".rstrip("."))
        elif service.cluster_ip:
            api.cluster_ip(name, service.cluster_ip, ports=service.ports)
        else:
            api.headless(name, service.pods, ports=service.ports)


def write_zones(folder: Path) -> dict[str, Path]:
    """Write a zone file for each zone, and return their paths by zone."""
    records = [record for name, service in SERVICES.items() for record in _records(f"{name}.{_DOMAIN}", service)]
    paths = {}
    for zone in ZONES:
        soa = f"{zone}. {TTL} SOA ns.{zone}. hostmaster.{zone}. 1 7200 1800 86400 {TTL}"
        inside = [record for record in records if record.partition(" ")[0].endswith(f"{zone}.")]
        head = [soa, f"{zone}. {TTL} NS ns.{zone}.", f"ns.{zone}. {TTL} A 127.0.0.1"]
        paths[zone] = folder / f"{zone}.zone"
        paths[zone].write_text("\n".join([*head, *inside, ""]))
    return paths


def _records(name: str, service: Service) -> Iterator[str]:
    if service.alias:
        yield f"{name} {TTL} CNAME {service.alias}.{_DOMAIN}"
    if service.cluster_ip:
        yield f"{name} {TTL} A {service.cluster_ip}"
        yield f"{_reverse(service.cluster_ip)} {TTL} PTR {name}"
        yield from _srv(name, name, service, 1)
    for pod in service.pods:
        for ip in (pod.ip,) if isinstance(pod.ip, str) else pod.ip:
            endpoint = f"{pod.hostname or _dashed(ip)}.{name}"
            for owner in (name, endpoint):
                yield f"{owner} {TTL} {'AAAA' if ':' in ip else 'A'} {ip}"
            if len(service.pods) <= _MOST_WITH_PTR:
                yield f"{_reverse(ip)} {TTL} PTR {endpoint}"
            if len(service.pods) <= _MOST_WITH_SRV:
                yield from _srv(name, endpoint, service, len(service.pods))


def _srv(name: str, target: str, service: Service, count: int) -> Iterator[str]:
    for port, number in service.ports.items():
        for owner in (name, f"_{port}._tcp.{name}"):
            yield f"{owner} {TTL} SRV 0 {max(1, 100 // count)} {number} {target}"


def _dashed(ip: str) -> str:
    return str(ip_address(ip)).replace(".", "-").replace(":", "-")


def _reverse(ip: str) -> str:
    return dns.reversename.from_address(ip).to_text()
