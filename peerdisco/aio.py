"""Discovery for asyncio: `adiscover_peers`."""

from __future__ import annotations

from typing import Unpack

from peerdisco.config import DiscoveryConfig, Options
from peerdisco.discovery import MOST_SAMPLES, Ask
from peerdisco.errors import LookupFailed
from peerdisco.io_asyncio import drive
from peerdisco.models import Answer, Listing, PeerSet
from peerdisco.resolvers import AsyncResolver
from peerdisco.session import Session


async def adiscover_peers(
    service: str | DiscoveryConfig, *, resolver: AsyncResolver | None = None, **options: Unpack[Options]
) -> PeerSet:
    """Looks a headless Service up, once and now, without blocking the event loop.

    The twin of `peerdisco.discover_peers`: same arguments, same result, same errors.
    """
    session = Session(service, resolver, options, "alookup")
    try:
        return session.peers(await look(session))
    finally:
        session.close()


async def look(session: Session, samples: int = MOST_SAMPLES) -> Listing:
    """One lookup of a session."""
    deadline = session.deadline()

    async def perform(ask: Ask) -> Answer:
        answer: Answer = await session.ask(ask.question, session.seconds(ask, deadline))
        return answer

    return await drive(session.discovery.look(samples), perform, LookupFailed)
