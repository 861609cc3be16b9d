"""A client of `LocalCluster`: real packets, with dnspython at this end."""

import socket
from collections.abc import Iterator
from typing import BinaryIO

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from peerdisco.testing.cluster import LocalCluster

WEB = "web.default.svc.cluster.local."
PODS = ("10.0.0.1", "10.0.0.2", "10.0.0.3")


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A cluster with one headless Service of three Pods."""
    with LocalCluster(seed=1) as cluster:
        cluster.headless("web", PODS, ports={"http": 80})
        yield cluster


def where(cluster: LocalCluster) -> tuple[str, int]:
    """The server's address for a socket."""
    host, port = cluster.nameserver.split(":")
    return host, int(port)


def ask(
    cluster: LocalCluster,
    name: str = WEB,
    rtype: str = "A",
    transport: str = "udp",
    timeout: float = 5.0,
) -> dns.message.Message:
    """Ask once over a fresh socket."""
    host, port = where(cluster)
    query = dns.message.make_query(name, rtype)
    if transport == "tcp":
        return dns.query.tcp(query, host, timeout=timeout, port=port)
    return dns.query.udp(query, host, timeout=timeout, port=port)


def listed(message: dns.message.Message) -> set[str]:
    """The data of all answer records."""
    return {str(rdata) for rrset in message.answer for rdata in rrset}


def raw(cluster: LocalCluster, name: str = WEB, transport: str = "udp") -> bytes:
    """The reply's bytes to a question with id 7, unread."""
    query = dns.message.make_query(name, "A", id=7).to_wire()
    if transport == "tcp":
        with socket.create_connection(where(cluster), 5) as sock, sock.makefile("rb") as file:
            sock.sendall(framed(query))
            return read_frame(file)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(query, where(cluster))
        return sock.recv(65535)


def framed(packet: bytes) -> bytes:
    """A packet as TCP carries it."""
    return len(packet).to_bytes(2, "big") + packet


def read_frame(file: BinaryIO) -> bytes:
    """The next packet of a TCP connection."""
    return file.read(int.from_bytes(file.read(2), "big"))
