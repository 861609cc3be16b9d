"""The peers that follow from what DNS said, as an application sees them.

Thousands of endpoints are held and compared packed; text and `Peer` objects are made when they are read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import total_ordering
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, cast, overload

from peerdisco._core.addresses import are_of_one_family, mapped, pack_ip, text_of, texts_of
from peerdisco._core.listing import Endpoint, Endpoints, Listing, address_of
from peerdisco.answers import Outcome
from peerdisco.errors import ConfigError


@total_ordering
@dataclass(frozen=True, slots=True)
class Peer:  # noqa: PLW1641 - the dataclass makes both `__eq__` and `__hash__`
    """One Pod that DNS lists; ordered by address.

    Attributes:
        ip: its address, as text.
        port: the number given as the option `port`, or what SRV gave for the port named there; else None.
        name: the Pod's hostname where SRV gave one, as it does for a StatefulSet's governing Service; else None.
        fqdn: the SRV target without its final dot, such as `web-0.web.default.svc.cluster.local`, for TLS and Host
            headers; None where there was no SRV. It does not count when peers are compared.
    """

    ip: str
    port: int | None = None
    name: str | None = None
    fqdn: str | None = field(default=None, compare=False, repr=False)

    if TYPE_CHECKING:  # else mypy takes `"10.1.0.4" in peers` for a comparison that can't be true

        def __eq__(self, other: object) -> bool: ...

    @property
    def ordinal(self) -> int | None:
        """The Pod's number in its StatefulSet, read from its name: 3 for `web-3`; else None."""
        digits = (self.name or "").rpartition("-")[2]
        return int(digits) if digits != self.name and digits.isascii() and digits.isdigit() else None

    def netloc(self, port: int | None = None) -> str:
        """Return the peer as a URL's host and port (RFC 3986 section 3.2): `10.1.0.4:8080`, `[fd00::4]:8080`.

        Args:
            port: used instead of the peer's own; where there is neither, the address stands alone.
        """
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        port = self.port if port is None else port
        return host if port is None else f"{host}:{port}"

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes and the ordinal, ready for JSON."""
        return {"ip": self.ip, "port": self.port, "name": self.name, "fqdn": self.fqdn, "ordinal": self.ordinal}

    def __str__(self) -> str:
        return self.ip

    def __lt__(self, other: object) -> bool:
        return self._order() < other._order() if isinstance(other, Peer) else NotImplemented

    def _order(self) -> tuple[int, bytes, int, str]:
        packed = ip_address(self.ip).packed
        return len(packed), packed, self.port or 0, self.name or ""


class PackedPeers:
    """Packed endpoints, sorted and made into text or Peers when they are read, once.

    Args:
        endpoints: the endpoints.
        port: the port of those that are an address alone.
        targets: the SRV target of each address that has one.
    """

    __slots__ = ("_ips", "_members", "_peers", "_sorted", "endpoints", "port", "targets")

    def __init__(
        self, endpoints: Endpoints, port: int | None = None, targets: Mapping[bytes, str] | None = None
    ) -> None:
        self.endpoints = endpoints
        self.port = port
        self.targets = {} if targets is None else targets
        self._sorted: Sequence[Endpoint] | None = None
        self._ips: tuple[str, ...] | None = None
        self._peers: tuple[Peer, ...] | None = None
        self._members: tuple[Endpoints, PackedPeers] | None = None

    def without(self, other: PackedPeers) -> PackedPeers:
        """Return those that the other list lacks."""
        return PackedPeers(self.endpoints - other.endpoints, self.port, self.targets)

    def joined(self, own: Endpoints) -> PackedPeers:
        """Return these endpoints and this Pod's."""
        kept = self._members
        if kept is None or kept[0] != own:
            kept = self._members = own, PackedPeers(self.endpoints | own, self.port, self.targets)
        return kept[1]

    def sorted(self) -> Sequence[Endpoint]:
        """Return the endpoints in order of address."""
        if self._sorted is None:
            in_order = sorted(self.endpoints)
            # Families are sorted apart, since bytes of different length do not compare as addresses do.
            if not are_of_one_family(_addresses(in_order)):
                in_order.sort(key=lambda endpoint: len(address_of(endpoint)))
            self._sorted = in_order  # last, since other threads may read it
        return self._sorted

    def ips(self) -> tuple[str, ...]:
        """Return every address as text, in order."""
        if self._ips is None:
            self._ips = texts_of(_addresses(self.sorted()))
        return self._ips

    def peers(self) -> tuple[Peer, ...]:
        """Return every endpoint as a Peer, in order."""
        if self._peers is None:
            self._peers = tuple(map(self.peer, self.sorted()))
        return self._peers

    def peer(self, endpoint: Endpoint) -> Peer:
        """Return one endpoint as a Peer."""
        if isinstance(endpoint, bytes):
            return Peer(text_of(endpoint), self.port, fqdn=self.targets.get(endpoint))
        packed, port, name = endpoint
        return Peer(text_of(packed), port or None, name or None, self.targets.get(packed))

    def holds(self, packed: bytes) -> bool:
        """Return whether an address is among the endpoints, at whichever port."""
        return packed in self.endpoints or any(address_of(endpoint) == packed for endpoint in self.endpoints)


