"""The meaning of a reply's bytes (RFC 1035 section 4, RFC 6891). No I/O.

Laws of this module:

- Whatever gives no answer is a `NoAnswer`, never a guess. That nobody is there is only said of the name that was asked:
  records of other names say nothing about it, and neither does a referral to another server (RFC 2308 section 2.2).
- Records are read straight from the bytes, since dnspython takes over a hundred times as long. Where a reply brings
  none that were asked for, dnspython says why. Both say the same of the same bytes, whatever they are.
- No reply of 64 KiB takes more than some milliseconds: our own readers are linear, and dnspython reads names of no more
  than `MOST_LABELS` labels in all.
- Bytes in, meaning out; nothing here waits, retries or remembers.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdatatype import CNAME, DNAME, NS, PTR, RRSIG, SOA, SRV

from peerdisco._dns.found import read_found
from peerdisco._dns.lists import POINTER_TO_QUESTION, read_list
from peerdisco._dns.query import HEADER, IN, TYPES, is_truncated, question_end, udp_room
from peerdisco._dns.records import HEAD, LARGEST_TTL, Message, Names, Record, name_end, take_apart
from peerdisco.answers import Answer, Outcome, Question
from peerdisco.errors import Reason

MOST_LABELS = 400
"""Labels, the root's included, of the names that dnspython reads in one reply; those of a long name count up to five
times. A reply by which a server denies that a name exists has some twenty."""

_NO_EDNS_RCODES = {dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS}


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
    """A reply by which a server refuses a query with EDNS: ask it without (RFC 6891 section 7)."""


class Alias(NamedTuple):
    """The name that a reply's CNAME chain ends in without saying more: to be asked for next."""

    name: str


def fits_udp(asked: bytes, reply: bytes, answer: Answer) -> bool:
    """Return whether what came over TCP would fit UDP, where names that TCP leaves written out are compressed."""
    if not answer.addresses or answer.canonical:
        return len(reply) <= udp_room(asked)
    record = len(POINTER_TO_QUESTION) + HEAD.size + len(next(iter(answer.addresses)))
    return len(asked) + record * len(answer.addresses) <= udp_room(asked)


def read(asked: bytes, reply: bytes, question: Question, known: Answer | None = None) -> Answer | Alias:
    """Return what a reply that `fits` says.

    Args:
        asked: the query that it is the reply to.
        reply: the bytes.
        question: what was asked.
        known: what was read last: given back where nothing has changed, or at least its set of addresses.

    Raises:
        NoAnswer: it does not answer the question, or can't be read. `NoEdns` if the server refuses EDNS.
    """
    try:
        return read_list(asked, reply, question, known) or _read_rest(asked, reply, question, known)
    except (IndexError, struct.error) as error:
        raise _unreadable("it ends too early") from error
    except (dns.exception.DNSException, ValueError) as error:
        raise _unreadable(str(error) or type(error).__name__) from error


def _read_rest(asked: bytes, reply: bytes, question: Question, known: Answer | None) -> Answer | Alias:
    """Reads what is no plain list of addresses."""
    rcode = reply[3] & 0xF
    # An error is one, whatever else is in the reply: the server may not have come so far as to read the query.
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise _failure(asked, rcode)
    message = take_apart(reply, question_end(asked), HEADER.unpack_from(reply)[3:])
    if message.rcode != rcode:
        raise _failure(asked, message.rcode)
    answer = read_found(reply, message, question, known) if rcode == dns.rcode.NOERROR else None
    return answer or _read_absence(reply, message, TYPES[question.rtype])


def _failure(asked: bytes, rcode: int) -> NoAnswer:
    text = dns.rcode.to_text(dns.rcode.Rcode.make(rcode))
    if rcode in _NO_EDNS_RCODES and asked[11]:
        return NoEdns("servfail", f"answered {text} to a query with EDNS")
    return NoAnswer("refused" if rcode == dns.rcode.REFUSED else "servfail", f"answered {text}")


