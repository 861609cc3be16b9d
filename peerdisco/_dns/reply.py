"""The meaning of a reply's bytes (RFC 1035 section 4, RFC 6891).

Laws of this module:

- Bytes in, meaning out; nothing here waits, retries or remembers.
- A plain list of addresses is read straight from the bytes, since dnspython takes over a hundred times as long; all
  else goes through dnspython. Both say the same of the same bytes, whatever they are.
- Whatever gives no answer is a `NoAnswer`, never a guess.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from peerdisco._dns.query import HEADER, IN, OPT, TYPES, is_truncated, question_end, udp_room
from peerdisco.answers import Answer, Outcome, Question, SrvTarget
from peerdisco.errors import Reason

_ADDRESS_SIZE = {"A": 4, "AAAA": 16}
_RECORD = struct.Struct("!HHIH")
_POINTER_TO_QUESTION = b"\xc0\x0c"
_NO_EDNS_RCODES = {dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS}
_LARGEST_TTL = 0x7FFFFFFF


class NoAnswer(Exception):
    """A reply that leaves the question open.

    Attributes:
        reason: as in `LookupFailed`.
        detail: what the server did, for the message.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


class NoEdns(NoAnswer):
    """A reply that refuses EDNS (RFC 6891 section 7)."""


class Alias(NamedTuple):
    """The name that a reply's CNAME chain ends in without saying more: to be asked for next."""

    name: str


def fits_udp(asked: bytes, reply: bytes, answer: Answer) -> bool:
    """Whether what came over TCP would fit UDP, too: names that are written out over TCP are compressed over UDP."""
    if not answer.addresses or answer.canonical:
        return len(reply) <= udp_room(asked)
    record = len(_POINTER_TO_QUESTION) + _RECORD.size + len(next(iter(answer.addresses)))
    return len(asked) + record * len(answer.addresses) <= udp_room(asked)


def read(asked: bytes, reply: bytes, question: Question, known: Answer | None = None) -> Answer | Alias:
    """What a reply that `fits` says.

    Args:
        asked: the message that it is the reply to.
        reply: the bytes.
        question: what was asked.
        known: what was read last: given back where nothing has changed, or at least its set of addresses.

    Raises:
        NoAnswer: nothing that answers the question, or nothing that can be read.
    """
    return _read_addresses(asked, reply, question, known) or _read_any(asked, reply)


def _read_addresses(asked: bytes, reply: bytes, question: Question, known: Answer | None = None) -> Answer | None:
    """Reads a plain list of addresses: no alias, no authority, nothing more but EDNS; else None."""
    size = _ADDRESS_SIZE.get(question.rtype)
    _, flags, questions, count, authority, additional = HEADER.unpack_from(reply)
    if size is None or flags & 0xF or questions != 1 or not count or authority or additional > 1:
        return None
    start = question_end(asked)
    name = asked[HEADER.size : start - 4]
    found = _read_uniform(reply, start, count, size, name) or _read_records(reply, start, count, size, name)
    if found is None:
        return None
    addresses, ttl, end = found
    if not (_is_plain_opt(reply, end) if additional else end == len(reply)):
        return None
    # Less work than to make a set of them and compare that: as many as are known, and none of those is missing.
    if known is None or len(known.addresses) != count or known.addresses.difference(addresses):
        return Answer(Outcome.FOUND, frozenset(addresses), ttl, not is_truncated(reply))
    if known.ttl == ttl and known.complete is not is_truncated(reply):
        return known
    return Answer(Outcome.FOUND, known.addresses, ttl, not is_truncated(reply))


def _read_uniform(
    reply: bytes, start: int, count: int, size: int, name: bytes
) -> tuple[Sequence[bytes], int, int] | None:
    """Reads records that are alike up to their address, all at once."""
    owner = _POINTER_TO_QUESTION if reply.startswith(_POINTER_TO_QUESTION, start) else name
    head = reply[start : start + len(owner) + _RECORD.size]
    end = start + count * (len(head) + size)
    ttl = _ttl_of(head, owner, size)
    if ttl is None or end > len(reply):
        return None
    addresses = _layout(len(head), size, count).unpack_from(reply, start)
    # All heads at once: the addresses with the first head between them must be the very bytes that came.
    if not reply.startswith(head.join(addresses), start + len(head)):
        return None
    return addresses, ttl, end


@lru_cache(maxsize=8)
def _layout(head: int, size: int, count: int) -> struct.Struct:
    """The addresses of records side by side; kept, since a list has the same length most of the time."""
    return struct.Struct(f"{head}x{size}s" * count)


