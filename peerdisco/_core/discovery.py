"""What to ask about one Service, and what the answers come to: no I/O, no clock.

`Discovery.steps` yields questions and takes answers; LookupFailed is thrown in where one got no answer.
It decides the family, tells a ClusterIP from a Pod, and leaves oneself out; `named_ports` finds ports by SRV.
See https://github.com/kubernetes/dns/blob/master/docs/specification.md.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias

from peerdisco._core import names
from peerdisco._core.addresses import IPV4_BYTES, reverse_name, text_of
from peerdisco._core.listing import MOST_SAMPLES, NOTHING_YET, Listing
from peerdisco.answers import Answer, Outcome, Question, RecordType
from peerdisco.config import DiscoveryConfig
from peerdisco.environment import Environment
from peerdisco.errors import LookupFailed, NotHeadlessError

# Cut answers are random parts of the whole: when so many in a row bring nothing new, little can be missing.
_BARREN_SAMPLES = 2
# What a question may take of the time left if the lookup can do without its answer.
_WITNESS_SHARE = 0.1


Ask: TypeAlias = tuple[Question, float]
"""A question, and the share of the time left that it may take."""

Found: TypeAlias = tuple[Answer, int, int]
"""What DNS said of one name: the union of all answers, how many those are, and how many records one of them has.

