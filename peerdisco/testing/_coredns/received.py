"""The questions that a cluster was asked, as its tests see them."""

from __future__ import annotations

from typing import NamedTuple

import dns.name
import dns.rdatatype

from peerdisco.testing._coredns.query import Query
from peerdisco.testing._coredns.render import Transport


class Received(NamedTuple):
    """A question that came: its name, absolute and as it was spelt, and its type such as `"A"`."""

    name: str
    rtype: str
    transport: Transport

    @classmethod
    def of(cls, query: Query, transport: Transport) -> Received:
        """Return the question of a query."""
        name = dns.name.Name((*query.name, b"")).to_text()
        return cls(name, dns.rdatatype.to_text(dns.rdatatype.RdataType.make(query.rtype)), transport)
