"""One Service and the resolver that is asked about it: what a one-shot call and a watcher share, sync and async."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, Literal

from peerdisco._core.conditions import ConditionLog, conditions_of, log
from peerdisco._core.discovery import Discovery, Steps, TimedQuestion
from peerdisco._core.listing import UNLIMITED, Limits, Listing
from peerdisco._core.named_ports import NamedPortDiscovery
from peerdisco.answers import Answer, Outcome, Question, SrvTarget
from peerdisco.clock import SYSTEM_CLOCK, Clock
from peerdisco.config import DiscoveryConfig, Options
from peerdisco.environment import HOST_ENVIRONMENT
from peerdisco.errors import Attempt, ConfigError, LookupFailed
from peerdisco.peers import PackedPeers, PeerSet
from peerdisco.resolvers import AsyncResolver, DnsResolver, Resolver, default_resolver, environment_of

# Services whose last one-shot lookup had a condition that was logged, so that it is logged once.
_MOST_ONE_SHOTS = 1000
_one_shots: dict[str, ConditionLog] = {}
_ADDRESS_SIZES = {"A": 4, "AAAA": 16}


class ServiceLookup:
    """A Service, the resolver that is asked about it, and the time that a lookup may take.

    Args:
        service: the Service, or the whole config.
        resolver: the resolver to ask; None for the default.
        options: as for `DiscoveryConfig`.
        method: what the resolver must have.

    Raises:
        ConfigError: An option or the resolver is invalid, or the namespace can't be determined.
    """

    def __init__(
        self,
        service: str | DiscoveryConfig,
        resolver: Resolver | AsyncResolver | None,
        options: Options,
        method: Literal["lookup", "alookup"],
    ) -> None:
        self.config = DiscoveryConfig.of(service, options)
        self._own_resolver: DnsResolver | None = None
        chosen = resolver if resolver is not None else default_resolver.get()
        if chosen is None:
            chosen = self._own_resolver = DnsResolver(self.config.servers, resolv_conf=self.config.resolv_conf)
        ask = getattr(chosen, method, None)
        if ask is None:
            raise ConfigError("resolver", chosen, f"has no method `{method}`")
        self.resolver = chosen
        self.ask: Callable[..., Any] = ask
        # Our own resolver, and no subclass with a method of its own: it retries, and can be trusted.
        self.retries = getattr(type(chosen), method, None) is getattr(DnsResolver, method)
        kind = NamedPortDiscovery if isinstance(self.config.port, str) else Discovery
        self.discovery = kind(self.config, HOST_ENVIRONMENT if self._own_resolver else environment_of(chosen))
        self.service = self.discovery.service
        self.clock: Clock = getattr(chosen, "clock", SYSTEM_CLOCK)

    def begin(self, limits: Limits = UNLIMITED) -> LookupRun:
        """Begin a lookup: its time runs from now."""
        return LookupRun(self, limits)

    def peers(self, listing: Listing) -> PeerSet:
        """Return what a one-shot lookup came to."""
        conditions = conditions_of(listing)
        if conditions or self.service in _one_shots:
            self._log(conditions)
        log.debug("%s: %s, %d peers", self.service, listing.outcome, len(listing.endpoints))
        return PeerSet(
            self.service,
            PackedPeers(listing.endpoints, self.config.port_number),
            listing,
            looked_up=self.clock(),
            clock=self.clock,
        )

    def _log(self, conditions: dict[str, str]) -> None:
        if len(_one_shots) >= _MOST_ONE_SHOTS:
            _one_shots.clear()
        known = _one_shots.setdefault(self.service, ConditionLog(self.service))
        if not conditions:
            _one_shots.pop(self.service, None)
        known.update(conditions)

    def close(self) -> None:
        """Close what this object opened; a resolver that was given stays as it is."""
        if self._own_resolver is not None:
            self._own_resolver.close()


class LookupRun:
    """One lookup under way: it puts each question to the resolver, for as long as there is time.

    Attributes:
        steps: the questions of the lookup.
        questions: how many have been asked so far, every attempt of one that failed included.
    """

    def __init__(self, lookup: ServiceLookup, limits: Limits) -> None:
        self._lookup = lookup
        self._clock = lookup.clock
        now = self._clock()
        self._deadline = now + lookup.config.timeout
        self.steps: Steps = lookup.discovery.steps(limits, now)
        self.questions = 0

    def ask(self, timed: TimedQuestion) -> Answer:
        """Put a question to a resolver.

        Raises:
            LookupFailed: It got no answer, or no time is left.
        """
        try:
            return self._checked(timed.question, self._ask(timed))
        except LookupFailed as error:
            self.questions += max(0, len(error.attempts) - 1)
            raise

    async def aask(self, timed: TimedQuestion) -> Answer:
        """Put a question to an async resolver, as `ask` does."""
        try:
            answer: Awaitable[Any] = self._ask(timed)
            return self._checked(timed.question, await answer)
        except LookupFailed as error:
            self.questions += max(0, len(error.attempts) - 1)
            raise

    def _ask(self, timed: TimedQuestion) -> Any:
        left = self._deadline - self._clock()
        if left <= 0:
            raise LookupFailed(timed.question, "timeout")
        self.questions += 1
        if timed.retry or not self._lookup.retries:
            return self._lookup.ask(timed.question, left * timed.share)
        return self._lookup.ask(timed.question, left * timed.share, retry=False)

    def _checked(self, question: Question, answer: Any) -> Answer:
        """Return what a resolver gave.

        Raises:
            LookupFailed: It is no answer to this question; the message names the resolver.
        """
        checked: Answer = answer
        if self._lookup.retries:
            return checked
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
