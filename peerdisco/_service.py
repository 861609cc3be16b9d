"""One Service and the resolver that is asked about it: what a one-shot call and a watcher share, sync and async."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from logging import DEBUG
from typing import Any, Literal, cast

from peerdisco._core.conditions import ConditionLog, conditions_of, empty_code, log, with_server
from peerdisco._core.discovery import Discovery, Steps, TimedQuestion
from peerdisco._core.listing import PENDING, Limits, Listing, unlimited
from peerdisco._core.srv_discovery import SrvDiscovery
from peerdisco._dns.sockets import Sent
from peerdisco._options import WATCHER_OPTIONS, refused_option
from peerdisco.answers import Answer, Outcome, Question, SrvTarget
from peerdisco.clock import Clock
from peerdisco.config import DiscoveryConfig, LookupOptions, Options
from peerdisco.environment import HOST_ENVIRONMENT
from peerdisco.errors import Attempt, ConfigError, LookupFailed
from peerdisco.peers import PackedPeers, PeerSet
from peerdisco.resolvers import (
    AsyncResolver,
    DnsResolver,
    Resolver,
    StaticResolver,
    clock_of,
    default_resolver,
    environment_of,
)

# What one-shot calls asked with, by the config's id and kept with it; and Services whose last one-shot lookup had a
# condition that was logged, so that it is logged once.
_MOST_ONE_SHOTS = 256
_one_shots: dict[int, tuple[tuple[object, ...], ServiceLookup]] = {}
_conditions: dict[str, ConditionLog] = {}
_ADDRESS_SIZES = {"A": 4, "AAAA": 16}


def one_shot(
    service: str | DiscoveryConfig,
    resolver: Resolver | AsyncResolver | None,
    options: LookupOptions,
    method: Literal["lookup", "alookup"],
) -> ServiceLookup:
    """Return what a one-shot call asks with: what a config implies is built once, and leaves no descriptor open.

    Args:
        service: the Service, or the whole config.
        resolver: the resolver to ask; None for the default.
        options: as for `DiscoveryConfig`.
        method: what the resolver must have.

    Raises:
        ConfigError: An option or the resolver is invalid, or the namespace can't be determined.
    """
    if options or not isinstance(service, DiscoveryConfig):
        if not WATCHER_OPTIONS.isdisjoint(options):
            raise refused_option(options)
        config = DiscoveryConfig.of(service, cast("Options", options))
    else:
        config = service
    if resolver is not None or default_resolver.get() is not None or config.static_ips is not None:
        return ServiceLookup(config, resolver, method)
    kept = _one_shots.get(id(config))  # it holds the config, so no other has this id
    if kept is not None and not kept[0]:
        return kept[1]  # the config says everything
    depends_on = HOST_ENVIRONMENT.fingerprint(config)
    if kept is not None and kept[0] == depends_on:
        return kept[1]
    lookup = ServiceLookup(config, None, method, keep_connections=False)
    if len(_one_shots) >= _MOST_ONE_SHOTS:
        _one_shots.clear()
    _one_shots[id(config)] = depends_on, lookup
    return lookup


class ServiceLookup:
    """A Service, the resolver that is asked about it, and the time that a lookup may take.

    Args:
        config: the options.
        resolver: the resolver to ask; None for the default.
        method: what the resolver must have.
        keep_connections: whether a resolver of our own keeps TCP connections between lookups.

    Raises:
        ConfigError: The resolver is invalid, or the namespace can't be determined.
    """

    def __init__(
        self,
        config: DiscoveryConfig,
        resolver: Resolver | AsyncResolver | None,
        method: Literal["lookup", "alookup"],
        *,
        keep_connections: bool = True,
    ) -> None:
        self.config = config
        self._own_resolver: DnsResolver | None = None
        chosen: Any = resolver if resolver is not None else default_resolver.get()
        if chosen is None and config.static_ips is not None:
            chosen = StaticResolver(config.static_ips)
        if chosen is None:
            chosen = self._own_resolver = DnsResolver(
                config.servers, resolv_conf=config.resolv_conf, keep_connections=keep_connections
            )
        if getattr(chosen, method, None) is None:
            raise ConfigError("resolver", chosen, f"has no method `{method}`")
        self.resolver = chosen
        # Our own resolver, and no subclass or object with a method of its own: it sends ahead, retries, and is trusted.
        is_ours = getattr(getattr(chosen, method), "__func__", None) is getattr(DnsResolver, method)
        self.trusted: DnsResolver | None = chosen if is_ours else None
        kind = SrvDiscovery if isinstance(config.port, str) or config.hostnames else Discovery
        self.discovery = kind(config, HOST_ENVIRONMENT if self._own_resolver else environment_of(chosen))
        self.service = self.discovery.service
        self.clock: Clock = clock_of(chosen)
        self._run: LookupRun | None = None
        # What the last lookup came to. In one piece, for other threads.
        self._latest = PENDING, PackedPeers(PENDING.endpoints, config.port_number, PENDING.targets)

    def begin(self, limits: Callable[[], Limits] = unlimited) -> LookupRun:
        """Begin a lookup: its time runs from now.

        Args:
            limits: says how much may be asked; called where one question is not enough.
        """
        self._run = LookupRun(self, limits)
        return self._run

    def progress(self) -> str:
        """Return what the last lookup that was begun has asked, and what failed so far, in words."""
        run = self._run
        if run is None:
            return "it has not begun"
        attempts = self.resolver.attempts if isinstance(self.resolver, DnsResolver) else ()
        failed = "; ".join(dict.fromkeys(map(str, attempts)))
        return f"asking for {run.asking}, for up to {self.config.timeout:g} s; so far: {failed or 'no reply'}"

    @property
    def answered_by(self) -> str:
        """The nameserver that replied last; empty where none did, or where it is not known.

        A resolver that was given may be shared, and its last reply that to another Service's lookup.
        """
        return self._own_resolver.answered_by if self._own_resolver is not None else ""

    def peers(self, listing: Listing) -> PeerSet:
        """Return what a one-shot lookup came to."""
        latest, packed = self._latest
        if listing is not latest:
            if packed.endpoints is not listing.endpoints or packed.targets is not listing.targets:
                packed = PackedPeers(listing.endpoints, self.config.port_number, listing.targets)
            self._latest = listing, packed
        if listing is not latest or _conditions:
            self._log(listing)
        if log.isEnabledFor(DEBUG):
            code, peers = empty_code(conditions_of(listing)) or "listed", len(listing.endpoints)
            facts = {"service": self.service, "code": code, "peers": peers}
            log.debug("%s: %s, %d peers", self.service, listing.outcome, peers, extra=facts)
        return PeerSet(self.service, packed, listing, looked_up=self.clock(), clock=self.clock)

    def _log(self, listing: Listing) -> None:
        conditions = conditions_of(listing)
        if not conditions and self.service not in _conditions:
            return
        if len(_conditions) >= _MOST_ONE_SHOTS:
            _conditions.clear()
        known = _conditions.setdefault(self.service, ConditionLog(self.service))
        if conditions:
            conditions = with_server(conditions, self.answered_by)
        known.update(conditions, self.clock(), len(listing.endpoints))
        if known.is_at_rest:
            _conditions.pop(self.service, None)

    def close(self) -> None:
        """Close what this object opened; a resolver that was given stays as it is."""
        if self._own_resolver is not None:
            self._own_resolver.close()


class LookupRun:
    """One lookup under way: it puts each question to the resolver, for as long as there is time.

    Attributes:
        opening: the question that the lookup begins with.
        ordinary: returns what the answer to that comes to, where nothing more is to be asked; else None.
        began_at: when it began, in seconds on the resolver's clock.
        asking: the question that was asked last.
        questions: how many have been asked so far, every attempt of one that failed included.
    """

    def __init__(self, lookup: ServiceLookup, limits: Callable[[], Limits]) -> None:
        self.opening = lookup.discovery.opening
        self.began_at = lookup.clock()
        # As soon as the time is known, so that the rest is done while the reply is on its way.
        trusted = lookup.trusted
        self._sent = None if trusted is None else trusted._send_first(self.opening.question, lookup.config.timeout)  # noqa: SLF001 - shared inside the package
        self.ordinary = lookup.discovery.ordinary
        self._lookup = lookup
        self._limits = limits
        self.asking = self.opening.question
        self.questions = 0

    def abandon(self, _: object = None) -> None:
        """Close the socket of a query that was sent, and whose reply nobody has waited for."""
        if self._sent is not None:
            self._sent.sock.close()
            self._sent = None

    def rest(self, answer: Answer) -> Steps:
        """Return the questions that follow on the answer to the opening question."""
        return self._lookup.discovery.steps(self._limits(), self.began_at, answer, self.opening)

    def ask(self, timed: TimedQuestion) -> Answer:
        """Put a question to a resolver.

        Raises:
            LookupFailed: It got no answer, or no time is left.
        """
        trusted, question, seconds = self._lookup.trusted, timed.question, self._begin(timed)
        try:
            if trusted is None:
                return self._checked(question, self._lookup.resolver.lookup(question, seconds))
            return trusted._lookup_sent(question, seconds, self._taken(), retry=timed.retry)  # noqa: SLF001 - shared inside the package
        except LookupFailed as error:
            self.questions += max(0, len(error.attempts) - 1)
            raise

    async def aask(self, timed: TimedQuestion) -> Answer:
        """Put a question to an async resolver, as `ask` does."""
        trusted, question, seconds = self._lookup.trusted, timed.question, self._begin(timed)
        try:
            if trusted is None:
                return self._checked(question, await self._lookup.resolver.alookup(question, seconds))
            return await trusted._alookup_sent(question, seconds, self._taken(), retry=timed.retry)  # noqa: SLF001 - shared inside the package
        except LookupFailed as error:
            self.questions += max(0, len(error.attempts) - 1)
            raise

    def _begin(self, timed: TimedQuestion) -> float:
        """Return the seconds that a question may take, and count it.

        Raises:
            LookupFailed: No time is left.
        """
        left = self.began_at + self._lookup.config.timeout - self._lookup.clock()
        if left <= 0:
            raise LookupFailed(timed.question, "timeout")
        self.questions += 1
        self.asking = timed.question
        return left * timed.share

    def _taken(self) -> Sent | None:
        """Return the first query where it was sent and is not waited for yet; who takes it closes its socket."""
        sent, self._sent = self._sent, None
        return sent

    def _checked(self, question: Question, answer: Any) -> Answer:
        """Return what a resolver gave.

        Raises:
            LookupFailed: It is no answer to this question; the message names the resolver.
        """
        checked: Answer = answer
        resolver = self._lookup.resolver
        if problem := _problem(question, answer):
            attempt = Attempt(f"the resolver {type(resolver).__qualname__}", "", "malformed", f"returned {problem}")
            advice = "A resolver returns an `Answer`, or raises LookupFailed; `Answer.of` makes one from a list."
            raise LookupFailed(question, "malformed", (attempt,), advice)
        return checked._replace(addresses=frozenset(checked.addresses))


def _problem(question: Question, answer: Any) -> str:
    """Return what is wrong with what a resolver gave; empty where nothing is."""
    if not isinstance(answer, Answer):
        return f"{type(answer).__qualname__} instead of an Answer"
    # The fields by name, as what a stranger filled in: the annotations promise what is checked here.
    given: dict[str, Any] = answer._asdict()
    sizes = {_ADDRESS_SIZES.get(question.rtype)}
    is_fine: dict[str, Callable[[Any], bool]] = {
        "outcome": lambda outcome: isinstance(outcome, Outcome) and outcome is not Outcome.PENDING,
        "addresses": lambda ips: isinstance(ips, (frozenset, set)) and _are_addresses(ips, sizes),
        "ttl": lambda ttl: isinstance(ttl, int),
        "canonical": lambda name: isinstance(name, str),
        "targets": lambda targets: isinstance(targets, tuple) and all(map(_is_target, targets)),
        "glue": lambda glue: (
            isinstance(glue, Mapping)
            and all(_are_addresses(ips, set(_ADDRESS_SIZES.values())) for ips in glue.values())
        ),
        "names": lambda names: isinstance(names, tuple) and all(isinstance(name, str) for name in names),
    }
    for field, check in is_fine.items():
        if not check(given[field]):
            return f"an Answer whose {field} can't answer {question}: {given[field]!r:.100}"
    return ""


def _are_addresses(ips: Iterable[Any], sizes: Collection[int | None]) -> bool:
    return all(isinstance(ip, bytes) and len(ip) in sizes for ip in ips)


def _is_target(target: Any) -> bool:
    return isinstance(target, SrvTarget) and [*map(type, target)] == [str, int]
