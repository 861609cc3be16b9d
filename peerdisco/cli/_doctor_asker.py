"""Puts the questions of a check-up to nameservers: a resolver that counts, and raw probes.

Laws of this module:

- A check-up sends at most `MOST_QUESTIONS` messages, every retry and every switch to TCP included.
- A question that is asked twice is sent once: threads that want the same answer share it.
- Each message has a new socket, so that a probe over TCP shows that a connection can be made.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial

import dns.edns
import dns.exception
import dns.message
import dns.rcode

from peerdisco._core import names
from peerdisco._dns import query
from peerdisco._dns.blocking import drive, exchange
from peerdisco._dns.exchange import Exchange, ResolverState, diagnosis
from peerdisco._dns.lookup import Lookup
from peerdisco._dns.memory import ServerMemory
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.sockets import SocketPool
from peerdisco.answers import Answer, Question
from peerdisco.cli._doctor_observations import Probe
from peerdisco.errors import Attempt, LookupFailed

MOST_QUESTIONS = 40
"""Messages that one check-up sends at most."""

_ROUNDS = 2
_STALE = {dns.edns.EDECode.STALE_ANSWER, dns.edns.EDECode.STALE_NXDOMAIN_ANSWER}


class Asker:
    """Asks for one check-up.

    Args:
        timeout: seconds for everything.
    """

    def __init__(self, timeout: float) -> None:
        self._deadline = time.monotonic() + timeout
        self._pool = SocketPool(0)
        memory = ServerMemory()
        self._state = ResolverState(time.monotonic, random.random, partial(os.urandom, 2), _follows, memory, {}, {})
        self._lock = threading.Lock()
        self._sent = 0
        self._answers: dict[Question, Future[Answer]] = {}
        self._slowest: dict[Nameserver, float] = {}

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(0.0, self._deadline - time.monotonic())

    def said(self) -> dict[Question, Answer | LookupFailed]:
        """Return what came of each question so far."""
        found: dict[Question, Answer | LookupFailed] = {}
        for question, future in self._answers.items():
            error = future.exception()
            found[question] = error if isinstance(error, LookupFailed) else future.result()
        return found

    def lookup(self, servers: Sequence[Nameserver], question: Question) -> Answer:
        """Answer one question, as a `DnsResolver` does, and the next time from memory.

        Raises:
            LookupFailed: No server answered.
        """
        with self._lock:
            known = self._answers.get(question)
            future = known or self._answers.setdefault(question, Future())
        if known is None:
            try:
                future.set_result(self._lookup(servers, question))
            except BaseException as error:  # noqa: BLE001 - whoever waits for the answer gets it
                future.set_exception(error)
        return future.result()

    def probe(
        self,
        server: Nameserver,
        name: str,
        rtype: str,
        *,
        transport: str = "udp",
        edns: bool = True,
        timeout: float,
    ) -> Probe:
        """Send one message, and return what came back.

        Args:
            server: the nameserver.
            name: an absolute name in lower case.
            rtype: any type that dnspython knows.
            transport: `udp` or `tcp`.
            edns: whether to announce EDNS.
            timeout: seconds to wait for the reply.
        """
        message = dns.message.make_query(name, rtype, use_edns=0 if edns else False, payload=query.UDP_PAYLOAD)
        began = time.monotonic()
        sent = Probe(transport, edns)
        try:
            reply = self._send(Exchange(server, transport, message.to_wire(), min(timeout, self.left)))
        except OSError as error:
            lost = Attempt(str(server), transport, *diagnosis(error))
            return sent._replace(seconds=time.monotonic() - began, lost=lost)
        seconds = time.monotonic() - began
        self._slowest[server] = max(seconds, self._slowest.get(server, 0.0))
        sent = sent._replace(seconds=seconds, size=len(reply), is_cut=query.is_truncated(reply))
        return _read(sent, server, reply)

    def _lookup(self, servers: Sequence[Nameserver], question: Question) -> Answer:
        run = Lookup(question, servers, self.left, self._state)
        for _ in range(_ROUNDS - 1):
            try:
                return drive(run.round(), self._send_patiently, OSError)
            except LookupFailed as error:
                if error.reason != "timeout" or run.is_over:
                    raise
        return drive(run.round(), self._send_patiently, OSError)

    def _send_patiently(self, wanted: Exchange) -> bytes:
        """Exchange a message for its reply, and wait as long as the server was seen to need.

        Less time is left than a lookup of its own would have, so that a slow server would be taken for a silent one.
        """
        patience = 2 * self._slowest.get(wanted.server, 0.0)
        return self._send(wanted._replace(timeout=min(self.left, max(wanted.timeout, patience))))

    def _send(self, wanted: Exchange) -> bytes:
        """Exchange a message for its reply.

        Raises:
            OSError: None came, or too much has been asked.
        """
        with self._lock:
            if self._sent >= MOST_QUESTIONS:
                raise _TooManyQuestions(f"{MOST_QUESTIONS} questions have been sent, and no more are")
            self._sent += 1
        return exchange(self._pool, wanted)


class _TooManyQuestions(OSError):
    """The message was not sent."""


def _follows(name: str, alias: str) -> bool:
    return not names.leaves_cluster(name, alias)


def _read(sent: Probe, server: Nameserver, reply: bytes) -> Probe:
    try:
        message = dns.message.from_wire(reply)
    except (dns.exception.DNSException, ValueError) as error:
        detail = f"sent a reply that can't be read: {str(error) or type(error).__name__}"
        return sent._replace(lost=Attempt(str(server), sent.transport, "malformed", detail))
    records = tuple(record.to_text() for rrset in message.answer for record in rrset)
    return sent._replace(
        rcode=dns.rcode.to_text(message.rcode()),
        records=records,
        is_stale=any(isinstance(option, dns.edns.EDEOption) and option.code in _STALE for option in message.options),
    )
