"""One question, put to nameservers until one answers. No I/O, so that sync and async share it.

`Lookup.round` is one round: each nameserver once, TCP where the answer did not fit UDP (RFC 7766), without EDNS where
the server refuses that (RFC 6891 section 7), aliases followed. It yields exchanges and takes replies. Between rounds
stands tenacity, with the arguments that `retry_policy` gives to both. Laws of this module:

- A lookup ends within its timeout, whatever the servers do.
- A server that was found dead is asked last; that it is dead is never a reason not to ask it.
- Where every server has refused twice (rcode REFUSED), that is the answer: a refusal is a policy, not an accident.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from tenacity import retry_if_exception

from peerdisco._dns import query
from peerdisco._dns.exchange import Exchange, ResolverState, diagnosis, exchange_with, is_silence, opening, patience
from peerdisco._dns.lists import KnownList, known_list, says_the_same
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.reply import Alias, NoAnswer, NoEdns, fits_udp, read
from peerdisco.answers import Answer, Outcome, Question
from peerdisco.errors import Attempt, LookupFailed, Reason

MAX_ALIASES = 8
_FIRST_WAIT = 0.05
_LONGEST_WAIT = 1.0
_MOST_KNOWN = 16
_REFUSALS_BELIEVED = 2


class Lookup:
    """One question and the time that there is for it: round after round until a server answers.

    Args:
        question: what to ask.
        servers: the nameservers to ask, in order.
        timeout: seconds for everything.
        state: what the lookups of the resolver share.
        retry: False for a single round.
        opening: the exchange that it begins with, where that is under way.

    Attributes:
        answered_by: the server that replied last.
    """

    def __init__(
        self,
        question: Question,
        servers: Sequence[Nameserver],
        timeout: float,
        state: ResolverState,
        *,
        retry: bool = True,
        opening: Exchange | None = None,
    ) -> None:
        self._question = question
        self._servers = servers
        self._state = state
        self._retry = retry
        self._timeout = timeout
        self._deadline = state.clock() + timeout
        self._patience = patience(timeout, servers)
        self._attempts: list[Attempt] = []
        self._refusals: dict[Nameserver, int] = {}
        # The exchange that the lookup began with, and its reply where that is still to be looked at by `round`.
        self._opening = opening
        self._begun: bytes | None = None
        self._known: KnownList | None = None
        self._answer: Answer | None = None
        self.answered_by: Nameserver | None = None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What failed so far."""
        return tuple(self._attempts)

    @property
    def is_over(self) -> bool:
        """Whether there will be no further round."""
        return not self._retry or self._is_refused() or self._state.clock() >= self._deadline

    def open(self) -> Exchange:
        """Return the exchange that the lookup begins with; what comes of it goes to `accept` or `reject`."""
        exchange = self._opening
        if exchange is None:
            exchange = self._opening = opening(self._question, self._servers, self._timeout, self._state)
        known = self._state.known.get(self._question)
        if known is not None and (exchange.transport == "tcp" or known.length <= query.udp_room(exchange.message)):
            self._known = known
        return exchange

    def hears(self, reply: bytes) -> bool:
        """Take in what came after the opening exchange was sent; False where it is no reply to that."""
        opening, known = self._opening, self._known
        if opening is None:
            return False
        if known is not None and says_the_same(known, opening.message, reply):
            self._answer = known.answer
            return True
        if not query.fits(opening.message, reply):
            return False
        self._begun = reply
        return True

    def accept(self) -> Answer | None:
        """Return the answer that the reply to the opening exchange holds.

        None where there is more to do; `round` goes on from there.
        """
        opening, reply = self._opening, self._begun
        if opening is None:
            return None
        if self._answer is not None:
            self._state.memory.on_reply(opening.server)
            self.answered_by = opening.server
            return self._answer
        if reply is None or (opening.transport == "udp" and query.is_cut(opening.message, reply)):
            return None
        try:
            said = self._read(opening, self._question, reply)
        except NoAnswer:
            return None
        if not isinstance(said, Answer):
            return None
        self._begun = None
        return said

    def reject(self, error: OSError) -> None:
        """Take in that the opening exchange failed; `round` goes on with the next server."""
        if self._opening is not None:
            self._on_error(self._opening, self._question, error)

    def round(self) -> Generator[Exchange, bytes, Answer]:
        """Put the question to each server in turn, until one answers.

        Yields what to send, and takes the reply; the OSError of an exchange that failed is thrown in.

        Raises:
            LookupFailed: No server answered.
        """
        servers = self._state.memory.in_order(self._servers, self._state.clock())
        if self._opening is not None:
            begun_with = self._opening.server
            # A server that has replied goes on; one that has not has had its turn.
            servers = [server for server in servers if server != begun_with]
            if self._begun is not None:
                servers = [begun_with, *servers]
        for server in servers:
            answer = yield from self._follow(server)
            if answer is not None:
                return answer
        self._opening = None
        self._patience *= 2
        raise self._failure()

    def retry_policy(self) -> dict[str, Any]:
        """Return what tenacity's `Retrying` and `AsyncRetrying` do between rounds."""
        return {
            "retry": retry_if_exception(lambda error: isinstance(error, LookupFailed) and not self._is_refused()),
            "wait": lambda state: self.wait(state.attempt_number),
            "stop": lambda state: self._state.clock() + state.upcoming_sleep >= self._deadline,
            "reraise": True,
        }

    def wait(self, retries: int = 0) -> float:
        """Return the seconds before the next round, after so many retries; jittered, and never 0."""
        return min(_LONGEST_WAIT, _FIRST_WAIT * 2.0**retries) * (0.5 + self._state.random())

    def _is_refused(self) -> bool:
        """Return whether every server has refused often enough to be believed."""
        return bool(self._refusals) and all(
            self._refusals.get(server, 0) >= _REFUSALS_BELIEVED for server in self._servers
        )

    def _failure(self) -> LookupFailed:
        """Return what the attempts come to: a timeout is the reason only where no server said anything else."""
        told = [attempt.reason for attempt in self._attempts if attempt.reason != "timeout"]
        return LookupFailed(self._question, told[-1] if told else "timeout", tuple(self._attempts))

    def _follow(self, server: Nameserver) -> Generator[Exchange, bytes, Answer | None]:
        """Ask one server, and ask it again for the name that an alias leads to; None where it gave no answer."""
        question = self._question
        for _ in range(MAX_ALIASES):
            said = yield from self._ask(server, question)
            if not isinstance(said, Alias):
                if said is None or question is self._question:
                    return said
                return said._replace(canonical=said.canonical or question.name)
            if not self._state.follows(self._question.name, said.name):
                return Answer(Outcome.NXDOMAIN, canonical=said.name)
            question = Question(said.name, question.rtype)
        self._failed(server, "", "malformed", f"gave {MAX_ALIASES} aliases in a row")
        return None

    def _ask(self, server: Nameserver, question: Question) -> Generator[Exchange, bytes, Answer | Alias | None]:
        """Ask one server, and ask it again without EDNS where it refuses that; None where it gave no answer."""
        try:
            return (yield from self._ask_once(server, question))
        except NoEdns:
            said = yield from self._ask_once(server, question, edns=False)
            if said is not None:
                self._state.memory.on_plain_answer(server, self._state.clock())
            return said

    def _ask_once(
        self, server: Nameserver, question: Question, *, edns: bool = True
    ) -> Generator[Exchange, bytes, Answer | Alias | None]:
        """Send one query, over TCP as well where the reply was cut; None where it gave no answer.

        Raises:
            NoEdns: The server refuses a query with EDNS.
        """
        was_cut = False
        begun, self._begun = self._begun, None
        exchange = self._opening if begun is not None else None
        if exchange is None:
            now = self._state.clock()
            exchange = exchange_with(server, question, self._state, now, self._time_for_one(now), edns=edns)
        try:
            reply = (yield exchange) if begun is None else begun
            if exchange.transport == "udp" and query.is_cut(exchange.message, reply):
                self._state.memory.on_reply(server)
                was_cut, exchange = (
                    True,
                    exchange._replace(transport="tcp", timeout=self._time_for_one(self._state.clock())),
                )
                reply = yield exchange
            return self._read(exchange, question, reply, was_cut=was_cut)
        except NoEdns:
            raise
        except (OSError, NoAnswer) as error:
            self._on_error(exchange, question, error, was_cut=was_cut)
            return None

    def _time_for_one(self, now: float) -> float:
        """Return the seconds that one exchange may take.

        Raises:
            LookupFailed: No time is left.
        """
        left = self._deadline - now
        if left <= 0:
            raise self._failure()
        return min(self._patience, left)

    def _read(self, exchange: Exchange, question: Question, reply: bytes, *, was_cut: bool = False) -> Answer | Alias:
        """Read a reply, and remember what saves the next lookup time.

        Raises:
            NoAnswer: It answers nothing.
        """
        server, transport, asked, _ = exchange
        state, memory = self._state, self._state.memory
        memory.on_reply(server)
        self.answered_by = server
        known = state.known.get(question)
        said = read(asked, reply, question, known and known.answer)
        if known is not None and said is known.answer and not was_cut:
            return said
        if isinstance(said, Alias):
            if not query.is_name(said.name):
                raise NoAnswer("malformed", f"points to {said.name!r}, which is no host's name")
            return said
        needed = transport == "tcp" and not fits_udp(asked, reply, said)
        memory.set_needs_tcp(server, question, needed=needed)
        if said.addresses and not said.canonical:
            if question not in state.known and len(state.known) >= _MOST_KNOWN:
                state.known.clear()
            state.known[question] = known_list(asked, reply, said)
        return said

    def _on_error(
        self, exchange: Exchange, question: Question, error: OSError | NoAnswer, *, was_cut: bool = False
    ) -> None:
        """Note an attempt that brought no answer."""
        server, transport, _, _ = exchange
        self._state.memory.set_needs_tcp(server, question, needed=False)
        reason, detail = diagnosis(error)
        if isinstance(error, NoAnswer) and reason == "refused":
            self._refusals[server] = self._refusals.get(server, 0) + 1
        if isinstance(error, OSError):
            if was_cut:
                reason = "truncated"
            elif is_silence(error):
                self._state.memory.on_silence(server, self._state.clock())
        self._failed(server, transport, reason, detail)

    def _failed(self, server: Nameserver, transport: str, reason: Reason, detail: str) -> None:
        self._attempts.append(Attempt(str(server), transport, reason, detail))
