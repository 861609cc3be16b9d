"""What to ask about one Service, and what the answers come to: no I/O, no clock.

`Discovery.look` yields questions and takes answers; a question that could not be answered is thrown in as LookupFailed.
It decides the family, tells a ClusterIP from a Pod, and leaves oneself out; `peerdisco.named_ports` finds ports by SRV.
See https://github.com/kubernetes/dns/blob/master/docs/specification.md.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple, TypeAlias

from peerdisco import names
from peerdisco.addresses import IPV4_BYTES, reverse_name, text_of
from peerdisco.config import DiscoveryConfig
from peerdisco.environment import Surroundings
from peerdisco.errors import LookupFailed, NotHeadlessError
from peerdisco.models import MOST_SAMPLES, Answer, Listing, Outcome, Question, RecordType

# Cut answers are random parts of the whole: when so many in a row bring nothing new, little can be missing.
_BARREN_SAMPLES = 2
# What a question may take of the time left if the lookup can do without its answer.
_WITNESS_SHARE = 0.1


class Ask(NamedTuple):
    """A question, and the share of the time left that it may take."""

    question: Question
    share: float = 1.0


class Found(NamedTuple):
    """The addresses of one name, in the families that were asked for.

    Attributes:
        outcome: what DNS said.
        addresses: packed.
        outside: those of them that may not be a peer's.
        ttl: seconds.
        canonical: the name at the end of a CNAME chain; empty where there is no chain.
        complete: False where no answer held all.
        samples: answers that `addresses` is the union of.
        sample_size: addresses in such an answer.
    """

    outcome: Outcome
    addresses: frozenset[bytes]
    outside: frozenset[bytes]
    ttl: int
    canonical: str
    complete: bool
    samples: int
    sample_size: int


Finding: TypeAlias = Generator[Ask, Answer, Found]


class Discovery:
    """One Service, to be looked up once or again and again; what was learnt of it is not asked again.

    Args:
        config: what is wanted.
        surroundings: where the lookup is made from.

    Raises:
        ConfigError: the surroundings do not say enough for an absolute name, or contradict themselves.
    """

    def __init__(self, config: DiscoveryConfig, surroundings: Surroundings) -> None:
        self.config = config
        self.service = _absolute(config, surroundings)
        self._surroundings = surroundings
        self._own_ips = surroundings.own_ips(config)
        self._first: RecordType | None = _family_of(self._own_ips[0]) if self._own_ips else None
        self._no_cluster_ips: frozenset[bytes] = frozenset()
        self._silences = 0
        self._looks_until_witness = 0

    def look(self, samples: int = MOST_SAMPLES) -> Generator[Ask, Answer, Listing]:
        """One lookup.

        Args:
            samples: how many answers may be asked for where none holds the whole list.

        Raises:
            LookupFailed: DNS could not say.
            NotHeadlessError: the Service has a ClusterIP.
        """
        found = yield from self.find(self.service, samples)
        own = self.own_among(found.addresses - found.outside)
        if not own:
            yield from self.check_headless(found)
        return Listing(
            found.outcome,
            found.addresses - (own | found.outside),
            min(own, default=None),
            found.ttl,
            found.complete,
            found.samples,
            found.sample_size,
            found.outside,
        )

    def find(self, name: str, samples: int = 1) -> Finding:
        """Looks up the addresses of one name, in the families that are wanted."""
        match self.config.family:
            case "ipv4":
                return (yield from self._find_family(name, "A", samples))
            case "ipv6":
                return (yield from self._find_family(name, "AAAA", samples))
            case "both":
                first = yield from self._find_family(name, "A", samples)
                return _together(first, (yield from self._find_family(name, "AAAA", samples)))
            case _:
                preferred: RecordType = self._first or "A"
                first = yield from self._find_family(name, preferred, samples)
                if first.outcome is not Outcome.NODATA:
                    return first
                other: RecordType = "AAAA" if preferred == "A" else "A"
                second = yield from self._find_family(name, other, samples)
                return second if second.addresses else first

    def own_among(self, addresses: frozenset[bytes]) -> frozenset[bytes]:
        """Which of them are one's own."""
        own = self._surroundings.own_among(self.config, addresses)
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

    def sampled(self, question: Question, samples: int) -> Generator[Ask, Answer, tuple[Answer, int, int]]:
        """Asks, and asks again while no answer holds everything.

        Returns:
            The union of the answers, how many there are, and how many records the last one held.
        """
        answer = yield Ask(question)
        size = len(answer.addresses) or len(answer.targets)
        taken, barren = 1, 0
        while not answer.holds_all and taken < samples and barren < _BARREN_SAMPLES:
            try:
                more = yield Ask(question)
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

    def _find_family(self, name: str, rtype: RecordType, samples: int) -> Finding:
        answer, taken, size = yield from self.sampled(Question(name, rtype), samples)
        outside = self.config.networks.outside(answer.addresses)
        size = max(0, size - len(outside))
        return Found(
            answer.outcome, answer.addresses, outside, answer.ttl, answer.canonical, answer.complete, taken, size
        )

    def _may_be_cluster_ip(self, addresses: frozenset[bytes]) -> bool:
        """Whether there is one address in a family, and no verdict on it yet; two are proof of a headless Service."""
        alone = 0 < len(addresses) <= 2 and len({len(ip) for ip in addresses}) == len(addresses)
        return alone and not addresses <= self._no_cluster_ips

    def check_headless(self, found: Found) -> Generator[Ask, Answer, None]:
        """Asks witnesses whether a single address is a ClusterIP: what resolves may still not reach everyone.

        CoreDNS answers SRV for the bare name with the Service itself where it has a ClusterIP, and with its Pods where
        it is headless; and PTR for a ClusterIP with the Service's name.

        Raises:
            NotHeadlessError: it is one.
        """
        name = found.canonical or self.service
        if not self._may_be_cluster_ip(found.addresses) or not names.is_service(name):
            return
        if self._looks_until_witness:
            self._looks_until_witness -= 1
            return
        suspects = sorted(found.addresses - self._no_cluster_ips, key=len)
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
            self._no_cluster_ips = found.addresses
            self._silences = 0
        else:  # asked again, but ever more rarely
            self._looks_until_witness = 2**self._silences
            self._silences = min(self._silences + 1, 10)


