"""IP addresses as the 4 or 16 bytes that DNS carries: packed, so that thousands are compared as sets."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IPV4_BYTES = 4
_MAPPED = bytes(10) + b"\xff\xff"
# An address that begins with one of these bytes is neither loopback, link-local, multicast, unspecified nor broadcast,
# nor means an IPv4 address that is; but for 6to4's, which begin with 20 02.
_HARMLESS = {
    4: bytes(set(range(256)) - {0, 127, 169, *range(224, 240), 255}),
    16: bytes(set(range(256)) - {0, 0xFE, 0xFF}),
}
_6TO4 = bytes.fromhex("2002")
# Forms of IPv6 that end in the IPv4 address that they mean: IPv4-mapped and -compatible (RFC 4291 section 2.5.5),
# -translated (RFC 2765), and NAT64's well-known and local-use prefixes (RFC 6052, RFC 8215).
_ENDING_IN_IPV4 = (
    _MAPPED,
    bytes(12),
    bytes(8) + b"\xff\xff\0\0",
    bytes.fromhex("0064ff9b") + bytes(8),
    bytes.fromhex("0064ff9b0001"),
)
# Where a machine of AWS and of Google Cloud asks for its credentials over IPv6: in name not link-local, but in kind.
_METADATA = frozenset({ip_address("fd00:ec2::254").packed, ip_address("fd20:ce::254").packed})

_OCTETS = tuple(map(str, range(256)))


def pack_ip(text: str) -> bytes:
    """Return an IP address as its bytes; an IPv4-mapped IPv6 address as the IPv4 address that it means.

    Raises:
        ValueError: The text is no IP address.
    """
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        if address.scope_id:
            raise ValueError(f"{text!r} is bound to an interface, so no other host can mean it")
        address = address.ipv4_mapped or address
    return address.packed


def mapped(packed: bytes) -> tuple[bytes, ...]:
    """Return the IPv6 form of an IPv4 address, in which DNS may list it as AAAA (RFC 4291 section 2.5.5.2)."""
    return (_MAPPED + packed,) if len(packed) == IPV4_BYTES else ()


def unmapped(packed: bytes) -> bytes:
    """Return the IPv4 address that an IPv4-mapped IPv6 address means; any other as it is."""
    is_mapped = len(packed) > IPV4_BYTES and packed.startswith(_MAPPED)
    return packed[len(_MAPPED) :] if is_mapped else packed


def pack_ips(text: str) -> tuple[bytes, ...]:
    """Return addresses that have commas or blanks between them as their bytes.

    Raises:
        ValueError: One of them is no IP address, or the text is empty.
    """
    packed = tuple(map(pack_ip, text.replace(",", " ").split()))
    if not packed:
        raise ValueError("is empty")
    return packed


def text_of(packed: bytes) -> str:
    """Return a packed address as text."""
    return socket.inet_ntop(socket.AF_INET if len(packed) == IPV4_BYTES else socket.AF_INET6, packed)


def texts_of(packed: Sequence[bytes]) -> tuple[str, ...]:
    """Return packed addresses as text."""
    text = _OCTETS
    try:  # a third faster than inet_ntoa
        return tuple([f"{text[a]}.{text[b]}.{text[c]}.{text[d]}" for a, b, c, d in packed])
    except ValueError:  # IPv6 is among them
        return tuple(map(text_of, packed))


def are_of_one_family(packed: Sequence[bytes]) -> bool:
    """Return whether all addresses have the same size."""
    return not packed or len(packed[0]) * len(packed) == len(b"".join(packed))


def is_loopback(packed: bytes) -> bool:
    """Return whether an address is a loopback address."""
    return ip_address(packed).is_loopback


def reverse_name(packed: bytes) -> str:
    """Return the name under which PTR is asked for an address (RFC 1035 section 3.5, RFC 3596 section 2.5)."""
    return ip_address(packed).reverse_pointer + "."


def dashed(packed: bytes) -> str:
    """Return the label that CoreDNS gives to a Pod without a hostname: `10-1-0-1`, `fd00--1`."""
    if len(packed) == IPV4_BYTES:
        a, b, c, d = packed
        return f"{a}-{b}-{c}-{d}"
    name = text_of(packed).replace(".", "-").replace(":", "-")
    return name + "0" if name.endswith("-") else name


def undashed(label: str) -> bytes | None:
    """Return the address that such a label shows; None if it shows none."""
    for text in (label.replace("-", "."), label.replace("-", ":")):
        try:  # ten times as fast as `pack_ip`; a NUL or a lone surrogate is a ValueError
            packed = socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
        except (OSError, ValueError):
            continue
        return unmapped(packed)
    return None


class Networks:
    """Which addresses may be a peer's.

    Args:
        cidrs: the networks that may hold one; None for every unicast address that Kubernetes allows to an endpoint
            (no loopback, link-local, multicast or unspecified one), except for those that lead to one that it does not
            allow, by NAT64 or 6to4 for example, and for the IPv6 metadata addresses of AWS and Google Cloud.
    """

    def __init__(self, cidrs: Sequence[str] | None = None) -> None:
        self._networks = None if cidrs is None else tuple(map(ip_network, cidrs))
        self._columns = [(network.max_prefixlen // 8, _columns(network)) for network in self._networks or ()]
        self._inside: frozenset[bytes] = frozenset()

    def outside(self, addresses: frozenset[bytes]) -> frozenset[bytes]:
        """Return those that may not be a peer's."""
        joined = b"".join(addresses)
        size = len(next(iter(addresses), b"0000"))
        # An ordinary list has one family, and one look at each byte of all its addresses together clears it.
        if len(joined) == size * len(addresses):
            if self._networks is None:
                first = joined[::size]
                may_be_6to4 = _6TO4[0] in first and _6TO4[1] in joined[1::size]
                if not first.translate(None, _HARMLESS[size]) and not may_be_6to4 and addresses.isdisjoint(_METADATA):
                    return frozenset()
            elif any(size == of and _fits(joined, size, columns) for of, columns in self._columns):
                return frozenset()
        return self._judged(addresses)

    def _judged(self, addresses: frozenset[bytes]) -> frozenset[bytes]:
        """Judge each address by itself; those that were inside before are not judged again."""
        if self._networks is None:
            return frozenset(filter(_no_unicast, addresses))
        networks = self._networks
        outside = frozenset(ip for ip in addresses - self._inside if not _within(ip, networks))
        self._inside = addresses - outside
        return outside


