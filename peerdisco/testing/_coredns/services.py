"""The Services a test declares, checked, and flattened into what DNS can say about them.

Every Service becomes a list of :class:`Entry`, one for each address and port, as CoreDNS sees
it. A question picks entries; what it asks for decides which records they turn into.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from peerdisco.testing._coredns.records import Labels, labels

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LONGEST_NAME = 253
PORTLESS = -1


@dataclass(frozen=True, slots=True)
class Pod:
    """A Pod behind a headless Service.

    Args:
        ip: Its address, or for a dual-stack Pod one of each family.
        hostname: The name it has below the Service, as a StatefulSet's Pods have. None gives it
            its address with dashes.
        ready: Whether it is listed. A Pod that is terminating is not ready.

    Raises:
        ValueError: An address or the hostname is not one.
    """

    ip: str | tuple[str, ...]
    hostname: str | None = None
    ready: bool = True

    def __post_init__(self) -> None:
        addresses(self.ip)
        if self.hostname is not None:
            checked_label(self.hostname, "hostname")


class Entry(NamedTuple):
    """An address and port of a Service; ``endpoint`` is empty for what the Service itself has."""

    endpoint: str
    address: bytes
    port_name: str
    protocol: str
    port: int
    target: Labels
    alias: Labels = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A declared Service."""

    namespace: str
    name: str
    entries: tuple[Entry, ...]

    def select(self, *, endpoint: str = "", port: str = "", protocol: str = "") -> tuple[Entry, ...]:
        """The entries that a question means; an empty string stands for any."""
        return tuple(
            entry
            for entry in self.entries
            if (not endpoint or entry.endpoint == endpoint)
            and (not port or entry.port_name == port)
            and (not protocol or entry.protocol == protocol)
        )


def checked_label(value: str, what: str) -> str:
    """Give back a DNS label, or raise ValueError naming it."""
    if not _LABEL.fullmatch(value):
        raise ValueError(f"{what} {value!r} is no DNS label: 1 to 63 of a-z, 0-9 and '-', no '-' at either end")
    return value


def checked_domain(value: str, what: str) -> Labels:
    """Split a domain name whose every label is one, or raise ValueError naming it."""
    name = value.removesuffix(".")
    if len(name) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, name.split("."))):
        raise ValueError(f"{what} {value!r} is no DNS name")
    return labels(value)


def addresses(ip: str | Iterable[str]) -> tuple[bytes, ...]:
    """Pack one address, or one of each family; raise ValueError naming what is neither."""
    given: object = ip
    ips = (ip,) if isinstance(ip, str) else ip if isinstance(given, Iterable) else ()
    packed = tuple(map(_address, ips))
    if not packed or len({len(address) for address in packed}) != len(packed):
        raise ValueError(f"{ip!r} is not one IP address, or one of each family")
    return packed


def headless(
    namespace: str,
    name: str,
    pods: Iterable[str | Pod],
    ports: Mapping[str, int] | None,
    *,
    publish_not_ready: bool,
) -> Service:
    """Flatten a headless Service: every listed Pod's addresses, at every port."""
    where = _checked_path(namespace, name)
    if isinstance(pods, str):
        raise ValueError(f"pods={pods!r} is a string, not a list of Pods")  # noqa: TRY004 - one error
    listed = [pod if isinstance(pod, Pod) else Pod(pod) for pod in pods]
    named_ports = _checked_ports(ports)
    entries = (
        Entry(endpoint, address, *port, (endpoint.encode(), *where))
        for pod in listed
        if pod.ready or publish_not_ready
        for address in addresses(pod.ip)
        for endpoint in (pod.hostname or endpoint_name(address),)
        for port in named_ports
    )
    return Service(namespace, name, tuple(entries))


def cluster_ip(namespace: str, name: str, ips: str | Iterable[str], ports: Mapping[str, int] | None) -> Service:
    """Flatten a Service with a virtual IP: its own name at every port, no endpoints."""
    where = _checked_path(namespace, name)
    named_ports = _checked_ports({"": 80} if ports is None else ports)
    entries = (Entry("", address, *port, where) for port in named_ports for address in addresses(ips))
    return Service(namespace, name, tuple(entries))


def external_name(namespace: str, name: str, target: str) -> Service:
    """Flatten an ExternalName Service: an alias and nothing else."""
    where = _checked_path(namespace, name)
    if _is_address(target):
        raise ValueError(f"external name {target!r} is an address: CoreDNS would not answer it")
    alias = checked_domain(target, "external name")
    return Service(namespace, name, (Entry("", b"", "", "", PORTLESS, where, alias),))


def endpoint_name(address: bytes) -> str:
    """The name of an endpoint whose Pod has no hostname: its address with dashes."""
    dashed = re.sub("[.:]", "-", str(ipaddress.ip_address(address)))
    return dashed + "0" if dashed.endswith("-") else dashed


def _checked_path(namespace: str, name: str) -> Labels:
    checked_label(name, "Service name")
    checked_label(namespace, "namespace")
    return labels(f"{name}.{namespace}.svc")


def _checked_ports(ports: Mapping[str, int] | None) -> list[tuple[str, str, int]]:
    if not ports:
        return [("", "", PORTLESS)]
    for name, port in ports.items():
        if name or len(ports) > 1:
            checked_label(name, "port name")
        if not 0 < port < 1 << 16:
            raise ValueError(f"port {port!r} is not within 1 to 65535")
    return [(name, "tcp", port) for name, port in ports.items()]


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _address(value: str) -> bytes:
    ip = ipaddress.ip_address(value)
    if isinstance(ip, ipaddress.IPv6Address) and (ip.scope_id or ip.ipv4_mapped):
        raise ValueError(f"{value!r} is no address that a Pod can have")
    return ip.packed