_SILENCE = Answer(Outcome.PENDING)


def _witness(question: Question) -> Generator[Ask, Answer, Answer]:
    try:
        return (yield Ask(question, _WITNESS_SHARE))
    except LookupFailed:
        return _SILENCE  # a witness that does not answer proves nothing, and fails nothing


def _absolute(config: DiscoveryConfig, surroundings: Surroundings) -> str:
    if not names.needs_domain(config.service):
        return names.absolute(config.service)
    namespace = surroundings.namespace(config) if names.needs_namespace(config.service) else ""
    return names.absolute(config.service, namespace, surroundings.cluster_domain(config))


def _family_of(packed: bytes) -> RecordType:
    return "A" if len(packed) == IPV4_BYTES else "AAAA"


def _together(first: Found, second: Found) -> Found:
    """Both families of a name; a sample counts for as much as the one that was cut more."""
    if not second.addresses or not first.addresses:
        found, other = (first, second) if first.addresses else (second, first)
        nodata = Outcome.NODATA in (found.outcome, other.outcome) and not found.addresses
        return found._replace(
            outcome=Outcome.NODATA if nodata else found.outcome, complete=found.complete and other.complete
        )
    return Found(
        Outcome.FOUND,
        first.addresses | second.addresses,
        first.outside | second.outside,
        min(first.ttl, second.ttl),
        first.canonical,
        first.complete and second.complete,
        min(first.samples, second.samples),
        2 * min(first.sample_size, second.sample_size),
    )
