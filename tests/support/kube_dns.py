"""An imitation of kube-dns, the DNS of GKE clusters without Cloud DNS, by what was measured of the real one.

What sets it apart from CoreDNS:

- The SRV record of a Service's bare name points to a label below it, a hash, whether it is headless or not.
- Only ClusterIPs and Pods with a hostname have a PTR record.
- A denial has no AA flag, and the zone's SOA, which may be kept for 60 seconds.
- A set of SRV records that does not fit TCP is SERVFAIL, though the addresses alone would fit.
"""

import random
import socket
import struct
import zlib
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import NamedTuple, Self

import dns.reversename
from dns.rcode import NOERROR, NXDOMAIN, SERVFAIL
from dns.rdatatype import AAAA, PTR, SRV, A

from peerdisco.testing import Pod
from peerdisco.testing._coredns.query import Query, parse
from peerdisco.testing._coredns.records import Labels, Reply, RRset, authority, folded, labels, packed, pointer
from peerdisco.testing._coredns.render import TC, Transport, render
from peerdisco.testing._coredns.server import Response, Server

ZONE = "cluster.local"
TTL, DENIED_TTL = 30, 60  # seconds
_RA, _PRIORITY = 0x0080, 10


class _Target(NamedTuple):
    name: Labels
    port: int
    addresses: tuple[bytes, ...]


class _Entry(NamedTuple):
    """What one name has."""

    addresses: tuple[bytes, ...] = ()
    targets: tuple[_Target, ...] = ()
    pointer: Labels = ()


class KubeDns:
    """A DNS server on a free port of 127.0.0.1, UDP and TCP; a context manager.

    Attributes:
        address: `127.0.0.1:PORT`.
    """

    def __init__(self) -> None:
        self._entries = {labels(name): _Entry() for name in (ZONE, f"svc.{ZONE}", f"default.svc.{ZONE}")}
        self._server = Server(self._respond, tcp_idle=10.0)
        self.address = self._server.address

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def headless(self, name: str, pods: Iterable[str | Pod], *, ports: Mapping[str, int] | None = None) -> None:
        """Declare a headless Service, or declare it again with other Pods."""
        service = _full(name)
        members = [Pod(pod) if isinstance(pod, str) else pod for pod in pods]
        endpoints = [_Target((_label(pod), *service), 0, _addresses(pod)) for pod in members]
        entries = {target.name: _Entry(target.addresses) for target in endpoints}
        for pod, target in zip(members, endpoints, strict=True):
            if pod.hostname:
                entries |= {_reverse(ip): _Entry(pointer=target.name) for ip in target.addresses}
        self._declare(service, entries, endpoints, endpoints if members else [], ports or {})

    def cluster_ip(self, name: str, ip: str, *, ports: Mapping[str, int] | None = None) -> None:
        """Declare a Service with a ClusterIP."""
        service, addresses = _full(name), _addresses(Pod(ip))
        hashed = _Target((_label(Pod(ip)), *service), 0, addresses)
        itself = _Target(service, 0, addresses)
        entries = {hashed.name: _Entry(addresses), _reverse(addresses[0]): _Entry(pointer=service)}
        self._declare(service, entries, [hashed], [itself], ports or {})

    def _declare(
        self,
        service: Labels,
        entries: Mapping[Labels, _Entry],
        bare: list[_Target],
        behind_ports: list[_Target],
        ports: Mapping[str, int],
    ) -> None:
        """Make these everything that is known of a Service, at once."""
        others = {name: entry for name, entry in self._entries.items() if name[-len(service) :] != service}
        if bare:
            addresses = tuple(ip for target in bare for ip in target.addresses)
            others[service] = _Entry(addresses, tuple(bare))
            for port, number in ports.items():
                targets = tuple(target._replace(port=number) for target in behind_ports)
                others[b"_" + port.encode(), b"_tcp", *service] = _Entry(targets=targets)
        self._entries = others | dict(entries)

    def _respond(self, packet: bytes, transport: Transport) -> Response:
        query = parse(packet)
        if isinstance(query, bytes):
            return Response(query)
        query = query._replace(flags=query.flags | _RA)
        reply = render(query, self._reply(query), transport, random.Random(0))
        if transport == "tcp" and struct.unpack_from("!H", reply, 2)[0] & TC:
            reply = render(query, Reply(SERVFAIL), transport, random.Random(0))
        return Response(reply)

    def _reply(self, query: Query) -> Reply:
        entry = self._entries.get(folded(query.name))
        denial = [authority(labels(ZONE), DENIED_TTL, 1)]
        if entry is None:
            return Reply(NXDOMAIN, authority=denial)
        owner = packed(query.name)
        answer = []
        if query.rtype in (A, AAAA):
            answer = _address_records(owner, entry.addresses, query.rtype)
        elif query.rtype == SRV:
            answer = [_srv(owner, 100 // len(entry.targets), target) for target in entry.targets]
        elif query.rtype == PTR and entry.pointer:
            answer = [pointer(query.name, TTL, entry.pointer)]
        if not answer:
            return Reply(NOERROR, authority=denial)
        glue = [
            record
            for target in entry.targets
            if query.rtype == SRV
            for rtype in (A, AAAA)
            for record in _address_records(packed(target.name), target.addresses, rtype)
        ]
        return Reply(NOERROR, authoritative=True, answer=answer, additional=glue)


def _full(service: str) -> Labels:
    return labels(f"{service}.default.svc.{ZONE}")


def _addresses(pod: Pod) -> tuple[bytes, ...]:
    return tuple(ip_address(ip).packed for ip in ((pod.ip,) if isinstance(pod.ip, str) else pod.ip))


def _label(pod: Pod) -> bytes:
    """A Pod's hostname, or a hash of 8 hexadecimal digits, each of which is written as the code of its character."""
    if pod.hostname:
        return pod.hostname.encode()
    return f"{zlib.crc32(_addresses(pod)[0]):08x}".encode().hex().encode()


def _reverse(address: bytes) -> Labels:
    text = socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
    return labels(dns.reversename.from_address(text).to_text())


def _address_records(owner: bytes, addresses: Iterable[bytes], rtype: int) -> list[RRset]:
    size = 4 if rtype == A else 16
    found = [ip for ip in addresses if len(ip) == size]
    return [RRset(owner, rtype, TTL, found)] if found else []


def _srv(owner: bytes, weight: int, target: _Target) -> RRset:
    head = struct.pack("!HHH", _PRIORITY, weight, target.port)
    return RRset(owner, SRV, TTL, (head,), (packed(target.name),))
