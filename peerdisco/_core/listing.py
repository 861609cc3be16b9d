"""What a lookup of a Service came to: the endpoints that DNS lists, packed.

An *endpoint* is the 4 or 16 bytes of an address, or, where SRV gave more, a tuple of packed address, port and Pod
hostname (empty where there is none). Thousands of endpoints are compared as sets; a `Peer` is made when it is read.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from peerdisco.answers import Outcome

Endpoint: TypeAlias = bytes | tuple[bytes, int, str]
Endpoints: TypeAlias = frozenset[Endpoint]

MOST_SAMPLES = 64
"""Cut answers that one lookup asks for at most."""


class Listing(NamedTuple):
    """What a lookup of a Service came to: every endpoint that DNS lists but oneself.

    Attributes:
        outcome: `FOUND`, `NODATA` or `NXDOMAIN`.
        endpoints: the others, packed.
        own: oneself, as listed.
        ttl: seconds.
        complete: False where DNS could not fit all.
        samples: how many cut answers `endpoints` is the union of; 1 where complete.
        sample_size: how many endpoints one of them holds.
        outside: addresses that were left out, as they may not be a peer's.
    """

    outcome: Outcome
    endpoints: Endpoints
    own: Endpoint | None
    ttl: int
    complete: bool
    samples: int = 1
    sample_size: int = 0
    outside: frozenset[bytes] = frozenset()


NOTHING_YET = Listing(Outcome.PENDING, frozenset(), None, 0, complete=True)


def address_of(endpoint: Endpoint) -> bytes:
    """The packed address of an endpoint."""
    return endpoint if isinstance(endpoint, bytes) else endpoint[0]
