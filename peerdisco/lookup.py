"""One question, put to nameservers until one answers: no I/O, so that threads and asyncio share it.

`Lookup.round` is one round: each nameserver once, TCP where the answer did not fit UDP (RFC 7766), aliases followed.
It yields exchanges and takes replies. Between rounds stands tenacity, with the arguments that `retry_policy` gives to
both.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

from tenacity import retry_if_exception_type

from peerdisco import names, wire
from peerdisco.config import Nameserver
from peerdisco.errors import Attempt, LookupFailed, Reason
from peerdisco.models import Answer, Outcome, Question

MAX_ALIASES = 8
_FIRST_WAIT = 0.05
_LONGEST_WAIT = 1.0
_RCODE_REASONS: dict[str, Reason] = {"REFUSED": "refused"}


class Exchange(NamedTuple):
    """A message to be sent, and how long its reply is waited for.

    Attributes:
        server: whom to.
        transport: `udp` or `tcp`; the length prefix of TCP is the shell's affair.
        message: the bytes, with their random id.
        timeout: seconds.
    """

    server: Nameserver
    transport: str
    message: bytes
    timeout: float


class Lookup:
    """One question and the time that there is for it: round after round until a server answers.

    Args:
        question: what to ask.
        servers: whom, in order.
        timeout: seconds for everything.
        needs_tcp: questions whose answers are known not to fit UDP; kept up to date.
        clock: monotonic seconds.
        random: makes a number from 0 to 1.
        new_id: makes the two random bytes of a message's id.
    """

    def __init__(
        self,
        question: Question,
        servers: Sequence[Nameserver],
        timeout: float,
        *,
        needs_tcp: set[Question],
        clock: Callable[[], float],
        random: Callable[[], float],
        new_id: Callable[[], bytes],
    ) -> None:
        self._question = question
        self._servers = servers
        self._needs_tcp = needs_tcp
        self._clock = clock
        self._random = random
        self._new_id = new_id
        self._deadline = clock() + timeout
        # Every server gets its turn in time, and a slow one more of it in each round.
        self._patience = timeout / max(5, len(servers) + 2)
        self._attempts: list[Attempt] = []

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self._clock() >= self._deadline

    def round(self) -> Generator[Exchange, bytes, Answer]:
        """Puts the question to each server in turn, until one answers.

        It yields what to send, and takes the reply; an exchange that came to nothing is thrown in as its OSError.

        Raises:
            LookupFailed: no server answered.
        """
        for server in self._servers:
            question = self._question
            for _ in range(MAX_ALIASES):
                reply = yield from self._ask(question, server)
                if isinstance(reply, Attempt):
                    self._attempts.append(reply)
                    break
                answer = reply.answer
                if not reply.dangling:
                    if question is self._question:
                        return answer
                    return answer._replace(canonical=answer.canonical or question.name)
                question = Question(reply.dangling, question.rtype)
            else:
                detail = f"gave {MAX_ALIASES} aliases in a row"
                self._attempts.append(Attempt(str(server), "", "malformed", detail))
        self._patience *= 2
        raise self._failure()

    def in_time(self, exchange: Exchange) -> Exchange:
        """The exchange, its time-out cut to the time that is left.

        Raises:
            LookupFailed: none is left.
        """
        left = self._deadline - self._clock()
        if left <= 0:
            raise self._failure()
        return exchange if exchange.timeout <= left else exchange._replace(timeout=left)

    def retry_policy(self) -> dict[str, Any]:
        """What tenacity's `Retrying` and `AsyncRetrying` do between rounds."""
        return {
            "retry": retry_if_exception_type(LookupFailed),
            "wait": lambda state: self.wait(state.attempt_number),
            "stop": lambda state: self._clock() + state.upcoming_sleep >= self._deadline,
            "reraise": True,
        }

    def wait(self, retries: int = 0) -> float:
        """Seconds before the next round, after so many retries; jittered, and never 0."""
        return min(_LONGEST_WAIT, _FIRST_WAIT * 2.0**retries) * (0.5 + self._random())

    def _failure(self) -> LookupFailed:
        """What the attempts come to: a time-out is the reason only where no server said anything else."""
        told = [attempt.reason for attempt in self._attempts if attempt.reason != "timeout"]
        return LookupFailed(self._question, told[-1] if told else "timeout", tuple(self._attempts))

    def _ask(self, question: Question, server: Nameserver) -> Generator[Exchange, bytes, wire.Reply | Attempt]:
        asked = self._new_id() + wire.encode(question)[2:]
        transport = "tcp" if question in self._needs_tcp else "udp"
        was_cut = False
        try:
            replied = yield Exchange(server, transport, asked, self._patience)
            if transport == "udp" and wire.is_truncated(replied):
                was_cut = True
                self._needs_tcp.add(question)
                transport = "tcp"
                replied = yield Exchange(server, transport, asked, self._patience)
            reply = wire.read(asked, replied, question)
        except (OSError, wire.MalformedReply) as error:
            self._needs_tcp.discard(question)
            reason, detail = _diagnosis(error)
            return Attempt(str(server), transport, "truncated" if was_cut else reason, detail)
        if transport == "tcp" and len(replied) <= wire.UDP_PAYLOAD:
            self._needs_tcp.discard(question)
        return _judged(reply, server, transport)


def _judged(reply: wire.Reply, server: Nameserver, transport: str) -> wire.Reply | Attempt:
    answer = reply.answer
    if reply.rcode not in ("NOERROR", "NXDOMAIN"):
        reason = _RCODE_REASONS.get(reply.rcode, "servfail")
        return Attempt(str(server), transport, reason, f"answered {reply.rcode}")
    if answer.outcome is Outcome.NODATA and not answer.complete:
        return Attempt(str(server), transport, "truncated", "cut off every record")
    if reply.dangling and not names.is_name(reply.dangling):
        return Attempt(str(server), transport, "malformed", f"points to {reply.dangling!r}, which is no host's name")
    return reply


def _diagnosis(error: OSError | wire.MalformedReply) -> tuple[Reason, str]:
    match error:
        case TimeoutError():
            return "timeout", "did not answer"
        case wire.MalformedReply():
            return "malformed", f"sent a reply that can't be read: {error}"
        case ConnectionRefusedError():
            return "refused", "refused: nothing listens there"
        case _:
            return "refused", f"can't be reached: {error.strerror or error}"
