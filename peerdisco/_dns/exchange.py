"""One message to one nameserver: what to send, how long its reply is waited for, and what a failure means. No I/O.

Laws of this module:

- Every message has an id that was made for it alone (RFC 5452 section 4.3).
- What is known of a server decides how it is asked: over TCP where its answer did not fit UDP, without EDNS where it
  refused that.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import NamedTuple

from peerdisco._dns import query
from peerdisco._dns.lists import KnownList
from peerdisco._dns.memory import ServerMemory
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.reply import NoAnswer
from peerdisco.answers import Question
from peerdisco.errors import Reason

_MOST_READY = 16
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}


class Exchange(NamedTuple):
    """A message to be sent, and how long its reply is waited for.

    Attributes:
        server: the nameserver to send it to.
        transport: `udp` or `tcp`; sync and async add the length prefix of TCP.
        message: the bytes, with their random id.
        timeout: seconds.
    """

    server: Nameserver
    transport: str
    message: bytes
    timeout: float


class ReadyExchange(NamedTuple):
    """The exchange that lookups of a question begin with, made ahead but for its id, and what it depends on.

    Attributes:
        version: that of `ServerMemory` when it was made.
        servers: the nameservers to ask, in order.
        timeout: seconds for the whole lookup.
        exchange: the exchange.
    """

    version: object
    servers: Sequence[Nameserver]
    timeout: float
    exchange: Exchange


class ResolverState(NamedTuple):
    """What the lookups of one resolver share.

    Attributes:
        clock: monotonic seconds.
        random: makes a number from 0 to 1.
        new_id: makes the two random bytes of a message's id.
        follows: whether an alias of a name may be followed; else the name has no answer.
        memory: what is known of the nameservers; kept up to date.
        known: plain lists of addresses, as each question was last answered; kept up to date.
        ready: what the lookup of each question begins with; kept up to date.
    """

    clock: Callable[[], float]
    random: Callable[[], float]
    new_id: Callable[[], bytes]
    follows: Callable[[str, str], bool]
    memory: ServerMemory
    known: dict[Question, KnownList]
    ready: dict[Question, ReadyExchange]


def opening(question: Question, servers: Sequence[Nameserver], timeout: float, state: ResolverState) -> Exchange:
    """Return the exchange that a lookup begins with.

    Args:
        question: what to ask.
        servers: the nameservers to ask, in order.
        timeout: seconds for the whole lookup.
        state: what the lookups of the resolver share.
    """
    memory, version = state.memory, state.memory.version
    ready = state.ready.get(question)
    if ready is not None and ready.version is version and ready.servers is servers and ready.timeout == timeout:
        server, transport, message, seconds = ready.exchange
        return Exchange(server, transport, state.new_id() + message[2:], seconds)
    now = state.clock()
    exchange = exchange_with(memory.in_order(servers, now)[0], question, state, now, patience(timeout, servers))
    if not memory.is_dated:
        if len(state.ready) >= _MOST_READY:
            state.ready.clear()
        state.ready[question] = ReadyExchange(version, servers, timeout, exchange)
    return exchange


def patience(timeout: float, servers: Sequence[Nameserver]) -> float:
    """Return the seconds for one exchange at first: every server gets its turn in time."""
    return timeout / max(5, len(servers) + 2)


def exchange_with(
    server: Nameserver, question: Question, state: ResolverState, now: float, timeout: float, *, edns: bool = True
) -> Exchange:
    """Return the exchange that puts a question to a server, as far as the server is known."""
    edns = edns and state.memory.takes_edns(server, now)
    asked = state.new_id() + query.encode(question, edns=edns)[2:]
    transport = "tcp" if state.memory.needs_tcp(server, question) else "udp"
    return Exchange(server, transport, asked, timeout)


def diagnosis(error: OSError | NoAnswer) -> tuple[Reason, str]:
    """Return why an exchange brought no answer: the reason, and what happened, for people."""
    match error:
        case NoAnswer():
            return error.reason, error.detail
        case TimeoutError():
            return "timeout", "did not answer"
        case ConnectionRefusedError():
            return "refused", "refused: nothing listens there"
        case _:
            return "refused", f"can't be reached: {error.strerror or error}"


def is_silence(error: OSError) -> bool:
    """Return whether a server did not answer at all, or could not be reached."""
    return isinstance(error, (TimeoutError, ConnectionRefusedError)) or error.errno in _UNREACHABLE