def _addresses(endpoints: Sequence[Endpoint]) -> Sequence[bytes]:
    """Return the packed addresses of endpoints, which are all of one kind."""
    if endpoints and not isinstance(endpoints[0], bytes):
        return [address_of(endpoint) for endpoint in endpoints]
    return cast("Sequence[bytes]", endpoints)


def _some(texts: Sequence[str]) -> str:
    """Return how many there are, and the first few."""
    shown = ", ".join(texts[:5]) + (", …" if len(texts) > 5 else "")
    return f"{len(texts)} [{shown}]" if texts else "0"


class PeerSet(Sequence[Peer]):
    """The peers that DNS lists, sorted by address, without this Pod: immutable, and cheap to hold and to compare.

    Two are equal where they are of the same Service and list the same peers; how old they are does not count.
    `"10.1.0.4" in peers` compares addresses, `peer in peers` whole peers.
    """

    __slots__ = ("_clock", "_looked_up", "_packed", "_said", "_service", "_stale")

    def __init__(
        self,
        service: str,
        listed: PackedPeers,
        said: Listing,
        *,
        stale: bool = False,
        looked_up: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._packed = listed
        self._said = said
        self._stale = stale
        self._looked_up = looked_up
        self._clock = clock

    @property
    def service(self) -> str:
        """The Service's absolute name."""
        return self._service

    @property
    def outcome(self) -> Outcome:
        """What DNS said when it last said anything."""
        return self._said.outcome

    @property
    def complete(self) -> bool:
        """False where DNS lists more Pods than could be learnt."""
        return self._said.complete

    @property
    def stale(self) -> bool:
        """True where the last lookup failed, and this is what was known before."""
        return self._stale

    @property
    def ttl(self) -> int:
        """Seconds that DNS lets the answer be kept."""
        return self._said.ttl

    @property
    def ips(self) -> tuple[str, ...]:
        """Every peer's address as text, in order."""
        return self._packed.ips()

    @property
    def own(self) -> Peer | None:
        """This Pod, as DNS lists it; None where it does not, as before the Pod is ready."""
        own = self._said.own
        return self._packed.peer(min(own, key=_order)) if own else None

    @property
    def self_listed(self) -> bool:
        """Whether DNS lists this Pod."""
        return bool(self._said.own)

    @property
    def members(self) -> tuple[Peer, ...]:
        """The peers and every listed address of this Pod, in order.

        It is the same in every replica that got the same answer. For a moment, replicas can differ.
        """
        return self._packed.joined(self._said.own).peers() if self._said.own else self._packed.peers()

    @property
    def age(self) -> float:
        """Seconds since the last lookup that brought an answer; infinite where none has."""
        return math.inf if self._looked_up is None else max(0.0, self._clock() - self._looked_up)

    def owner(self, key: str | bytes) -> Peer:
        """Return the member that a key belongs to: the same one in every replica that got the same answer.

        This is rendezvous hashing: the owner is the member with the highest SHA-256 of its 16 address bytes (an IPv4
        address as `::ffff:a.b.c.d`), followed by the key, text as UTF-8. Ports and names do not count. A member that
        comes or goes moves only its own keys. It takes about 1 µs for each member.

        Args:
            key: what to assign.

        Raises:
            LookupError: There is no member.
            ConfigError: The key is neither text that UTF-8 can encode nor bytes.
        """
        if not isinstance(key, (str, bytes)):
            raise ConfigError("key", key, f"must be text or bytes, not {type(key).__name__}")
        from hashlib import sha256

        try:
            raw = key.encode() if isinstance(key, str) else key
        except UnicodeEncodeError as error:
            raise ConfigError("key", key, f"is no text that UTF-8 can encode ({error.reason})") from None
        packed = self._packed.joined(self._said.own)
        if not packed.endpoints:
            why = "no lookup has ended yet" if self.outcome is Outcome.PENDING else "the list is empty"
            raise LookupError(f"{self.service} has no member that could own {key!r}: {why}")

        def weight(endpoint: Endpoint) -> bytes:
            address = address_of(endpoint)
            return sha256(next(iter(mapped(address)), address) + raw).digest()

        return packed.peer(max(packed.sorted(), key=weight))

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON; `age` is None where no lookup has brought an answer."""
        return {
            "service": self.service,
            "outcome": self.outcome.value,
            "complete": self.complete,
            "stale": self.stale,
            "age": self.age if math.isfinite(self.age) else None,
            "ttl": self.ttl,
            "self_listed": self.self_listed,
            "own": None if self.own is None else self.own.to_dict(),
            "peers": [peer.to_dict() for peer in self],
        }

    @property
    def _member_count(self) -> int:
        return len(self) + len(self._said.own)

    def _is_unchanged(self, other: PeerSet) -> bool:
        """Return True if list, this Pod's addresses, outcome and staleness are the same as the other's."""
        mine, theirs = self._said, other._said
        return (
            self._packed is other._packed
            and self._stale is other._stale
            and mine.outcome is theirs.outcome
            and mine.own == theirs.own
        )

    def __contains__(self, item: object) -> bool:
        if isinstance(item, str):
            try:
                return self._packed.holds(pack_ip(item))
            except ValueError:
                return False
        return item in self._packed.peers()

    def __len__(self) -> int:
        return len(self._packed.endpoints)

    def __iter__(self) -> Iterator[Peer]:
        return iter(self._packed.peers())

    @overload
    def __getitem__(self, index: int) -> Peer: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Peer, ...]: ...
    def __getitem__(self, index: int | slice) -> Peer | tuple[Peer, ...]:
        if isinstance(index, slice):
            return tuple(map(self._packed.peer, self._packed.sorted()[index]))
        return self._packed.peer(self._packed.sorted()[index])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PeerSet):
            return NotImplemented
        mine, theirs = self._packed, other._packed
        return (self._service, mine.port, mine.endpoints) == (other._service, theirs.port, theirs.endpoints)

    def __hash__(self) -> int:
        return hash((self._service, self._packed.port, self._packed.endpoints))

    def __repr__(self) -> str:
        shown = ", ".join(peer.netloc() for peer in self[:5]) + (", …" if len(self) > 5 else "")
        marks = ("" if self.complete else ", incomplete") + (", stale" if self.stale else "")
        count = "1 peer" if len(self) == 1 else f"{len(self)} peers"
        return f"<PeerSet of {self.service} {self.outcome.value}: {count} [{shown}]{marks}>"


def _order(endpoint: Endpoint) -> tuple[int, bytes]:
    """Return what endpoints are ordered by: the family, then the address."""
    packed = address_of(endpoint)
    return len(packed), packed


class Change:
    """What has changed in a list: who was added, who was removed, and everyone who is listed now.

    Attributes:
        peers: the list after it.
    """

    __slots__ = ("_added", "_removed", "peers")

    def __init__(self, added: PackedPeers, removed: PackedPeers, peers: PeerSet) -> None:
        self._added = added
        self._removed = removed
        self.peers = peers

    @classmethod
    def between(cls, before: PackedPeers, peers: PeerSet) -> Change | None:
        """Return the change from one list to another; None where they list the same."""
        after = peers._packed
        if before is after or before.endpoints == after.endpoints:
            return None
        return cls(after.without(before), before.without(after), peers)

    @property
    def added(self) -> tuple[Peer, ...]:
        """The peers that were added, sorted by address."""
        return self._added.peers()

    @property
    def removed(self) -> tuple[Peer, ...]:
        """The peers that were removed, sorted by address."""
        return self._removed.peers()

    @property
    def added_ips(self) -> tuple[str, ...]:
        """The addresses of the peers that were added, as text."""
        return self._added.ips()

    @property
    def removed_ips(self) -> tuple[str, ...]:
        """The addresses of the peers that were removed, as text."""
        return self._removed.ips()

    def to_dict(self) -> dict[str, Any]:
        """Return the change and the list after it, ready for JSON."""
        return {
            "added": [peer.to_dict() for peer in self.added],
            "removed": [peer.to_dict() for peer in self.removed],
            "peers": self.peers.to_dict(),
        }

    def __repr__(self) -> str:
        added, removed = self._added.ips(), self._removed.ips()
        return f"<Change: added {_some(added)}, removed {_some(removed)}, now {len(self.peers)}>"


@dataclass(frozen=True, slots=True)
class Status:
    """How a watcher is doing.

    Attributes:
        outcome: what DNS said when it last said anything.
        lookups: how many have ended, well or not.
        failures: failed lookups in a row.
        last_success: seconds since the last lookup that brought an answer; None where none has.
        last_error: why the last lookup failed; None where it did not.
        next_refresh: seconds until the next lookup; 0 where it is due, None where none is planned.
        self_listed: whether DNS lists this Pod.
        complete: False where DNS lists more Pods than could be learnt.
        lookup_codes: how many lookups ended with each code: `changed`, `unchanged`, or why there was no list, such as
            `no-ready-pods-or-typo` or `timeout`.
        lookup_durations: pairs of a bound in seconds and how many lookups took no longer; the last bound is infinite.
        lookup_seconds: how long all lookups took together.
        added: peers that were added since the start.
        removed: peers that were removed since the start; one whose port or hostname changes counts in both.
        dropped_addresses: addresses in the last answer that were dropped, since they may not be a peer's.
        ignored_replies: replies that the resolver ignored, since they were not to its query; None where it counts none.
        peers: how many peers are listed.
        members: how many Pods are listed, this one included.
        stale: whether the last lookup failed, so that the list is an earlier one.
    """

    outcome: Outcome
    lookups: int
    failures: int
    last_success: float | None
    last_error: Exception | None
    next_refresh: float | None
    self_listed: bool
    complete: bool
    lookup_codes: Mapping[str, int] = field(default_factory=dict, hash=False)
    lookup_durations: tuple[tuple[float, int], ...] = ()
    lookup_seconds: float = 0.0
    added: int = 0
    removed: int = 0
    dropped_addresses: int = 0
    ignored_replies: int | None = None
    peers: int = 0
    members: int = 0
    stale: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, ready for JSON: the error as its type and message, an infinite bound as None."""
        error = self.last_error
        told = None if error is None else {"type": type(error).__name__, "message": str(error)}
        return {
            "outcome": self.outcome.value,
            "lookups": self.lookups,
            "failures": self.failures,
            "last_success": self.last_success,
            "last_error": told,
            "next_refresh": self.next_refresh,
            "self_listed": self.self_listed,
            "complete": self.complete,
            "lookup_codes": dict(self.lookup_codes),
            "lookup_durations": [(bound if math.isfinite(bound) else None, n) for bound, n in self.lookup_durations],
            "lookup_seconds": self.lookup_seconds,
            "added": self.added,
            "removed": self.removed,
            "dropped_addresses": self.dropped_addresses,
            "ignored_replies": self.ignored_replies,
            "peers": self.peers,
            "members": self.members,
            "stale": self.stale,
        }
