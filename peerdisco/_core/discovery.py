"""What to ask about one Service, and what the answers come to. No I/O, no clock.

`Discovery.steps` yields questions and takes answers; LookupFailed is thrown in where a question got no answer.
`srv_discovery` adds ports and hostnames by SRV. Laws of this module:

- This Pod is never listed, in whichever form its address is written.
- A name inside a cluster domain whose alias leaves that domain has no Pods: NXDOMAIN.
- One foreign address is listed only where no witness says that it is the Service's ClusterIP. A target that is the
  dashed address proves a Pod; the Service's own name proves a ClusterIP; any other target leaves it to PTR, since
  kube-dns names a ClusterIP by a hash as well.
- A witness that refuses to answer proves nothing, fails nothing, and is not asked again for the same addresses.

See https://github.com/kubernetes/dns/blob/master/docs/specification.md.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple, TypeAlias

from peerdisco._core import names
from peerdisco._core.addresses import IPV4_BYTES, mapped, reverse_name, text_of, undashed
from peerdisco._core.listing import NOBODY, PENDING, UNLIMITED, Limits, Listing
from peerdisco.answers import Answer, Outcome, Question, RecordType
from peerdisco.config import DiscoveryConfig
from peerdisco.environment import Environment, cluster_domain_of, namespace_of, own_ips_of
from peerdisco.errors import LookupFailed, NotHeadlessError

# Cut answers are random parts of the whole: when so many in a row bring nothing new, little can be missing.
_BARREN_SAMPLES = 2
# What a question may take of the time left if the lookup can do without its answer.
SIDE_SHARE = 0.1


class TimedQuestion(NamedTuple):
    """A question of a lookup.

    Attributes:
        question: what to ask.
        share: the share of the time left that it may take.
        retry: False where the first refusal is answer enough.
    """

    question: Question
    share: float = 1.0
    retry: bool = True


class SampledAnswer(NamedTuple):
    """What DNS said of one name.

    Attributes:
        answer: the union of all answers.
        samples: how many those are.
        size: how many records one of them has; of both families together, twice the smaller number.
    """

    answer: Answer
    samples: int
    size: int


Steps: TypeAlias = Generator[TimedQuestion, Answer, Listing]
Sampling: TypeAlias = Generator[TimedQuestion, Answer, SampledAnswer]


class Discovery:
    """One Service, looked up once or again and again; what one lookup learns, the next need not ask.

    Args:
        config: the options.
        environment: where the lookup is made from.

    Attributes:
        opening: the question that a lookup begins with.

    Raises:
        ConfigError: The namespace can't be determined, or the environment contradicts itself.
    """

    def __init__(self, config: DiscoveryConfig, environment: Environment) -> None:
        self.config = config
        self.service = _absolute(config, environment)
        self._environment = environment
        given = own_ips_of(config, environment)
        self._own_ips = None if given is None else frozenset(given).union(*map(mapped, given))
        self._own_sizes = set(map(len, given or ()))
        self._first: RecordType | None = _family_of(given[0]) if given else None
        self.opening = TimedQuestion(self._opening_question())
        # A complete answer that left nothing to find out, and what it came to. In one piece, for other threads.
        self._settled: tuple[frozenset[bytes] | None, Listing] = None, PENDING
        self._no_cluster_ips: frozenset[bytes] = frozenset()
        self._silences = 0
        self._lookups_until_witness = 0

    def ordinary(self, answer: Answer) -> Listing | None:
        """Return what the answer to the opening question comes to where it needs no further question; else None."""
        settled, listing = self._settled
        if answer.addresses is settled and answer.complete:
            return listing if answer.ttl == listing.ttl else listing._replace(ttl=answer.ttl)
        if not answer.complete or not answer.addresses or answer.canonical or self.config.family == "both":
            return None
        own, outside = self._sorted_out(answer.addresses)
        if not own and self._may_be_cluster_ip(answer.addresses):
            return None
        return self._listing(SampledAnswer(answer, 1, 0), own, outside)

    def steps(
        self,
        limits: Limits = UNLIMITED,
        now: float = 0.0,  # noqa: ARG002 - named ports need it
        begun: Answer | None = None,
        opening: TimedQuestion | None = None,
    ) -> Steps:
        """Look the Service up once.

        Args:
            limits: how much may be asked.
            now: seconds on the clock, for what is asked again after some time.
            begun: the answer to the opening question, if that has been asked.
            opening: the question that `begun` answers: another lookup may have changed `self.opening` since.

        Raises:
            LookupFailed: DNS could not say.
            NotHeadlessError: The Service has a ClusterIP.
        """
        opening = opening or self.opening
        if begun is None:
            begun = yield opening
            if listing := self.ordinary(begun):
                return listing
        found = yield from self.find(self.service, limits.samples, begun=begun, opening=opening)
        own, outside = self._sorted_out(found.answer.addresses)
        if not own:
            yield from self._check_headless(found.answer, is_watched=limits.targets is not None)
        return self._listing(found, own, outside)

    def _listing(self, found: SampledAnswer, own: frozenset[bytes], outside: frozenset[bytes]) -> Listing:
        answer, samples, size = found
        listed = answer.addresses
        if answer.complete:
            endpoints = listed.difference(own, outside) or NOBODY
            listing = Listing(answer.outcome, endpoints, own, answer.ttl, outside=outside)
            if self._is_foreign(answer):
                listing = listing._replace(foreign_alias=answer.canonical)
            elif own:
                self._settled = listed, listing
            return listing
        return Listing(
            answer.outcome,
            listed.difference(own, outside),
            own,
            answer.ttl,
            complete=False,
            cut=True,
            samples=samples,
            sample_size=_share_inside(size, listed, outside),
            outside=outside,
        )

    def _sorted_out(self, listed: frozenset[bytes]) -> tuple[frozenset[bytes], frozenset[bytes]]:
        """Return this Pod's addresses, and those that may not be a peer's."""
        outside = self.config.networks.outside(listed)
        return self._own_among(listed - outside if outside else listed), outside

    def find(
        self,
        name: str,
        samples: int = 1,
        *,
        share: float = 1.0,
        begun: Answer | None = None,
        opening: TimedQuestion | None = None,
    ) -> Sampling:
        """Look up the addresses of one name, in the families that are wanted."""
        rtype = (opening or self.opening).question.rtype
        first = yield from self._sampled(Question(name, rtype), samples, share, begun)
        match self.config.family:
            case "auto" if first.answer.outcome is Outcome.NODATA:
                other: RecordType = "AAAA" if rtype == "A" else "A"
                second = yield from self._sampled(Question(name, other), samples, share)
                return second if second.answer.addresses else first
            case "both":
                return _together(first, (yield from self._sampled(Question(name, "AAAA"), samples, share)))
            case _:
                return first

    def _opening_question(self) -> Question:
        match self.config.family:
            case "auto":
                return Question(self.service, self._first or "A")
            case "ipv6":
                return Question(self.service, "AAAA")
            case _:
                return Question(self.service, "A")

    def _sampled(self, question: Question, samples: int, share: float, begun: Answer | None = None) -> Sampling:
        """Ask, and ask again while no answer holds everything."""
        timed = TimedQuestion(question, share)
        answer = begun or (yield timed)
        if self._is_foreign(answer):
            return SampledAnswer(Answer(Outcome.NXDOMAIN, ttl=answer.ttl, canonical=answer.canonical), 1, 0)
        size = len(answer.addresses)
        taken, barren = 1, 0
        while not answer.complete and taken < samples and barren < _BARREN_SAMPLES:
            try:
                more = yield timed
            except LookupFailed:
                break  # what is known stands, and `complete` says that it is not all
            if more.complete:
                return SampledAnswer(more, 1, len(more.addresses))
            union = answer.addresses | more.addresses
            barren = 0 if len(union) > len(answer.addresses) else barren + 1
            taken += 1
            answer, size = answer._replace(addresses=union), len(more.addresses)
        return SampledAnswer(answer, taken, size)

    def _own_among(self, addresses: frozenset[bytes]) -> frozenset[bytes]:
        """Return which of them are this Pod's: as configured or as its environment says, else those of this host."""
        given = self._own_ips
        own = self._environment.local_among(addresses) if given is None else addresses & given
        if given is not None and self.config.own is None and (not own or self.config.family == "both"):
            # `POD_IP` names one family alone, and the list may be of the other.
            unknown = set(map(len, addresses)) - self._own_sizes
            if unknown:
                own |= self._environment.local_among(frozenset(ip for ip in addresses if len(ip) in unknown))
        if own and self._first is None:
            self._first = _family_of(min(own, key=len))
            self.opening = TimedQuestion(self._opening_question())
        return own

    def _is_foreign(self, answer: Answer) -> bool:
        return bool(answer.canonical) and names.leaves_cluster(self.service, answer.canonical)

    def _may_be_cluster_ip(self, addresses: frozenset[bytes]) -> bool:
        """Return whether one address in a family stands alone, without a verdict; two prove a headless Service."""
        alone = 0 < len(addresses) <= 2 and len({len(ip) for ip in addresses}) == len(addresses)
        return alone and not addresses <= self._no_cluster_ips

    def _check_headless(self, answer: Answer, *, is_watched: bool) -> Generator[TimedQuestion, Answer, None]:
        """Ask witnesses whether a single address is a ClusterIP: what resolves may still not reach everyone.

        Raises:
            NotHeadlessError: It is one.
        """
        name = answer.canonical or self.service
        if not self._may_be_cluster_ip(answer.addresses) or not names.is_service(name):
            return
        if self._lookups_until_witness and is_watched:
            self._lookups_until_witness -= 1
            return
        suspects = sorted(answer.addresses - self._no_cluster_ips, key=len)
        by_name = yield from _witness(Question(name, "SRV"))
        targets = {target.name for target in by_name.targets}
        if name in targets:
            raise NotHeadlessError(self.service, text_of(suspects[0]))
        settled = any(undashed(target.partition(".")[0]) in suspects for target in targets)
        if not settled:
            settled = True
            for ip in suspects:
                by_address = yield from _witness(Question(reverse_name(ip), "PTR"))
                if name in by_address.names:
                    raise NotHeadlessError(self.service, text_of(ip))
                settled &= by_address is not _SILENCE
        if settled:
            self._no_cluster_ips = answer.addresses
            self._silences = 0
        else:  # asked again, but by a watcher ever more rarely
            self._lookups_until_witness = 2**self._silences
            self._silences = min(self._silences + 1, 10)


