"""What a cluster's DNS says to a question: no sockets, no clock.

The answers are those of CoreDNS's ``kubernetes`` plugin with ``pods insecure`` and no plugin
after it (schema: https://github.com/kubernetes/dns/blob/master/docs/specification.md). Its laws:

- A name exists if at least one entry stands behind it, and then other types are NODATA.
- A denial carries the zone's SOA, spelt as the question spelt the zone.
- What the plugin leaves to a next one (foreign names, unknown reverse names) is SERVFAIL.
"""

from collections.abc import Sequence

from dns.rcode import NOERROR, NXDOMAIN, REFUSED, SERVFAIL
from dns.rdatatype import AAAA, AXFR, CNAME, IXFR, PTR, SOA, SRV, TXT, A

from peerdisco.testing._coredns.records import (
    Labels,
    Reply,
    RRset,
    alias,
    authority,
    folded,
    is_within,
    packed,
    pointer,
    server,
    text,
)
from peerdisco.testing._coredns.registry import REVERSE_ZONES, Registry, reversed_address
from peerdisco.testing._coredns.services import PORTLESS, Entry, Service

_SCHEMA = b"1.1.0"
_SCHEMA_TTL = 28800
_LONGEST_CHAIN = 10
_NAMESERVER = (b"ns", b"dns")
_SIZE: dict[int, int] = {A: 4, AAAA: 16}

_Sections = tuple[Sequence[RRset], Sequence[RRset]]
_NODATA: _Sections = ((), ())


class Zone:
    """The cluster domain and the reverse zones.

    Args:
        registry: The Services behind the names.
        ttl: Seconds, for every record but the schema version's.
        serial: The SOA's serial number; each change adds one.
    """

    def __init__(self, registry: Registry, *, ttl: int, serial: int) -> None:
        self._registry = registry
        self._ttl = ttl
        self._serial = serial

    def declare(self, service: Service) -> None:
        """Add or replace a Service; ValueError as :meth:`Registry.declare`."""
        self._registry.declare(service)
        self._serial += 1

    def delete(self, namespace: str, name: str) -> None:
        """Take a Service away; ValueError as :meth:`Registry.delete`."""
        self._registry.delete(namespace, name)
        self._serial += 1

    def answer(self, name: Labels, rtype: int) -> Reply:
        """Say to a question of class IN what CoreDNS says."""
        zones = (self._registry.domain, *REVERSE_ZONES)
        size = next((len(zone) for zone in zones if is_within(name, zone)), 0)
        if not size:
            return Reply(SERVFAIL)
        if rtype in {AXFR, IXFR}:
            return Reply(REFUSED)
        zone = name[len(name) - size :]
        found = self._records(name, zone, rtype)
        if found is None and folded(zone) in REVERSE_ZONES:
            return Reply(SERVFAIL)
        answer, additional = found or _NODATA
        if answer:
            return Reply(NOERROR, authoritative=True, answer=answer, additional=additional)
        denial = (authority(zone, self._ttl, self._serial),)
        rcode = NXDOMAIN if found is None else NOERROR
        return Reply(rcode, authoritative=True, authority=denial)

    def _records(self, name: Labels, zone: Labels, rtype: int) -> _Sections | None:
        """The answer and additional sections; None where the name does not exist."""
        if rtype == SOA:
            return ([authority(zone, self._ttl, self._serial)] if name == zone else []), ()
        if rtype == TXT:
            return self._text(name, zone)
        if rtype == PTR and (address := reversed_address(name)):
            return self._pointers(name, address)
        if rtype == PTR and folded(name[: -len(zone)]) == _NAMESERVER:
            return None  # the one name that CoreDNS denies to this type alone
        entries = self._registry.entries(name, zone)
        return None if entries is None else self._of_entries(name, zone, rtype, entries)

    def _of_entries(self, name: Labels, zone: Labels, rtype: int, entries: tuple[Entry, ...]) -> _Sections:
        target = entries[0].alias if entries else ()
        if rtype in _SIZE:
            return self._addresses(name, zone, rtype, entries, ()), ()
        if rtype == CNAME and target:
            return [alias(name, self._ttl, target)], ()
        if rtype == SRV and not target:
            return self._servers(name, zone, entries)
        return _NODATA

    def _text(self, name: Labels, zone: Labels) -> _Sections | None:
        if folded(name[: -len(zone)]) == (b"dns-version",):
            return [text(name, _SCHEMA_TTL, _SCHEMA)], ()
        return _NODATA if self._registry.entries(name, zone) else None

    def _pointers(self, name: Labels, address: bytes) -> _Sections | None:
        targets = self._registry.names(address)
        return ([pointer(name, self._ttl, target) for target in targets], ()) if targets else None

    def _addresses(
        self,
        name: Labels,
        zone: Labels,
        rtype: int,
        entries: tuple[Entry, ...],
        chain: tuple[Labels, ...],
    ) -> list[RRset]:
        if entries and entries[0].alias:
            return self._aliased(name, zone, rtype, (*chain, entries[0].alias))
        size = _SIZE[rtype]
        distinct = dict.fromkeys(entry.address for entry in entries if len(entry.address) == size)
        return [RRset(packed(name), rtype, self._ttl, tuple(distinct))] if distinct else []

    def _aliased(self, name: Labels, zone: Labels, rtype: int, chain: tuple[Labels, ...]) -> list[RRset]:
        *before, target = chain
        if is_within(target, name) or target in before or len(before) > _LONGEST_CHAIN:
            return []
        first = alias(name, self._ttl, target)
        if not is_within(target, zone):
            return [first]
        entries = self._registry.entries(target, zone) or ()
        rest = self._addresses(target, zone, rtype, entries, chain)
        return [first, *rest] if rest else []

    def _servers(self, name: Labels, zone: Labels, entries: tuple[Entry, ...]) -> _Sections:
        owner, below = packed(name), packed(zone)
        weight = max(1, 100 // max(1, len(entries)))
        records: dict[RRset, None] = {}
        glue: dict[RRset, None] = {}
        for entry in entries:
            if entry.port == PORTLESS:
                continue
            target = packed(entry.target)[:-1] + below
            records[server(owner, self._ttl, weight, entry.port, target)] = None
            rtype = A if len(entry.address) == _SIZE[A] else AAAA
            glue[RRset(target, rtype, self._ttl, (entry.address,))] = None
        return tuple(records), tuple(glue)
