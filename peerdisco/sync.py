"""Discovery for threads: `discover_peers`."""

from __future__ import annotations

from typing import Unpack

from peerdisco.config import DiscoveryConfig, Options
from peerdisco.discovery import MOST_SAMPLES, Ask
from peerdisco.errors import LookupFailed
from peerdisco.io_blocking import drive
from peerdisco.models import Answer, Listing, PeerSet
from peerdisco.resolvers import Resolver
from peerdisco.session import Session


def discover_peers(
    service: str | DiscoveryConfig, *, resolver: Resolver | None = None, **options: Unpack[Options]
) -> PeerSet:
    """Looks a headless Service up, once and now: every Pod behind it but this one.

    See https://kubernetes.io/docs/concepts/services-networking/service/#headless-services.

    Args:
        service: `svc`, `svc.ns`, `svc.ns.svc`, a full name with or without the final dot, or a `DiscoveryConfig`.
        resolver: answers instead of DNS.
        options: as in `DiscoveryConfig`; they go over what a config given as `service` says.

    Returns:
        The peers, sorted by address; empty, and its `outcome` says why, where nobody is ready or the name is a typo.

    Raises:
        ConfigError: an option can't be right, or the surroundings do not say enough; nothing was sent.
        LookupFailed: DNS could not say within `timeout` seconds.
        NotHeadlessError: the Service has a ClusterIP.
    """
    session = Session(service, resolver, options, "lookup")
    try:
        return session.peers(look(session))
    finally:
        session.close()


def look(session: Session, samples: int = MOST_SAMPLES) -> Listing:
    """One lookup of a session."""
    deadline = session.deadline()

    def perform(ask: Ask) -> Answer:
        answer: Answer = session.ask(ask.question, session.seconds(ask, deadline))
        return answer

    return drive(session.discovery.look(samples), perform, LookupFailed)
