"""How a DNS server can fail its client, and which question it fails: no sockets.

Rules are tried in the order they were made; the first that means a question decides.
"""

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import dns.exception
import dns.rdatatype
from dns.rcode import REFUSED, SERVFAIL
from dns.rdatatype import CNAME

from peerdisco.testing._coredns.query import Query
from peerdisco.testing._coredns.records import Reply, RRset, labels, packed
from peerdisco.testing._coredns.render import Transport, render

Fault = Literal[
    "drop",
    "delay",
    "servfail",
    "refused",
    "wrong_id",
    "wrong_question",
    "garbage",
    "truncated",
    "tcp_closed",
]

_Item = TypeVar("_Item")
_OTHER_NAME = packed(labels("another.question.invalid"))


@dataclass(slots=True)
class Rule:
    """One misbehaviour and the questions it is for; ``times`` None means until it is ended."""

    fault: Fault
    seconds: float
    transport: Transport | None
    rtype: int | None
    times: int | None

    def means(self, transport: Transport, rtype: int) -> bool:
        """Whether a question falls under this rule."""
        return (
            self.times != 0
            and self.transport in {None, transport}
            and self.rtype in {None, rtype}
            and (self.fault != "tcp_closed" or transport == "tcp")
        )


class Faults:
    """The misbehaviour in force."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """Put a rule behind those there are."""
        self._rules.append(rule)

    def clear(self) -> None:
        """End all misbehaviour."""
        self._rules.clear()

    def take(self, transport: Transport, rtype: int) -> Rule | None:
        """The rule for a question that has just come; it has then been used once."""
        rule = next((rule for rule in self._rules if rule.means(transport, rtype)), None)
        if rule and rule.times:
            rule.times -= 1
        return rule


def checked_rule(
    fault: Fault,
    seconds: float | None,
    transport: Transport | None,
    rtype: str | None,
    times: int | None,
) -> Rule:
    """Build a rule, or raise ValueError naming what is wrong with it."""
    if fault not in get_args(Fault):
        raise ValueError(f"unknown fault {fault!r}: one of {', '.join(get_args(Fault))}")
    if (fault == "delay") is (seconds is None) or (seconds is not None and not seconds > 0):
        raise ValueError(f"seconds={seconds!r}: a delay has some, above 0, and no other fault has")
    if transport not in {None, *get_args(Transport)}:
        raise ValueError(f"unknown transport {transport!r}: 'udp' or 'tcp'")
    if fault == "tcp_closed" and transport == "udp":
        raise ValueError("transport='udp': 'tcp_closed' is a fault of TCP")
    if times is not None and times < 1:
        raise ValueError(f"times={times!r} is less than 1")
    return Rule(fault, seconds or 0.0, transport, _rtype(rtype), times)


def spoiled(fault: Fault, query: Query, reply: Reply, transport: Transport, rng: random.Random) -> bytes:
    """Render a reply as a server with this fault would; empty where it says nothing."""
    match fault:
        case "drop" | "tcp_closed":
            return b""
        case "servfail":
            reply = Reply(SERVFAIL)
        case "refused":
            reply = Reply(REFUSED)
        case "wrong_id":
            query = query._replace(id=query.id ^ rng.randrange(1, 1 << 16))
        case "wrong_question":
            query = query._replace(question=_OTHER_NAME + query.question[-4:])
        case "truncated":
            part = _part(reply.answer, rng)
            reply = reply._replace(answer=part, additional=(), truncated=True)
        case "garbage":
            return _garbage(query, rng)
        case "delay":
            pass
    return render(query, reply, transport, rng)


def _part(answer: Sequence[RRset], rng: random.Random) -> list[RRset]:
    """Half of the records, rounded up, and every alias."""
    aliases = [rrset for rrset in answer if rrset.rtype == CNAME]
    others = _half([rrset for rrset in answer if rrset.rtype != CNAME], rng)
    return aliases + [rrset._replace(rdatas=_half(rrset.rdatas, rng)) for rrset in others]


def _half(whole: Sequence[_Item], rng: random.Random) -> list[_Item]:
    return rng.sample(list(whole), (len(whole) + 1) // 2)


def _garbage(query: Query, rng: random.Random) -> bytes:
    """Counts that promise more than there is, or a record longer than the packet."""
    owner = struct.pack("!H", 0xC00C)
    length, count = rng.choice([(4, 4096), (0xFFFF, 1)])
    record = owner + struct.pack("!HHIH", query.rtype, 1, 30, length) + rng.randbytes(4)
    return struct.pack("!HHHHHH", query.id, query.flags, 1, count, 0, 0) + query.question + record


def _rtype(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return dns.rdatatype.from_text(text)
    except (dns.exception.DNSException, ValueError):
        raise ValueError(f"unknown record type {text!r}") from None
