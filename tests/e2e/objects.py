"""Kubernetes objects as JSON: Services and EndpointSlices as their controllers write them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Protocol

SLICE_SIZE = 1000  # what Kubernetes allows in one EndpointSlice

Json = dict[str, Any]


class PodLike(Protocol):
    """What a declaration needs of a Pod; `peerdisco.testing.Pod` fits."""

    @property
    def ip(self) -> str | tuple[str, ...]:
        """Its address, or one per family."""

    @property
    def hostname(self) -> str | None:
        """The endpoint's name, else it is the dashed address."""

    @property
    def ready(self) -> bool | None:
        """The condition; null counts as true."""


@dataclass(frozen=True)
class Endpoint:
    """A Pod as an EndpointSlice tells of it; every condition may be null."""

    ip: str | tuple[str, ...]
    hostname: str | None = None
    ready: bool | None = True
    serving: bool | None = None
    terminating: bool | None = None


def ports_json(ports: Mapping[str, int]) -> list[Json]:
    """Ports as Services and EndpointSlices hold them."""
    return [{"name": name, "port": port, "protocol": "TCP"} for name, port in ports.items()]


def endpoints_of(pods: Iterable[str | PodLike], publish_not_ready_addresses: bool = False) -> list[Endpoint]:
    """Pods as endpoints, with the conditions that the EndpointSlice controller would set."""
    found = [Endpoint(pod) if isinstance(pod, str) else pod for pod in pods]
    return [
        Endpoint(
            pod.ip,
            pod.hostname,
            # so does the EndpointSlice controller, and CoreDNS reads nothing else
            True if publish_not_ready_addresses else pod.ready,
            getattr(pod, "serving", None),
            getattr(pod, "terminating", None),
        )
        for pod in found
    ]


def slices_of(endpoints: Sequence[Endpoint]) -> Iterator[tuple[str, int, list[Endpoint]]]:
    """One slice per family, and another after each 1000 endpoints: family, number, endpoints."""
    families: dict[int, list[Endpoint]] = {4: [], 6: []}
    for pod in endpoints:
        for ip in (pod.ip,) if isinstance(pod.ip, str) else pod.ip:
            one = Endpoint(ip, pod.hostname, pod.ready, pod.serving, pod.terminating)
            families[ip_address(ip).version].append(one)
    for family, found in families.items():
        for at in range(0, len(found), SLICE_SIZE):
            yield f"IPv{family}", at // SLICE_SIZE, found[at : at + SLICE_SIZE]


def endpoint_json(endpoint: Endpoint) -> Json:
    """An endpoint of a slice."""
    conditions = {
        "ready": endpoint.ready,
        "serving": endpoint.serving,
        "terminating": endpoint.terminating,
    }
    addresses = [endpoint.ip] if isinstance(endpoint.ip, str) else list(endpoint.ip)
    return {"addresses": addresses, "hostname": endpoint.hostname, "conditions": conditions}
