"""The peers that follow from what DNS said, as an application sees them.

Thousands of endpoints are held and compared packed; text and `Peer` objects are made when they are looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import total_ordering
from ipaddress import ip_address
from typing import cast, overload

from peerdisco._core.addresses import are_of_one_family, text_of, texts_of
from peerdisco._core.listing import Endpoint, Endpoints, Listing, address_of
from peerdisco.answers import Outcome


@total_ordering
@dataclass(frozen=True, slots=True)
class Peer:
    """One Pod that DNS lists; ordered by address.

    Attributes:
        ip: its address, as text.
        port: the number given as the option `port`, or what SRV said of the port named there; else None.
        name: the Pod's hostname where SRV gave one, as it does for a StatefulSet's governing Service; else None.
    """

    ip: str
    port: int | None = None
    name: str | None = None

    @property
    def ordinal(self) -> int | None:
        """The Pod's number in its StatefulSet, read off its name: 3 for `web-3`; else None."""
        digits = (self.name or "").rpartition("-")[2]
        return int(digits) if digits != self.name and digits.isascii() and digits.isdigit() else None

    def netloc(self, port: int | None = None) -> str:
        """The peer as a URL's host and port (RFC 3986 section 3.2): `10.1.0.4:8080`, `[fd00::4]:8080`.

        Args:
            port: instead of the peer's own; where there is neither, the address stands alone.
        """
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        port = self.port if port is None else port
        return host if port is None else f"{host}:{port}"

    def __str__(self) -> str:
        return self.ip

    def __lt__(self, other: object) -> bool:
        return self._order() < other._order() if isinstance(other, Peer) else NotImplemented

    def _order(self) -> tuple[int, bytes, int, str]:
        packed = ip_address(self.ip).packed
        return len(packed), packed, self.port or 0, self.name or ""


class PackedPeers:
    """Packed endpoints, sorted and made into text or Peers when they are looked at, once."""

    __slots__ = ("_ips", "_peers", "_sorted", "endpoints", "port")

    def __init__(self, endpoints: Endpoints, port: int | None = None) -> None:
        self.endpoints = endpoints
        self.port = port
        self._sorted: Sequence[Endpoint] | None = None
        self._ips: tuple[str, ...] | None = None
        self._peers: tuple[Peer, ...] | None = None

    def without(self, other: PackedPeers) -> PackedPeers:
        """Those that the other list lacks."""
        return PackedPeers(self.endpoints - other.endpoints, self.port)

    def sorted(self) -> Sequence[Endpoint]:
        """The endpoints in order of address."""
        if self._sorted is None:
            # Families are sorted apart, since bytes of different length do not compare as addresses do.
            in_order = sorted(self.endpoints)
            if not are_of_one_family(_addresses(in_order)):
                in_order.sort(key=lambda endpoint: len(address_of(endpoint)))
            self._sorted = in_order  # last, since other threads may look
        return self._sorted

    def ips(self) -> tuple[str, ...]:
        """Every address as text, in order."""
        if self._ips is None:
            self._ips = texts_of(_addresses(self.sorted()))
        return self._ips

    def peers(self) -> tuple[Peer, ...]:
        """Every endpoint as a Peer, in order."""
        if self._peers is None:
            self._peers = tuple(map(self.peer, self.sorted()))
        return self._peers

    def peer(self, endpoint: Endpoint) -> Peer:
        """One endpoint as a Peer."""
        if isinstance(endpoint, bytes):
            return Peer(text_of(endpoint), self.port)
        packed, port, name = endpoint
        return Peer(text_of(packed), port, name or None)


def _order(endpoint: Endpoint) -> tuple[int, bytes]:
    """Return what endpoints are ordered by: the family, then the address."""
    packed = address_of(endpoint)
    return len(packed), packed


def _addresses(endpoints: Sequence[Endpoint]) -> Sequence[bytes]:
    """The packed addresses of endpoints, which are all of one kind."""
    if endpoints and not isinstance(endpoints[0], bytes):
        return [address_of(endpoint) for endpoint in endpoints]
    return cast("Sequence[bytes]", endpoints)


def _some(texts: Sequence[str]) -> str:
    """How many, and the first few of them."""
    shown = ", ".join(texts[:5]) + (", …" if len(texts) > 5 else "")
    return f"{len(texts)} [{shown}]" if texts else "0"


class PeerSet(Sequence[Peer]):
    """The peers that DNS lists, sorted by address, without oneself: immutable, and cheap to hold and to compare.

    Two are equal where they are of the same Service and list the same peers; how old they are does not count.
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
        """False where DNS could not fit all Pods into its answer, so that there are more."""
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
        """Oneself, as DNS lists it; None where it does not, as before a Pod is ready."""
        own = self._said.own
        return self._packed.peer(min(own, key=_order)) if own else None

    @property
    def self_listed(self) -> bool:
        """Whether DNS lists oneself."""
        return bool(self._said.own)

    @property
    def age(self) -> float:
        """Seconds since the last lookup that brought an answer; infinite where none has."""
        return float("inf") if self._looked_up is None else max(0.0, self._clock() - self._looked_up)

    def _is_unchanged(self, other: PeerSet) -> bool:
        """Whether it would be no news to who knows the other: the very same list, outcome and state."""
        return (
            self._packed is other._packed and self._stale is other._stale and self._said.outcome is other._said.outcome
        )

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
        return f"<PeerSet of {self.service} {self.outcome.value}: {len(self)} peers [{shown}]{marks}>"


class Change:
    """What became of a list: who came, who went, and everyone who is there now.

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
        """What it takes to come from one list to another; None where they list the same."""
        after = peers._packed
        if before is after or before.endpoints == after.endpoints:
            return None
        return cls(after.without(before), before.without(after), peers)

    @property
    def added(self) -> tuple[Peer, ...]:
        """Who came, sorted by address."""
        return self._added.peers()

    @property
    def removed(self) -> tuple[Peer, ...]:
        """Who went, sorted by address."""
        return self._removed.peers()

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
        self_listed: whether DNS lists oneself.
        complete: False where DNS could not fit all Pods into its answer.
    """

    outcome: Outcome
    lookups: int
    failures: int
    last_success: float | None
    last_error: Exception | None
    next_refresh: float | None
    self_listed: bool
    complete: bool
