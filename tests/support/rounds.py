"""A lookup of one question on the bench: its clock, its servers, and what was sent to them."""

import struct
from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from peerdisco import Answer, Question
from peerdisco._core.addresses import pack_ip
from peerdisco._dns.exchange import Exchange, ResolverState
from peerdisco._dns.lists import KnownList
from peerdisco._dns.lookup import Lookup
from peerdisco._dns.memory import ServerMemory
from peerdisco._dns.nameserver import Nameserver
from peerdisco.testing import FakeClock

NAME = "web.default.svc.cluster.local."
WEB = Question(NAME, "A")
FIRST, SECOND = Nameserver("10.96.0.10", 53), Nameserver("fd00::a", 5353)
IPS = ("10.0.0.1", "10.0.0.2")
FOUND = frozenset(map(pack_ip, IPS))

Server = Callable[[Exchange], bytes]


def needing_tcp(*servers: Nameserver) -> ServerMemory:
    """A memory in which the answers of these servers need TCP."""
    memory = ServerMemory()
    for server in servers:
        memory.set_needs_tcp(server, WEB, needed=True)
    return memory


class Bench:
    """A lookup of `web`, its clock, and what was sent."""

    def __init__(
        self, *servers: Nameserver, timeout: float = 5.0, memory: ServerMemory | None = None, retry: bool = True
    ) -> None:
        self.clock = FakeClock()
        self.memory = memory or ServerMemory()
        self.known: dict[Question, KnownList] = {}
        self.sent: list[Exchange] = []
        state = ResolverState(
            self.clock,
            random=lambda: 0.5,
            new_id=lambda: struct.pack("!H", len(self.sent)),
            follows=lambda _, alias: not alias.endswith(".foreign."),
            memory=self.memory,
            known=self.known,
            ready={},
        )
        self.lookup = Lookup(WEB, servers or (FIRST, SECOND), timeout, state, retry=retry)

    def round(self, *replies: Server) -> Answer:
        """Goes through one round, with a reply, or an OSError, to each exchange."""
        steps = self.lookup.round()
        waiting = iter(replies)
        try:
            exchange = next(steps)
            while True:
                self.sent.append(exchange)
                try:
                    reply = next(waiting)(exchange)
                except OSError as error:
                    exchange = steps.throw(error)
                else:
                    exchange = steps.send(reply)
        except StopIteration as done:
            answer: Answer = done.value
        assert not list(waiting)
        return answer

    def path(self) -> list[tuple[Nameserver, str]]:
        """Whom was asked, and over what."""
        return [(exchange.server, exchange.transport) for exchange in self.sent]


def replying(*records: str, rcode: str = "NOERROR", cut: bool = False, soa: bool = False) -> Server:
    """A server that replies with records, each `owner type data`."""

    def reply(exchange: Exchange) -> bytes:
        message = dns.message.make_response(dns.message.from_wire(exchange.message))
        message.set_rcode(dns.rcode.from_text(rcode))
        message.flags |= dns.flags.TC if cut else 0
        for owner, rtype, data in map(str.split, records):
            message.answer.append(dns.rrset.from_text(owner, 30, "IN", rtype, data))
        if soa:
            message.authority.append(dns.rrset.from_text("local.", 5, "IN", "SOA", "ns.local. mail.local. 1 2 3 4 5"))
        return message.to_wire(max_size=65535)

    return reply


def failing(error: OSError) -> Server:
    """A server that is not heard."""

    def reply(exchange: Exchange) -> bytes:
        raise error

    return reply


def nonsense(exchange: Exchange) -> bytes:
    """A reply whose counts promise more than there is."""
    return exchange.message[:2] + b"\x81\x80\0\1\0\7" + exchange.message[8:]


listing = replying(*(f"{NAME} A {ip}" for ip in IPS))
absent = replying(rcode="NXDOMAIN", soa=True)
silent = failing(TimeoutError())