Of both families together that is twice the smaller number.
"""

Finding: TypeAlias = Generator[Ask, Answer, Found]


class Discovery:
    """One Service, to be looked up once or again and again; what was learnt of it is not asked again.

    Args:
        config: what is wanted.
        environment: where the lookup is made from.

    Raises:
        ConfigError: the environment do not say enough for an absolute name, or contradict themselves.
    """

    def __init__(self, config: DiscoveryConfig, environment: Environment) -> None:
        self.config = config
        self.service = _absolute(config, environment)
        self._environment = environment
        self._own_ips = environment.own_ips(config)
        self._first: RecordType | None = _family_of(self._own_ips[0]) if self._own_ips else None
        # A complete answer in which oneself was found leaves nothing to find out when it comes again.
        self._settled: frozenset[bytes] | None = None
        self._last = NOTHING_YET
        self._no_cluster_ips: frozenset[bytes] = frozenset()
        self._silences = 0
        self._looks_until_witness = 0

    def steps(self, samples: int = MOST_SAMPLES) -> Generator[Ask, Answer, Listing]:
        """One lookup.

        Args:
            samples: how many answers may be asked for where none holds the whole list.

        Raises:
            LookupFailed: DNS could not say.
            NotHeadlessError: the Service has a ClusterIP.
        """
        answer, taken, size = yield from self.find(self.service, samples)
        listed = answer.addresses
        if answer.complete and listed is self._settled:
            return self._last if answer.ttl == self._last.ttl else self._last._replace(ttl=answer.ttl)
        outside = self.config.networks.outside(listed)
        own = self.own_among(listed - outside if outside else listed)
        if not own:
            yield from self.check_headless(answer)
        listing = Listing(
            answer.outcome,
            listed.difference(own, outside),
            min(own, default=None),
            answer.ttl,
            answer.complete,
            taken,
            share_inside(size, listed, outside) if outside else size,
            outside,
        )
        # A resolver of the user's may go on changing what it hands out, whatever the annotation says.
        if own and answer.complete and isinstance(listed, frozenset):
            self._last, self._settled = listing, listed
        return listing

    def find(self, name: str, samples: int = 1) -> Finding:
        """Looks up the addresses of one name, in the families that are wanted."""
        family = self.config.family
        if family == "auto":
            preferred: RecordType = self._first or "A"
            first = yield from self.sampled(Question(name, preferred), samples)
            if first[0].outcome is not Outcome.NODATA:
                return first
            second = yield from self.sampled(Question(name, "AAAA" if preferred == "A" else "A"), samples)
            return second if second[0].addresses else first
        if family != "both":
            return (yield from self.sampled(Question(name, "A" if family == "ipv4" else "AAAA"), samples))
        first = yield from self.sampled(Question(name, "A"), samples)
        return _together(first, (yield from self.sampled(Question(name, "AAAA"), samples)))

    def own_among(self, addresses: frozenset[bytes]) -> frozenset[bytes]:
        """Which of them are one's own: as configured or as the Pod's environment says, else those of this host."""
        given = self._own_ips
        own = self._environment.local_among(addresses) if given is None else addresses.intersection(given)
        if given is not None and self.config.own is None and (not own or self.config.family == "both"):
            # `POD_IP` names one family alone, and the list may be of the other.
            unknown = set(map(len, addresses)).difference(map(len, given))
            if unknown:
                own |= self._environment.local_among(frozenset(ip for ip in addresses if len(ip) in unknown))
        if own and self._first is None:
            self._first = _family_of(min(own, key=len))
        return own

    def wanted(self, addresses: frozenset[bytes]) -> frozenset[bytes]:
        """Those of the families that are wanted, of addresses found by other means than `find`."""
        match self.config.family:
            case "both":
                return addresses
            case "ipv4" | "ipv6":
                rtype: RecordType = "A" if self.config.family == "ipv4" else "AAAA"
                return frozenset(ip for ip in addresses if _family_of(ip) == rtype)
            case _:
                return frozenset(ip for ip in addresses if _family_of(ip) == (self._first or "A")) or addresses

    def sampled(self, question: Question, samples: int) -> Finding:
        """Asks, and asks again while no answer holds everything."""
        ask = question, 1.0
        answer = yield ask
        size = len(answer.addresses) or len(answer.targets)
        taken, barren = 1, 0
        while not answer.holds_all and taken < samples and barren < _BARREN_SAMPLES:
            try:
                more = yield ask
            except LookupFailed:
                break  # what is known stands, and `complete` says that it is not all
            if more.holds_all:
                return more, 1, 0
            merged = answer.merged(more)
            grown = len(merged.addresses) + len(merged.targets) - len(answer.addresses) - len(answer.targets)
            barren = 0 if grown else barren + 1
            taken += 1
            answer, size = merged, len(more.addresses) or len(more.targets)
        return answer, taken, size

    def _may_be_cluster_ip(self, addresses: frozenset[bytes]) -> bool:
        """Whether there is one address in a family, and no verdict on it yet; two are proof of a headless Service."""
        alone = 0 < len(addresses) <= 2 and len({len(ip) for ip in addresses}) == len(addresses)
        return alone and not addresses <= self._no_cluster_ips

    def check_headless(self, answer: Answer) -> Generator[Ask, Answer, None]:
        """Asks witnesses whether a single address is a ClusterIP: what resolves may still not reach everyone.

        CoreDNS answers SRV for the bare name with the Service itself where it has a ClusterIP, and with its Pods where
        it is headless; and PTR for a ClusterIP with the Service's name.

        Raises:
            NotHeadlessError: it is one.
        """
        name = answer.canonical or self.service
        if not self._may_be_cluster_ip(answer.addresses) or not names.is_service(name):
            return
        if self._looks_until_witness:
            self._looks_until_witness -= 1
            return
        suspects = sorted(answer.addresses - self._no_cluster_ips, key=len)
        by_name = yield from _witness(Question(name, "SRV"))
        targets = {target.name for target in by_name.targets}
        if name in targets:
            raise NotHeadlessError(self.service, text_of(suspects[0]))
        heard = bool(targets) or by_name.outcome is Outcome.NODATA
        for ip in () if targets else suspects:
            by_address = yield from _witness(Question(reverse_name(ip), "PTR"))
            heard = heard or by_address is not _SILENCE
            if name in by_address.names:
                raise NotHeadlessError(self.service, text_of(ip))
        if heard:
            self._no_cluster_ips = answer.addresses
            self._silences = 0
        else:  # asked again, but ever more rarely
            self._looks_until_witness = 2**self._silences
            self._silences = min(self._silences + 1, 10)


_SILENCE = Answer(Outcome.PENDING)


def _witness(question: Question) -> Generator[Ask, Answer, Answer]:
    try:
        return (yield question, _WITNESS_SHARE)
    except LookupFailed:
        return _SILENCE  # a witness that does not answer proves nothing, and fails nothing


def share_inside(size: int, listed: frozenset[bytes], outside: frozenset[bytes]) -> int:
    """How many of a sample's records are not left out: on average, since a cut answer is a random part of the whole."""
    return size * (len(listed) - len(outside)) // max(1, len(listed))


def _absolute(config: DiscoveryConfig, environment: Environment) -> str:
    if not names.needs_domain(config.service):
        return names.absolute(config.service)
    namespace = environment.namespace(config) if names.needs_namespace(config.service) else ""
    return names.absolute(config.service, namespace, environment.cluster_domain(config))


def _family_of(packed: bytes) -> RecordType:
    return "A" if len(packed) == IPV4_BYTES else "AAAA"


def _together(first: Found, second: Found) -> Found:
    """Both families of a name; a sample counts for as much as the one that was cut more."""
    if not first[0].addresses or not second[0].addresses:
        (answer, taken, size), (none, _, _) = (first, second) if first[0].addresses else (second, first)
        is_nodata = Outcome.NODATA in (answer.outcome, none.outcome) and not answer.addresses
        outcome = Outcome.NODATA if is_nodata else answer.outcome
        return answer._replace(outcome=outcome, complete=answer.complete and none.complete), taken, size
    (one, taken, size), (other, other_taken, other_size) = first, second
    both = one.merged(other)._replace(ttl=min(one.ttl, other.ttl), complete=one.complete and other.complete)
    return both, min(taken, other_taken), 2 * min(size, other_size)