_SILENCE = Answer(Outcome.PENDING)
_REFUSAL = Answer(Outcome.NXDOMAIN)


def _witness(question: Question) -> Generator[TimedQuestion, Answer, Answer]:
    """Ask a witness, whose failure proves nothing: one that refuses says as much as one with nothing to say."""
    try:
        return (yield TimedQuestion(question, SIDE_SHARE, retry=False))
    except LookupFailed as error:
        return _REFUSAL if error.reason in ("servfail", "refused") else _SILENCE


def _share_inside(size: int, listed: frozenset[bytes], outside: frozenset[bytes]) -> int:
    """Return how many of a sample's records are not left out: on average, since a cut answer is a random part."""
    return size * (len(listed) - len(outside)) // max(1, len(listed))


def _absolute(config: DiscoveryConfig, environment: Environment) -> str:
    if not names.needs_domain(config.service):
        return names.absolute(config.service)
    namespace = namespace_of(config, environment) if names.needs_namespace(config.service) else ""
    return names.absolute(config.service, namespace, cluster_domain_of(config, environment))


def _family_of(packed: bytes) -> RecordType:
    return "A" if len(packed) == IPV4_BYTES else "AAAA"


def _together(first: SampledAnswer, second: SampledAnswer) -> SampledAnswer:
    """Join both families of a name; a sample counts for as much as the one that was cut more."""
    if not first.answer.addresses or not second.answer.addresses:
        (answer, taken, size), (none, _, _) = (first, second) if first.answer.addresses else (second, first)
        is_nodata = Outcome.NODATA in (answer.outcome, none.outcome) and not answer.addresses
        outcome = Outcome.NODATA if is_nodata else answer.outcome
        return SampledAnswer(answer._replace(outcome=outcome, complete=answer.complete and none.complete), taken, size)
    (one, taken, size), (other, other_taken, other_size) = first, second
    both = one._replace(
        addresses=one.addresses | other.addresses,
        ttl=min(one.ttl, other.ttl),
        complete=one.complete and other.complete,
    )
    return SampledAnswer(both, min(taken, other_taken), 2 * min(size, other_size))
