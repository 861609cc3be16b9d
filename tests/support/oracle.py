"""What a reply says, read independently by dnspython: our own readers must say the same of the same bytes."""

import struct

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
from dns.rdataclass import IN
from dns.rdatatype import AAAA, DNAME, NS, RRSIG, SOA, A, RdataType

from peerdisco import Answer, Outcome, Question
from peerdisco._dns import query
from peerdisco._dns import reply as wire
from peerdisco._dns.records import take_apart
from peerdisco.answers import SrvTarget

Said = Answer | wire.Alias | str
"""An answer, an alias, or the reason why it is no answer."""

LARGEST_TTL = 2**31 - 1


def by_us(asked: bytes, reply: bytes, question: Question, known: Answer | None = None) -> Said:
    """What `read` says."""
    try:
        return wire.read(asked, reply, question, known)
    except wire.NoAnswer as error:
        return error.reason


def by_dnspython(asked: bytes, reply: bytes, question: Question) -> Said:
    """What dnspython says: of the whole message where it can read that, else of the records that bear on the question.

    dnspython refuses a message with an unreadable record in it, of whatever type. We do not look into records that have
    no bearing on the question.
    """
    rcode = reply[3] & 0xF
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return "refused" if rcode == dns.rcode.REFUSED else "servfail"
    try:
        message = dns.message.from_wire(reply)
    except (dns.exception.DNSException, ValueError):
        return _by_parts(asked, reply, question)
    assert isinstance(message, dns.message.QueryMessage)
    if message.rcode() != rcode:
        return "servfail"
    try:
        return _found(message) or _absence(message)
    except dns.exception.DNSException:
        return "malformed"


def _by_parts(asked: bytes, reply: bytes, question: Question) -> Said:
    wanted = query.TYPES[question.rtype]
    try:
        message = take_apart(reply, query.question_end(asked), struct.unpack_from("!HHH", reply, 6))
        if message.rcode & ~0xF:
            return "servfail"
        said = wire._as_dnspython(reply, message, wanted)
        answer = _found(said)
        if answer and question.rtype == "SRV":
            wire._add(said, said.additional, reply, message.additional, (A, AAAA))
        return _found(said) or wire._read_absence(reply, message, wanted)
    except wire.NoAnswer as error:
        return error.reason
    except (dns.exception.DNSException, ValueError, IndexError, struct.error):
        return "malformed"


def _found(message: dns.message.QueryMessage) -> Answer | None:
    chain = message.resolve_chaining()
    if chain.answer is None:
        return None
    answer = Answer(
        Outcome.FOUND,
        ttl=chain.minimum_ttl,
        complete=not message.flags & dns.flags.TC,
        canonical=_text(chain.canonical_name) if chain.cnames else "",
    )
    match RdataType.to_text(chain.answer.rdtype):
        case "A" | "AAAA":
            return answer._replace(addresses=frozenset(rdata.to_wire() for rdata in chain.answer))
        case "SRV":
            targets = tuple(SrvTarget(_text(rdata.target), rdata.port) for rdata in chain.answer)
            return answer._replace(targets=targets, glue=_glue(message))
        case _:
            return answer._replace(names=tuple(_text(rdata.target) for rdata in chain.answer))


def _absence(message: dns.message.QueryMessage) -> Said:
    """What a reply without an answer says, by the laws of `peerdisco._dns.reply`."""
    chain = message.resolve_chaining()
    ttl = min(chain.minimum_ttl, LARGEST_TTL)
    canonical = _text(chain.canonical_name) if chain.cnames else ""
    if message.rcode() == dns.rcode.NXDOMAIN:
        return Answer(Outcome.NXDOMAIN, ttl=ttl, canonical=canonical)
    chained = {chain.canonical_name, *(rrset.name for rrset in chain.cnames)}
    above = {DNAME, RRSIG} if chain.cnames else set()
    if any(rrset.name not in chained and rrset.rdtype not in above for rrset in message.answer):
        return "malformed"
    zones = [rrset.name for rrset in message.authority if (rrset.rdclass, rrset.rdtype) == (IN, NS)]
    has_soa = any((rrset.rdclass, rrset.rdtype) == (IN, SOA) for rrset in message.authority)
    is_authoritative = message.flags & dns.flags.AA
    if zones and not has_soa and not is_authoritative:
        return "malformed"
    if message.flags & dns.flags.TC:
        return "truncated"
    is_of_their_zone = is_authoritative and any(chain.canonical_name.is_subdomain(zone) for zone in zones)
    if has_soa or is_of_their_zone or not canonical:
        return Answer(Outcome.NODATA, ttl=ttl, canonical=canonical)
    return wire.Alias(canonical)


def _glue(message: dns.message.Message) -> dict[str, tuple[bytes, ...]]:
    """By name, those of IPv4 first."""
    glue: dict[str, tuple[bytes, ...]] = {}
    for rdtype in (A, AAAA):
        for rrset in message.additional:
            if rrset.rdclass == IN and rrset.rdtype == rdtype:
                name = _text(rrset.name)
                glue[name] = glue.get(name, ()) + tuple(rdata.to_wire() for rdata in rrset)
    return glue


def _text(name: dns.name.Name) -> str:
    return name.canonicalize().to_text()
