"""Which Services there are, and what stands behind a name or an address: no sockets, no clock."""

import contextlib
import ipaddress

from peerdisco.testing._coredns.records import Labels, folded, labels, packed
from peerdisco.testing._coredns.services import Entry, Service

REVERSE_ZONES = (labels("in-addr.arpa"), labels("ip6.arpa"))
_LONGEST_PATH = len(("_port", "_protocol", "service"))
_LONGEST_PACKED = 255


class Registry:
    """The Services declared, by namespace and name.

    Args:
        domain: The cluster domain's labels.
        namespace: A namespace that exists before anything is declared in it.
    """

    def __init__(self, domain: Labels, namespace: str) -> None:
        self.domain = domain
        self._services: dict[tuple[str, str], Service] = {}
        self._namespaces = {namespace}

    def declare(self, service: Service) -> None:
        """Add a Service, or put it in the place of the one with its name.

        Raises:
            ValueError: A name of it is too long for DNS, or its virtual IP is another's.
        """
        for entry in service.entries:
            if entry.address and not entry.endpoint:
                self._check_free(entry)
        longest = max((len(packed(entry.target)) for entry in service.entries), default=0)
        if longest + len(packed(self.domain)) - 1 > _LONGEST_PACKED:
            raise ValueError(f"Service {service.name!r}: its names are too long for DNS")
        self._services[service.namespace, service.name] = service
        self._namespaces.add(service.namespace)

    def delete(self, namespace: str, name: str) -> None:
        """Take a Service away.

        Raises:
            ValueError: There is none of that name.
        """
        if self._services.pop((namespace, name), None) is None:
            raise ValueError(f"no Service {name!r} is declared in namespace {namespace!r}")

    def entries(self, name: Labels, zone: Labels) -> tuple[Entry, ...] | None:
        """What stands behind a name; empty where it exists all the same, None where not."""
        path = [part.decode("latin-1") for part in folded(name[: -len(zone)])]
        if path in ([], ["svc"], ["pod"], ["ns", "dns"]):
            return ()
        kind = path.pop()
        if kind not in {"svc", "pod"} or not path or folded(zone) in REVERSE_ZONES:
            return None
        namespace = path.pop()
        if namespace not in self._namespaces or len(path) > _LONGEST_PATH:
            return None
        if not path:
            return ()
        found = _pod(namespace, path[-1]) if kind == "pod" else self._selected(namespace, path)
        return found or None

    def names(self, address: bytes) -> list[Labels]:
        """A virtual IP has one name; a Pod has one in each Service that lists it."""
        named = {
            entry.target: entry
            for service in self._services.values()
            for entry in service.entries
            if entry.address == address
        }
        own = [target for target, entry in named.items() if not entry.endpoint]
        return [(*target, *self.domain) for target in own[:1] or named]

    def _selected(self, namespace: str, path: list[str]) -> tuple[Entry, ...]:
        service = self._services.get((namespace, path[-1]))
        if service is None:
            return ()
        match path[:-1]:
            case [endpoint]:
                return service.select(endpoint=endpoint)
            case [port, protocol]:
                return service.select(port=port.removeprefix("_"), protocol=protocol.removeprefix("_"))
        return service.entries

    def _check_free(self, entry: Entry) -> None:
        for holder in self.names(entry.address):
            if holder[: -len(self.domain)] != entry.target:
                ip, spelt = ipaddress.ip_address(entry.address), b".".join(holder).decode()
                raise ValueError(f"the virtual IP {ip} is already that of {spelt!r}")


def reversed_address(name: Labels) -> bytes:
    """The address that a whole reverse name stands for, else nothing (RFC 1035 §3.5)."""
    parts = [part.decode("latin-1") for part in folded(name)[::-1]]
    with contextlib.suppress(ValueError):
        if parts[:2] == ["arpa", "in-addr"]:
            return ipaddress.IPv4Address(".".join(parts[2:])).packed
        if parts[:2] == ["arpa", "ip6"] and [len(part) for part in parts[2:]] == [1] * 32:
            return bytes.fromhex("".join(parts[2:]))
    return b""


def _pod(namespace: str, name: str) -> tuple[Entry, ...]:
    """What ``10-1-0-1.<namespace>.pod`` stands for, whether or not there is such a Pod."""
    dotted = name.count("-") == 3 and "--" not in name
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(name.replace("-", "." if dotted else ":")).packed
        return (Entry("", address, "", "", 0, labels(f"{name}.{namespace}.pod")),)
    return ()
