"""Peers by the name of a port: SRV says its number and each Pod's hostname (RFC 2782). No I/O.

An SRV answer brings the addresses of its targets along as glue, but loses glue long before it loses targets. What is
missing is read off the Service's own list of addresses where a target's name shows its address, or where an earlier
lookup found it; only the rest is looked up, target by target.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable

from peerdisco._core import names
from peerdisco._core.addresses import dashed, text_of, undashed
from peerdisco._core.discovery import Ask, Discovery, share_inside
from peerdisco._core.listing import MOST_SAMPLES, Listing
from peerdisco._dns.query import is_name
from peerdisco.answers import Answer, Outcome, Question, SrvTarget
from peerdisco.config import DiscoveryConfig
from peerdisco.environment import Environment
from peerdisco.errors import LookupFailed, NotHeadlessError

_NamedEndpoint = tuple[bytes, int, str]


class NamedPortDiscovery(Discovery):
    """A Discovery whose peers have the port that a name stands for."""

    def __init__(self, config: DiscoveryConfig, environment: Environment) -> None:
        super().__init__(config, environment)
        self._name = names.absolute(f"_{config.port}._tcp.{self.service}")
        self._located: dict[str, frozenset[bytes]] = {}
        self._known: frozenset[_NamedEndpoint] = frozenset()

    def steps(self, samples: int = MOST_SAMPLES) -> Generator[Ask, Answer, Listing]:
        """One lookup, as `Discovery.look`."""
        question = Question(self._name, "SRV")
        answer, _, _ = yield from self.sampled(question, samples)
        if answer.outcome is not Outcome.FOUND:
            outcome = yield from self._why_none(answer.outcome)
            return Listing(outcome, frozenset(), None, answer.ttl, complete=answer.complete)
        targets = [target for target in answer.targets if target.port and is_name(target.name)]
        if any(target.name == self.service for target in targets):
            addresses = answer.glue.get(self.service) or (yield from self.find(self.service))[0].addresses
            raise NotHeadlessError(self.service, text_of(min(addresses, key=len)) if addresses else None)
        if answer.complete and all(target.name in answer.glue for target in targets):
            located = {target.name: frozenset(answer.glue[target.name]) for target in targets}
            return self._listing(self._endpoints(targets, located), answer)
        found, _, held = yield from self.find(self.service, samples)
        listed = found.addresses
        located, all_located = yield from self._locate(targets, answer, listed)
        endpoints = self._endpoints(targets, located)
        if answer.holds_all:
            return self._listing(endpoints, answer)._replace(complete=all_located)
        # Which targets a cut answer holds is no fair sample, so the list of addresses says who is there: what was ever
        # learnt of the ports of those stays true as long as they are listed.
        fresh = {endpoint[0] for endpoint in endpoints}
        remembered = {endpoint for endpoint in self._known if endpoint[0] in listed - fresh}
        self._known = frozenset(endpoint for endpoint in endpoints if endpoint[0] in listed) | remembered
        with_ports = {endpoint[0] for endpoint in self._known}
        complete = found.complete and listed <= with_ports
        held = len(listed) if found.complete else share_inside(held, listed, self.config.networks.outside(listed))
        return self._listing(self._known, answer)._replace(complete=complete, sample_size=held)

    def _listing(self, endpoints: frozenset[_NamedEndpoint], answer: Answer) -> Listing:
        everyone = frozenset(endpoint[0] for endpoint in endpoints)
        outside = self.config.networks.outside(everyone)
        own = self.own_among(everyone - outside)
        wanted = self.wanted(everyone)
        listed = frozenset(endpoint for endpoint in endpoints if endpoint[0] in wanted - outside)
        mine = frozenset(endpoint for endpoint in listed if endpoint[0] in own)
        return Listing(
            Outcome.FOUND if wanted else Outcome.NODATA,
            listed - mine,
            min(mine, default=None),
            answer.ttl,
            complete=True,
            outside=outside,
        )

    def _why_none(self, outcome: Outcome) -> Generator[Ask, Answer, Outcome]:
        """A Service that is there but has no such port is NODATA; DNS says NXDOMAIN, as for one that is not there."""
        if outcome is not Outcome.NXDOMAIN:
            return outcome
        try:
            found, _, _ = yield from self.find(self.service)
        except LookupFailed:
            return outcome
        yield from self.check_headless(found)
        return Outcome.NODATA if found.addresses else outcome

    def _locate(
        self, targets: Iterable[SrvTarget], answer: Answer, listed: frozenset[bytes]
    ) -> Generator[Ask, Answer, tuple[dict[str, frozenset[bytes]], bool]]:
        """The addresses of all targets by name, and False where those of one could not be had."""
        glue = {target.name: frozenset(answer.glue.get(target.name, ())) for target in targets}
        fresh = frozenset().union(*glue.values())
        families = {len(ip) for ip in listed}
        glued_families = {len(ip) for ip in fresh}
        located: dict[str, frozenset[bytes]] = {}
        complete = True
        for name, glued in glue.items():
            ip = undashed(name.partition(".")[0])
            # A name that shows an address is no hostname if that is listed, or of a family that glue alone has.
            if ip is not None and (ip in listed or len(ip) in glued_families - families):
                located[name] = frozenset((ip,))
                continue
            known = glued or (self._located.get(name, frozenset()) & listed) - fresh
            if known and {len(ip) for ip in known} >= families:
                located[name] = known
                continue
            try:
                located[name] = (yield from self.find(name))[0].addresses
            except LookupFailed:
                complete = False
        self._located = located
        return located, complete

    def _endpoints(
        self, targets: Iterable[SrvTarget], located: dict[str, frozenset[bytes]]
    ) -> frozenset[_NamedEndpoint]:
        hostnames: dict[tuple[bytes, int], str] = {}
        for name, port in targets:
            label, _, parent = name.partition(".")
            for ip in located.get(name, frozenset()):
                hostname = label if parent == self.service and label != dashed(ip) else ""
                # Two names for one endpoint are one peer: a hostname goes before none, and the first before others.
                hostnames[ip, port] = min(hostnames.get((ip, port), ""), hostname, key=lambda text: (not text, text))
        return frozenset((ip, port, hostname) for (ip, port), hostname in hostnames.items())