def _read_absence(reply: bytes, message: Message, wanted: int) -> Answer | Alias:
    """What a reply without an answer says: that there is none, or where to look for it."""
    _limit_labels(reply, message)
    said = _as_dnspython(reply, message, wanted)
    _add(said, said.authority, reply, message.authority, (SOA,))
    chain = said.resolve_chaining()
    ttl = min(chain.minimum_ttl, LARGEST_TTL)
    canonical = _text(chain.canonical_name) if chain.cnames else ""
    if message.rcode == dns.rcode.NXDOMAIN:
        return Answer(Outcome.NXDOMAIN, ttl=ttl, canonical=canonical)
    chained = {chain.canonical_name, *(rrset.name for rrset in chain.cnames)}
    # A DNAME that an alias was made from belongs to a name above, and so does its signature (RFC 6672 section 3.2).
    above = (DNAME, RRSIG) if chain.cnames else ()
    owners = (_name(reply, start) for start, rtype, *_ in message.answers if rtype not in above)
    stranger = next((owner for owner in owners if owner not in chained), None)
    if stranger is not None:
        raise NoAnswer("malformed", f"sent records of {_text(stranger)}, which was not asked for")
    zones = [_name(reply, start) for start, rtype, rclass, *_ in message.authority if (rtype, rclass) == (NS, IN)]
    is_authoritative = bool(message.flags & dns.flags.AA)
    if zones and not said.authority and not is_authoritative:
        raise NoAnswer("malformed", "refers to another server instead of answering")
    if is_truncated(reply):
        raise NoAnswer("truncated", "cut off every record")
    # What an alias leads to may be in a zone of another server.
    is_settled = said.authority or (is_authoritative and any(map(chain.canonical_name.is_subdomain, zones)))
    if is_settled or not canonical:
        return Answer(Outcome.NODATA, ttl=ttl, canonical=canonical)
    return Alias(canonical)


def _limit_labels(reply: bytes, message: Message) -> None:
    """Raises ValueError where dnspython would take long."""
    names = Names(reply)
    count = 0
    for start, rtype, rclass, _, data, end in message.answers + message.authority:
        spans = [(start, data - HEAD.size)]
        if rclass == IN and rtype == SOA:
            middle = name_end(reply, data)
            spans += [(data, middle), (middle, name_end(reply, middle))]
        elif rclass == IN and rtype in (CNAME, PTR, SRV):
            spans.append((data + 6 * (rtype == SRV), end))
        for span in spans:
            labels = names.read(*span).count(".")
            # dnspython's time grows with the square of the labels in one name: one of 126 takes it 3 ms.
            count += 1 + labels + labels * labels // 32
        if count > MOST_LABELS:
            raise ValueError("it has too many names")


def _as_dnspython(reply: bytes, message: Message, wanted: int) -> dns.message.QueryMessage:
    """The question, the records asked for and the aliases, as a message of dnspython: it never sees another record."""
    said = dns.message.QueryMessage(0)
    said.flags = dns.flags.Flag(message.flags)
    asked, rtype = _name(reply, HEADER.size), dns.rdatatype.RdataType.make(wanted)
    said.find_rrset(said.question, asked, dns.rdataclass.IN, rtype, create=True)
    _add(said, said.answer, reply, message.answers, (wanted, CNAME))
    return said


def _add(
    said: dns.message.Message,
    section: list[dns.rrset.RRset],
    reply: bytes,
    records: list[Record],
    rtypes: tuple[int, ...],
) -> None:
    """Adds the records of some types to a section of a dnspython message."""
    for start, rtype, rclass, ttl, data, end in records:
        if rclass == IN and rtype in rtypes:
            number = dns.rdatatype.RdataType.make(rtype)
            rdata = dns.rdata.from_wire(dns.rdataclass.IN, number, reply, data, end - data)
            rrset = said.find_rrset(section, _name(reply, start), dns.rdataclass.IN, number, create=True)
            rrset.add(rdata, ttl if ttl <= LARGEST_TTL else 0)


def _name(reply: bytes, start: int) -> dns.name.Name:
    return dns.name.from_wire(reply, start)[0]


def _text(name: dns.name.Name) -> str:
    return name.canonicalize().to_text()


def _unreadable(why: str) -> NoAnswer:
    return NoAnswer("malformed", f"sent a reply that can't be read: {why}")
