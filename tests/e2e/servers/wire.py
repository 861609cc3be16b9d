"""What a server says on the wire, read by dnspython: the facts that lists are held against."""

from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from tests.e2e.daemon import DEADLINE, HOST

ROOM = 1232
"""Bytes of a UDP reply that are announced, as peerdisco does."""


class Said(NamedTuple):
    """What came back.

    Attributes:
        rtype: The type that was asked for.
        reply: The message; None where none came, or none that can be read.
        was_cut: Whether it did not fit UDP, and so came over TCP.
    """

    rtype: str
    reply: dns.message.Message | None
    was_cut: bool

    @property
    def rcode(self) -> str:
        """The reply's code, such as `SERVFAIL`; empty without a reply."""
        return dns.rcode.to_text(self.reply.rcode()) if self.reply else ""

    @property
    def records(self) -> int:
        """Records of the type that was asked for."""
        answer = self.reply.answer if self.reply else []
        return sum(len(rrset) for rrset in answer if dns.rdatatype.to_text(rrset.rdtype) == self.rtype)

    @property
    def is_whole(self) -> bool:
        """Whether there is a reply, and nothing was cut off it over TCP either."""
        return self.reply is not None and not self.reply.flags & dns.flags.TC

    @property
    def glue(self) -> int:
        """Addresses that came along."""
        return sum(map(len, self.reply.additional)) if self.reply else 0


def ask(port: int, name: str, rtype: str, *, tcp: bool = False) -> dns.message.Message:
    """Put one question to a server."""
    question = dns.message.make_query(name, rtype, use_edns=0, payload=ROOM)
    transport = dns.query.tcp if tcp else dns.query.udp
    return transport(question, HOST, port=port, timeout=DEADLINE)


def says(port: int, name: str, rtype: str) -> Said:
    """Put one question to a server, again over TCP where the reply does not fit UDP."""
    reply = ask(port, name, rtype)
    if not reply.flags & dns.flags.TC:
        return Said(rtype, reply, was_cut=False)
    try:
        return Said(rtype, ask(port, name, rtype, tcp=True), was_cut=True)
    except (EOFError, dns.exception.FormError):  # PowerDNS hangs up; dnsmasq's length prefix overflows
        return Said(rtype, None, was_cut=True)
