"""What is asked of DNS, and what comes back: the vocabulary of a resolver of your own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Literal, NamedTuple

from peerdisco._core.addresses import pack_ip

RecordType = Literal["A", "AAAA", "SRV", "PTR"]


class Outcome(Enum):
    """What DNS said of a name (RFC 2308).

    Attributes:
        FOUND: there are addresses.
        NODATA: the name exists, but not with this type of record.
        NXDOMAIN: there is no such name; for a headless Service also: none of its Pods is ready.
        PENDING: nothing has been looked up yet.
    """

    FOUND = "found"
    NODATA = "nodata"
    NXDOMAIN = "nxdomain"
    PENDING = "pending"


class Question(NamedTuple):
    """One question to DNS (RFC 1035 section 4.1.2).

    Attributes:
        name: an absolute name in lower case, with its final dot.
        rtype: `A`, `AAAA`, `SRV` or `PTR`.
    """

    name: str
    rtype: RecordType

    def __str__(self) -> str:
        return f"{self.name} {self.rtype}"


class SrvTarget(NamedTuple):
    """One SRV record (RFC 2782): a port, and the name of the host behind it, absolute and in lower case."""

    name: str
    port: int


class Answer(NamedTuple):
    """What DNS said to one `Question`. It is said with authority, so an empty answer means that no Pod is there.

    Attributes:
        outcome: `FOUND`, `NODATA` or `NXDOMAIN`.
        addresses: the A or AAAA records, packed (4 or 16 bytes each).
        ttl: seconds that the answer may be kept (RFC 1035 section 3.2.1).
        complete: False if the server could not fit all records into its reply.
        canonical: the name at the end of a CNAME chain; empty if there is no chain.
        targets: the SRV records.
        glue: the addresses, packed, that came along with an SRV answer, by target name.
        names: the PTR records.
    """

    outcome: Outcome
    addresses: frozenset[bytes] = frozenset()
    ttl: int = 0
    complete: bool = True
    canonical: str = ""
    targets: tuple[SrvTarget, ...] = ()
    glue: Mapping[str, tuple[bytes, ...]] = {}
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, question: Question, ips: Iterable[str], *, ttl: int = 0) -> Answer:
        """Return the answer of a Service that has these Pod IPs, as CoreDNS gives it: for resolvers of your own.

        Args:
            question: what was asked; addresses of the other family are left out.
            ips: every Pod's address; an empty list is NXDOMAIN.
            ttl: seconds.

        Raises:
            ValueError: One of them is no IP address.
        """
        packed = frozenset(map(pack_ip, ips))
        size = {"A": 4, "AAAA": 16}.get(question.rtype)
        asked = frozenset(ip for ip in packed if len(ip) == size)
        if asked:
            return cls(Outcome.FOUND, asked, ttl)
        return cls(Outcome.NODATA if packed else Outcome.NXDOMAIN, ttl=ttl)
