"""What a lookup of a Service came to: the endpoints that DNS lists, packed.

An *endpoint* is the 4 or 16 bytes of an address, or, where SRV gave more, a tuple of packed address, port and Pod
hostname (0 and empty where they are not known). Thousands of endpoints are compared as sets; a `Peer` is made when it
is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from peerdisco.answers import Outcome

NamedEndpoint: TypeAlias = tuple[bytes, int, str]
Endpoint: TypeAlias = bytes | NamedEndpoint
Endpoints: TypeAlias = frozenset[Endpoint]

MOST_SAMPLES = 64
"""Cut answers that one lookup asks for at most."""


class Limits(NamedTuple):
    """How much one lookup may ask.

    Attributes:
        samples: how many answers to one question, where none holds the whole list.
        targets: how many SRV targets may be asked for by name; None for all of them.
    """

    samples: int = MOST_SAMPLES
    targets: int | None = None


UNLIMITED = Limits()


def unlimited() -> Limits:
    """Return the limits of a one-shot lookup: none."""
    return UNLIMITED


class Listing(NamedTuple):
    """What a lookup of a Service came to.

    Attributes:
        outcome: `FOUND`, `NODATA` or `NXDOMAIN`.
        endpoints: every endpoint that DNS lists, without this Pod, packed.
        own: this Pod's endpoints, as listed.
        ttl: seconds.
        complete: False where DNS lists more than could be learnt.
        cut: True where the list of addresses did not fit into an answer: then who is missing may still be there.
        samples: how many cut answers `endpoints` is the union of; 1 where the list is whole.
        sample_size: how many endpoints one of them holds; 0 where the list is whole.
        outside: addresses that were left out, since they may not be a peer's.
        waiting: addresses that are listed, but whose port is not known yet.
        targets: the SRV target of each address that has one, without its final dot.
        foreign_alias: the name outside the cluster domain that the Service's name leads to; empty where it does not.
    """

    outcome: Outcome
    endpoints: Endpoints
    own: Endpoints = frozenset()
    ttl: int = 0
    complete: bool = True
    cut: bool = False
    samples: int = 1
    sample_size: int = 0
    outside: frozenset[bytes] = frozenset()
    waiting: frozenset[bytes] = frozenset()
    targets: Mapping[bytes, str] = {}
    foreign_alias: str = ""


NOBODY: Endpoints = frozenset()
"""No endpoint: one object, so that a list that stays empty is known by identity."""

PENDING = Listing(Outcome.PENDING, NOBODY)
"""Nothing has been looked up yet."""


def address_of(endpoint: Endpoint) -> bytes:
    """Return the packed address of an endpoint."""
    return endpoint if isinstance(endpoint, bytes) else endpoint[0]