def _columns(network: IPv4Network | IPv6Network) -> list[bytes]:
    """Return, for each byte of an address that a network fixes, the values that it may have."""
    columns = []
    for place in range((network.prefixlen + 7) // 8):
        first, free = network.network_address.packed[place], max(0, 8 * (place + 1) - network.prefixlen)
        columns.append(bytes(range(first, first + (1 << free))))
    return columns


def _fits(joined: bytes, size: int, columns: Sequence[bytes]) -> bool:
    return not any(joined[place::size].translate(None, values) for place, values in enumerate(columns))


def _within(packed: bytes, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    address = ip_address(packed)
    return any(address in network for network in networks)


def _no_unicast(packed: bytes) -> bool:
    address = ip_address(_meant(packed))
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.packed == b"\xff\xff\xff\xff"
        or packed in _METADATA
        or packed in (bytes(15) + b"\1", bytes(16))
    )


def _meant(packed: bytes) -> bytes:
    """Return the IPv4 address that an IPv6 address leads to; any other as it is."""
    if len(packed) == IPV4_BYTES:
        return packed
    if packed.startswith(_6TO4):  # RFC 3056 section 2
        return packed[2 : 2 + IPV4_BYTES]
    return packed[-IPV4_BYTES:] if packed.startswith(_ENDING_IN_IPV4) else packed