def _read_records(
    reply: bytes, start: int, count: int, size: int, name: bytes
) -> tuple[Sequence[bytes], int, int] | None:
    """Reads records one by one, as some have TTLs or owners written differently."""
    addresses = []
    least = _LARGEST_TTL
    position = start
    for _ in range(count):
        owner = _POINTER_TO_QUESTION if reply.startswith(_POINTER_TO_QUESTION, position) else name
        data = position + len(owner) + _RECORD.size
        ttl = _ttl_of(reply[position:data], owner, size)
        position = data + size
        if ttl is None or position > len(reply):
            return None
        least = min(least, ttl)
        addresses.append(reply[data:position])
    return addresses, least, position


def _ttl_of(head: bytes, owner: bytes, size: int) -> int | None:
    """The TTL that a record's head gives; None where it is no head of an address record of that owner."""
    if len(head) != len(owner) + _RECORD.size or head[: len(owner)].lower() != owner:
        return None
    rtype, rclass, ttl, length = _RECORD.unpack_from(head, len(owner))
    if rtype != _ADDRESS_TYPES[size] or rclass != IN or length != size or ttl > _LARGEST_TTL:
        return None
    return int(ttl)


_ADDRESS_TYPES = {size: TYPES[rtype] for rtype, size in _ADDRESS_SIZE.items()}


def _is_plain_opt(reply: bytes, start: int) -> bool:
    """Whether the reply ends in an EDNS record without options, extended rcode or version."""
    opt = reply[start:]
    return len(opt) == len(OPT) and opt[:3] == OPT[:3] and opt[5:7] == b"\0\0" and opt[9:] == b"\0\0"


def _read_any(asked: bytes, reply: bytes) -> Answer | Alias:
    try:
        message = dns.message.from_wire(reply)
        if not isinstance(message, dns.message.QueryMessage):
            raise _malformed("is no reply to a query")
        rcode = message.rcode()
        if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            text = dns.rcode.to_text(rcode)
            if rcode in _NO_EDNS_RCODES and asked[11]:
                raise NoEdns("servfail", f"answered {text} to a query with EDNS")
            raise NoAnswer("refused" if rcode == dns.rcode.REFUSED else "servfail", f"answered {text}")
        chain = message.resolve_chaining()
    except (dns.exception.DNSException, ValueError) as error:
        raise _malformed(str(error) or type(error).__name__) from error
    ttl = min(chain.minimum_ttl, _LARGEST_TTL)
    canonical = _text(chain.canonical_name) if chain.cnames else ""
    if chain.answer is not None:
        return _meaning(chain.answer, message, ttl, canonical, complete=not is_truncated(reply))
    if rcode == dns.rcode.NXDOMAIN:
        return Answer(Outcome.NXDOMAIN, ttl=ttl, canonical=canonical)
    is_authority = _has(message, dns.rdatatype.SOA)
    if _has(message, dns.rdatatype.NS) and not is_authority:
        raise _malformed("refers to another server instead of answering")
    if is_truncated(reply):
        raise NoAnswer("truncated", "cut off every record")
    if is_authority or not canonical:
        return Answer(Outcome.NODATA, ttl=ttl, canonical=canonical)
    return Alias(canonical)


def _malformed(what: str) -> NoAnswer:
    return NoAnswer("malformed", f"sent a reply that can't be read: {what}")


def _meaning(
    rrset: dns.rrset.RRset, message: dns.message.Message, ttl: int, canonical: str, *, complete: bool
) -> Answer:
    answer = Answer(Outcome.FOUND, ttl=ttl, canonical=canonical, complete=complete)
    match dns.rdatatype.to_text(rrset.rdtype):
        case "A" | "AAAA":
            return answer._replace(addresses=frozenset(rdata.to_wire() for rdata in rrset))
        case "SRV":
            targets = tuple(SrvTarget(_text(rdata.target), rdata.port) for rdata in rrset)
            return answer._replace(targets=targets, glue=_glue(message))
        case _:
            return answer._replace(names=tuple(_text(rdata.target) for rdata in rrset))


def _glue(message: dns.message.Message) -> dict[str, tuple[bytes, ...]]:
    glue: dict[str, tuple[bytes, ...]] = {}
    for rrset in message.additional:
        if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            name = _text(rrset.name)
            glue[name] = glue.get(name, ()) + tuple(rdata.to_wire() for rdata in rrset)
    return glue


def _has(message: dns.message.Message, rdtype: dns.rdatatype.RdataType) -> bool:
    return any(rrset.rdtype == rdtype for rrset in message.authority)


def _text(name: dns.name.Name) -> str:
    return name.canonicalize().to_text()
