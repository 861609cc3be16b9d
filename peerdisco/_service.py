"""One Service and whom to ask about it: what the one-shot call and the watcher share, in both worlds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from peerdisco._core.conditions import ConditionLog, conditions_of, log
from peerdisco._core.discovery import Ask, Discovery
from peerdisco._core.listing import Listing
from peerdisco._core.named_ports import NamedPortDiscovery
from peerdisco.answers import Question
from peerdisco.clock import SYSTEM_CLOCK, Clock
from peerdisco.config import DiscoveryConfig, Options
from peerdisco.environment import HOST_ENVIRONMENT
from peerdisco.errors import ConfigError, LookupFailed
from peerdisco.peers import PackedPeers, PeerSet
from peerdisco.resolvers import AsyncResolver, DnsResolver, Resolver, default_resolver, environment_of

# Services whose one-shot lookups last came to something that was logged, so that it is logged once.
_MOST_ONE_SHOTS = 1000
_one_shots: dict[str, ConditionLog] = {}


class ServiceLookup:
    """A Service, the resolver that is asked about it, and the time that a lookup may take.

    Args:
        service: the Service, or the whole config.
        resolver: whom to ask; None for the default.
        options: as for `DiscoveryConfig`.
        method: what the resolver must have.

    Raises:
        ConfigError: an option, the environment or the resolver can't be right.
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
        self.ask: Callable[[Question, float], Any] = ask
        kind = NamedPortDiscovery if isinstance(self.config.port, str) else Discovery
        self.discovery = kind(self.config, HOST_ENVIRONMENT if self._own_resolver else environment_of(chosen))
        self.service = self.discovery.service
        self.clock: Clock = getattr(chosen, "clock", SYSTEM_CLOCK)

    def asker(self) -> Callable[[Ask], Any]:
        """What puts the questions of a lookup that begins now to the resolver, each for as long as there is time.

        It raises LookupFailed where none is left.
        """
        ask, clock = self.ask, self.clock
        deadline = clock() + self.config.timeout

        def perform(wanted: Ask) -> Any:
            question, share = wanted
            left = deadline - clock()
            if left <= 0:
                raise LookupFailed(question, "timeout")
            return ask(question, left * share)

        return perform

    def peers(self, listing: Listing) -> PeerSet:
        """What a single lookup came to."""
        states = conditions_of(listing)
        if states or self.service in _one_shots:
            self._log_states(states)
        log.debug("%s: %s, %d others", self.service, listing.outcome, len(listing.endpoints))
        return PeerSet(
            self.service,
            PackedPeers(listing.endpoints, self.config.port_number),
            listing,
            looked_up=self.clock(),
            clock=self.clock,
        )

    def _log_states(self, states: dict[str, str]) -> None:
        if len(_one_shots) >= _MOST_ONE_SHOTS:
            _one_shots.clear()
        _one_shots.setdefault(self.service, ConditionLog(self.service)).update(states)
        if not states:
            _one_shots.pop(self.service, None)

    def close(self) -> None:
        """Closes what this object opened; a resolver that was given stays as it is."""
        if self._own_resolver is not None:
            self._own_resolver.close()
