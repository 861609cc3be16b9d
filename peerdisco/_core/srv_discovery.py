"""Peers with the port that a name stands for, and with hostnames: SRV gives both (RFC 2782). No I/O, no clock.

An SRV answer brings the addresses of its targets along as glue, but loses glue long before it loses targets, and loses
targets long before the Service's own list of addresses is cut. Laws of this module:

- The list of addresses says who is there. It is asked for first; where it is empty, no SRV is asked.
- For a named port, a complete SRV answer is obeyed: an address that no target has is no peer.
- A cut SRV answer removes nobody: an address without a record has the port that all targets share, if they share one.
  Else it waits, and the listing says so.
- Hostnames alone decide about nobody: without an SRV answer, peers have no hostnames.
- A target is asked for by name only where that matters: where ports differ, where fewer targets than addresses are
  left, where hostnames are wanted, or where its address was last confirmed ten minutes ago.
- What was learnt of a target is dropped when its address leaves, or when another target has that address.
- Answers that confirm every target come to the same listing when they come again, which confirms every target again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterable, Mapping
from typing import NamedTuple

from peerdisco._core import names
from peerdisco._core.addresses import dashed, text_of, undashed
from peerdisco._core.discovery import SIDE_SHARE, Discovery, Steps, TimedQuestion
from peerdisco._core.listing import PENDING, UNLIMITED, Endpoint, Limits, Listing, NamedEndpoint, address_of
from peerdisco._dns.query import is_name
from peerdisco.answers import Answer, Outcome, Question, SrvTarget
from peerdisco.config import DiscoveryConfig
from peerdisco.environment import Environment
from peerdisco.errors import LookupFailed, NotHeadlessError

_PROTOCOLS = ("tcp", "udp", "sctp")
_CONFIRMED_FOR = 600.0
"""Seconds after which a target whose address no answer confirmed is asked for again."""

# kube-dns names a Pod without a hostname by a hash: eight hexadecimal digits, each written as its own code in hex.
_HASH = re.compile(r"(3[0-9]|6[1-6]){6,8}")
_ELSEWHERE: frozenset[bytes] = frozenset()
_NO_PORTS: frozenset[int] = frozenset()
_ADVICE = "The Pods' addresses are known: to do without SRV, give `port` as a number."


class _Target(NamedTuple):
    """What is known of one SRV target.

    Attributes:
        ports: its ports.
        addresses: the listed addresses that it has; empty where it has others; None where that is not known.
        confirmed: when an answer last said so, in seconds; infinite where the SRV answer of the last lookup did.
        asked: when it was last asked for by name, in seconds; infinitely long ago where it never was.
    """

    ports: frozenset[int]
    addresses: frozenset[bytes] | None
    confirmed: float
    asked: float


class _Lookup(NamedTuple):
    """What a lookup came to.

    Attributes:
        targets: what is known of each target.
        at: when it began, in seconds.
        said: what the answers said, but for TTLs and glue; None where they did not confirm every target.
        glue: the glue of each target whose name does not show a listed address; None where it has none.
        listing: what the answers came to.
    """

    targets: Mapping[str, _Target] = {}
    at: float = -math.inf
    said: tuple[Listing, bool, frozenset[SrvTarget]] | None = None
    glue: Mapping[str, tuple[bytes, ...] | None] = {}
    listing: Listing = PENDING


class SrvDiscovery(Discovery):
    """A Discovery whose peers have the port that a name stands for, or hostnames, or both."""

    def __init__(self, config: DiscoveryConfig, environment: Environment) -> None:
        super().__init__(config, environment)
        # The port of every peer, where no name stands for it; 0 for none.
        self._fixed_port = None if isinstance(config.port, str) else config.port or 0
        prefixes = [f"_{config.port}._{protocol}." for protocol in _PROTOCOLS] if self._fixed_port is None else [""]
        self._questions = [Question(names.absolute(prefix + self.service), "SRV") for prefix in prefixes]
        # In one piece, for other threads.
        self._last = _Lookup()

    def ordinary(self, answer: Answer) -> Listing | None:  # noqa: ARG002 - whatever it is, SRV is to be asked
        """Return None: addresses alone are never enough."""
        return None

    def steps(
        self,
        limits: Limits = UNLIMITED,
        now: float = 0.0,
        begun: Answer | None = None,
        opening: TimedQuestion | None = None,
    ) -> Steps:
        """Look the Service up once, as `Discovery.steps`."""
        listing = yield from super().steps(limits, now, begun, opening)
        if not (listing.endpoints or listing.own):
            return listing
        answer = yield from self._ask_srv()
        ttl = min(listing.ttl, answer.ttl) if answer.targets else listing.ttl
        last, said = self._last, (listing._replace(ttl=0), answer.complete, frozenset(answer.targets))
        if said == last.said and all(answer.glue.get(name) == ips for name, ips in last.glue.items()):
            self._last = last._replace(at=now)
            return last.listing._replace(ttl=ttl)
        listed: frozenset[bytes] = frozenset(map(address_of, listing.endpoints | listing.own))
        ports: dict[str, frozenset[int]] = {}
        for name, port in answer.targets:
            if name == self.service:
                raise NotHeadlessError(self.service, text_of(min(sorted(listed), key=len)))
            if port and is_name(name):
                ports[name] = ports.get(name, _NO_PORTS) | {port}
        if answer.complete and not ports and self._fixed_port is None:
            self._last = _Lookup()
            return listing._replace(
                outcome=Outcome.NODATA, endpoints=frozenset(), own=frozenset(), ttl=answer.ttl, complete=True, cut=False
            )
        fresh, glue = _confirmed(ports, answer, listed)
        targets = self._located(ports, fresh, answer, listed, now)
        targets = yield from self._asked_by_name(targets, answer, listed, limits, now)
        listing = self._with_ports(listing, targets, answer, listed)
        self._last = _Lookup(targets, now, said if len(fresh) == len(targets) else None, glue, listing)
        return listing._replace(ttl=ttl)

    def _ask_srv(self) -> Generator[TimedQuestion, Answer, Answer]:
        """Ask for the port, of TCP first, or of the protocol that last had it; or for the hostnames."""
        first: Answer | None = None
        for question in self._questions:
            try:
                answer = yield TimedQuestion(question)
            except LookupFailed as error:
                if self._fixed_port is not None:
                    return Answer(Outcome.NODATA, complete=False)
                raise error.with_advice(_ADVICE) from None
            if self._is_foreign(answer):
                answer = Answer(Outcome.NXDOMAIN)
            if answer.outcome is not Outcome.NXDOMAIN:
                # The rest keeps its order, in which `sorted` leaves equals.
                self._questions = sorted(self._questions, key=lambda other: other is not question)
                return answer
            first = first or answer
        return first or Answer(Outcome.NXDOMAIN)

    def _located(
        self,
        ports: Mapping[str, frozenset[int]],
        fresh: Mapping[str, frozenset[bytes]],
        answer: Answer,
        listed: frozenset[bytes],
        now: float,
    ) -> dict[str, _Target]:
        """Return each target with the addresses that are known for it without asking."""
        last = self._last
        claimed = frozenset().union(*fresh.values())
        targets: dict[str, _Target] = {}
        for name, numbers in ports.items():
            known = last.targets.get(name)
            asked = known.asked if known else -math.inf
            if name in fresh:
                targets[name] = _Target(numbers, fresh[name], math.inf, asked)
                continue
            kept = (known.addresses & listed) - claimed if known and known.addresses else None
            targets[name] = _Target(numbers, kept or None, min(known.confirmed, last.at) if known else now, asked)
        if not answer.complete:
            for name, known in last.targets.items():
                if name not in targets and known.addresses and (kept := (known.addresses & listed) - claimed):
                    targets[name] = _Target(known.ports, kept, min(known.confirmed, last.at), known.asked)
        return targets

    def _asked_by_name(
        self,
        targets: dict[str, _Target],
        answer: Answer,
        listed: frozenset[bytes],
        limits: Limits,
        now: float,
    ) -> Generator[TimedQuestion, Answer, dict[str, _Target]]:
        """Ask for targets by name, where that matters and as far as the limits go; the longest unasked come first."""
        unknown = [name for name, target in targets.items() if target.addresses is None]
        unclaimed = len(listed) - len(_claimed(targets))
        ports_matter = unclaimed and self._fixed_port is None
        matters = ports_matter and (_shared_port(targets) is None or (answer.complete and len(unknown) < unclaimed))
        if self.config.hostnames and not matters:
            unknown = [name for name in unknown if not _HASH.fullmatch(name.partition(".")[0])]
            matters = True
        old = [name for name, target in targets.items() if now - target.confirmed > _CONFIRMED_FOR]
        wanted = dict.fromkeys((*unknown, *old) if matters else old)
        holders = {ip: name for name, known in targets.items() if known.confirmed < now for ip in known.addresses or ()}
        for name in sorted(wanted, key=lambda name: targets[name].asked)[: limits.targets]:
            target = targets[name]
            try:
                found = yield from self.find(name, share=SIDE_SHARE)
            except LookupFailed as error:
                targets[name] = target._replace(asked=now)
                if error.reason == "timeout" and limits.targets is not None:
                    break  # the list of addresses is not kept waiting for a server that has stopped answering
                continue
            targets[name] = target._replace(addresses=found.answer.addresses & listed, confirmed=now, asked=now)
            for other in {holders.get(ip, name) for ip in found.answer.addresses} - {name}:
                kept = (targets[other].addresses or _ELSEWHERE) - found.answer.addresses
                targets[other] = targets[other]._replace(addresses=kept or None)
        return targets

    def _with_ports(
        self, listing: Listing, targets: Mapping[str, _Target], answer: Answer, listed: frozenset[bytes]
    ) -> Listing:
        """Give each listed address its port and hostname."""
        # Two names for one address, or one endpoint, are one: a hostname goes before none, and the first before others,
        # whichever comes first in the answer.
        best: dict[bytes, tuple[bool, str, str]] = {}
        best_at: dict[tuple[bytes, int], tuple[bool, str, str]] = {}
        for name, target in targets.items():
            for ip in target.addresses or ():
                hostname = self._hostname(name, ip)
                rank = (not hostname, hostname, name)
                if rank < best.setdefault(ip, rank):
                    best[ip] = rank
                for port in target.ports if self._fixed_port is None else (self._fixed_port,):
                    if rank < best_at.setdefault((ip, port), rank):
                        best_at[ip, port] = rank
        endpoints: set[NamedEndpoint] = {(ip, port, hostname) for (ip, port), (_, hostname, _) in best_at.items()}
        rest = listed - best.keys()
        shared = _shared_port(targets) if self._fixed_port is None else self._fixed_port
        is_settled = (
            self._fixed_port is None
            and answer.complete
            and all(target.addresses is not None for target in targets.values())
        )
        waiting: frozenset[bytes] = frozenset()
        if rest and not is_settled:
            if shared is None:
                waiting = rest
            else:
                endpoints |= {(ip, shared, "") for ip in rest}
        mine = frozenset(map(address_of, listing.own))
        own: frozenset[Endpoint] = frozenset(endpoint for endpoint in endpoints if endpoint[0] in mine)
        own |= {(ip, 0, "") for ip in mine & waiting}
        return listing._replace(
            outcome=Outcome.FOUND if endpoints or waiting else Outcome.NODATA,
            endpoints=frozenset(endpoints) - own,
            own=own,
            complete=listing.complete and waiting <= mine,
            waiting=waiting - mine,
            targets={ip: name.removesuffix(".") for ip, (_, _, name) in best.items()},
        )

    def _hostname(self, name: str, ip: bytes) -> str:
        """Return the Pod's hostname that a target shows; empty where it shows none.

        Endpoints of a multi-cluster Service have the name of their cluster between hostname and Service.
        """
        label, _, parent = name.partition(".")
        is_endpoint = parent == self.service or parent.partition(".")[2] == self.service
        return label if is_endpoint and label != dashed(ip) and not _HASH.fullmatch(label) else ""


def _confirmed(
    targets: Iterable[str], answer: Answer, listed: frozenset[bytes]
) -> tuple[dict[str, frozenset[bytes]], dict[str, tuple[bytes, ...] | None]]:
    """Return the listed addresses of each target whose addresses the answer tells, and the glue that was looked at."""
    sizes = set(map(len, listed))
    fresh: dict[str, frozenset[bytes]] = {}
    looked_at: dict[str, tuple[bytes, ...] | None] = {}
    for name in targets:
        ip = undashed(name.partition(".")[0])
        # A name that shows a listed address, or one of a family that is not listed, is no hostname.
        if ip in listed:
            fresh[name] = frozenset((ip,))
            continue
        glue = looked_at[name] = answer.glue.get(name)
        if glue is not None:
            fresh[name] = listed.intersection(glue)
        elif ip is not None and len(ip) not in sizes:
            fresh[name] = _ELSEWHERE
    return fresh, looked_at


def _claimed(targets: Mapping[str, _Target]) -> frozenset[bytes]:
    return frozenset[bytes]().union(*(target.addresses or () for target in targets.values()))


def _shared_port(targets: Mapping[str, _Target]) -> int | None:
    """Return the one port of all targets; None where they differ."""
    ports = {port for target in targets.values() for port in target.ports}
    return ports.pop() if len(ports) == 1 else None
