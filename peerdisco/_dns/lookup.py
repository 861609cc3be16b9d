"""One question, put to nameservers until one answers: no I/O, so that threads and asyncio share it.

`Lookup.round` is one round: each nameserver once, TCP where the answer did not fit UDP (RFC 7766), aliases followed.
It yields exchanges and takes replies. Between rounds stands tenacity, with the arguments that `retry_policy` gives to
both.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

from tenacity import retry_if_exception_type

from peerdisco._dns import query
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.reply import Alias, NoAnswer, fits_udp, read
from peerdisco.answers import Answer, Question
from peerdisco.errors import Attempt, LookupFailed, Reason

MAX_ALIASES = 8
_FIRST_WAIT = 0.05
_LONGEST_WAIT = 1.0
_MOST_NEEDING_TCP = 1000
_MOST_KNOWN = 16


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


class ResolverState(NamedTuple):
    """What lookups go by, and learn for those that come after them.

    Attributes:
        clock: monotonic seconds.
        random: makes a number from 0 to 1.
        new_id: makes the two random bytes of a message's id.
        needs_tcp: questions whose answers are known not to fit UDP, with the server that said so; kept up to date.
        known: plain lists of addresses, as each question was last answered; kept up to date.
    """

    clock: Callable[[], float]
    random: Callable[[], float]
    new_id: Callable[[], bytes]
    needs_tcp: set[tuple[Nameserver, Question]]
    known: dict[Question, Answer]


class Lookup:
    """One question and the time that there is for it: round after round until a server answers.

    Args:
        question: what to ask.
        servers: whom, in order.
        timeout: seconds for everything.
        state: what it goes by.
    """

    def __init__(self, question: Question, servers: Sequence[Nameserver], timeout: float, state: ResolverState) -> None:
        self._question = question
        self._servers = servers
        self._state = state
        self._deadline = state.clock() + timeout
        # Every server gets its turn in time, and a slow one more of it in each round.
        self._patience = timeout / max(5, len(servers) + 2)
        self._attempts: list[Attempt] = []

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self._state.clock() >= self._deadline

    def round(self) -> Generator[Exchange, bytes, Answer]:
        """Puts the question to each server in turn, until one answers.

        It yields what to send, and takes the reply; an exchange that came to nothing is thrown in as its OSError.

        Raises:
            LookupFailed: no server answered.
        """
        for server in self._servers:
            question = self._question
            for _ in range(MAX_ALIASES):
                said = yield from self._ask(server, question)
                if not isinstance(said, Alias):
                    break
                question = Question(said.name, question.rtype)
            else:
                detail = f"gave {MAX_ALIASES} aliases in a row"
                self._attempts.append(Attempt(str(server), "", "malformed", detail))
                continue
            if said is None:
                continue
            return said if question is self._question else said._replace(canonical=said.canonical or question.name)
        self._patience *= 2
        raise self._failure()

    def retry_policy(self) -> dict[str, Any]:
        """What tenacity's `Retrying` and `AsyncRetrying` do between rounds."""
        return {
            "retry": retry_if_exception_type(LookupFailed),
            "wait": lambda state: self.wait(state.attempt_number),
            "stop": lambda state: self._state.clock() + state.upcoming_sleep >= self._deadline,
            "reraise": True,
        }

    def wait(self, retries: int = 0) -> float:
        """Seconds before the next round, after so many retries; jittered, and never 0."""
        return min(_LONGEST_WAIT, _FIRST_WAIT * 2.0**retries) * (0.5 + self._state.random())

    def _failure(self) -> LookupFailed:
        """What the attempts come to: a time-out is the reason only where no server said anything else."""
        told = [attempt.reason for attempt in self._attempts if attempt.reason != "timeout"]
        return LookupFailed(self._question, told[-1] if told else "timeout", tuple(self._attempts))

    def _ask(self, server: Nameserver, question: Question) -> Generator[Exchange, bytes, Answer | Alias | None]:
        """Asks one server; None where it gave no answer, and then there is an attempt more."""
        state, key = self._state, (server, question)
        asked = state.new_id() + query.encode(question)[2:]
        transport = "tcp" if key in state.needs_tcp else "udp"
        was_cut = False
        try:
            reply = yield self._exchange(server, transport, asked)
            if transport == "udp" and query.is_truncated(reply):
                was_cut, transport = True, "tcp"
                reply = yield self._exchange(server, transport, asked)
            known = state.known.get(question)
            said = read(asked, reply, question, known)
            if isinstance(said, Alias) and not query.is_name(said.name):
                problem = f"points to {said.name!r}, which is no host's name"
                raise NoAnswer("malformed", problem)  # noqa: TRY301 - like any other reply that is of no use
        except (OSError, NoAnswer) as error:
            state.needs_tcp.discard(key)
            reason, detail = _diagnosis(error)
            if was_cut and isinstance(error, OSError):
                reason = "truncated"
            self._attempts.append(Attempt(str(server), transport, reason, detail))
            return None
        if isinstance(said, Answer) and (was_cut or said is not known):
            self._learn(key, said, needs_tcp=transport == "tcp" and not fits_udp(asked, reply, said))
        return said

    def _exchange(self, server: Nameserver, transport: str, asked: bytes) -> Exchange:
        """An exchange that waits no longer than there is time.

        Raises:
            LookupFailed: there is none.
        """
        left = self._deadline - self._state.clock()
        if left <= 0:
            raise self._failure()
        return Exchange(server, transport, asked, min(self._patience, left))

    def _learn(self, key: tuple[Nameserver, Question], answer: Answer, *, needs_tcp: bool) -> None:
        """Remembers what saves the next lookup time; all of it is forgotten once it is too much."""
        _, question = key
        needing_tcp, known = self._state.needs_tcp, self._state.known
        if not needs_tcp:
            needing_tcp.discard(key)
        elif key not in needing_tcp:
            if len(needing_tcp) >= _MOST_NEEDING_TCP:
                needing_tcp.clear()
            needing_tcp.add(key)
        if answer.addresses and not answer.canonical:
            if question not in known and len(known) >= _MOST_KNOWN:
                known.clear()
            known[question] = answer


def _diagnosis(error: OSError | NoAnswer) -> tuple[Reason, str]:
    match error:
        case NoAnswer():
            return error.reason, error.detail
        case TimeoutError():
            return "timeout", "did not answer"
        case ConnectionRefusedError():
            return "refused", "refused: nothing listens there"
        case _:
            return "refused", f"can't be reached: {error.strerror or error}"
