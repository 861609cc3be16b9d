"""What a lookup begins with is made once, and again whenever something else is known or wanted."""

from itertools import count

from peerdisco import Question
from peerdisco._dns.exchange import Exchange, ResolverState, opening
from peerdisco._dns.memory import ServerMemory
from peerdisco._dns.nameserver import Nameserver
from peerdisco.testing import FakeClock
from tests.support.rounds import FIRST, SECOND, WEB

BOTH = (FIRST, SECOND)


class Desk:
    """A resolver's state, and what the lookups of `web` begin with."""

    def __init__(self) -> None:
        self.clock, self.memory = FakeClock(), ServerMemory()
        ids = count(1)
        self.state = ResolverState(
            self.clock,
            random=lambda: 0.5,
            new_id=lambda: next(ids).to_bytes(2),
            follows=lambda _, __: True,
            memory=self.memory,
            known={},
            ready={},
        )

    def opening(
        self, servers: tuple[Nameserver, ...] = BOTH, timeout: float = 5.0, question: Question = WEB
    ) -> Exchange:
        """Return what a lookup begins with."""
        return opening(question, servers, timeout, self.state)


def test_only_the_id_is_another_one() -> None:
    """Two lookups in a row send the same, but for the id that nobody may guess."""
    desk = Desk()
    first, second = desk.opening(), desk.opening()

    assert (first.message[:2], second.message[:2]) == (b"\0\1", b"\0\2")
    assert first.message[2:] == second.message[2:]
    assert first[:2] == second[:2] == (FIRST, "udp")
    assert first.timeout == second.timeout == 1.0


def test_another_timeout_other_servers_and_another_question() -> None:
    """Nothing of one lookup is used for one that wants something else."""
    desk = Desk()
    desk.opening()

    assert desk.opening(timeout=10.0).timeout == 2.0
    assert desk.opening((SECOND,)).server == SECOND
    assert b"\2db" in desk.opening(question=Question("db.default.svc.cluster.local.", "A")).message
    assert desk.opening().server == FIRST


def test_what_is_learnt_of_a_server_counts_at_once() -> None:
    """An answer that needs TCP is asked for over TCP by the very next lookup, and no longer once it does not."""
    desk = Desk()
    for needed, transport in ((True, "tcp"), (False, "udp"), (True, "tcp")):
        desk.opening()
        desk.memory.set_needs_tcp(FIRST, WEB, needed=needed)
        assert desk.opening().transport == transport
    desk.memory.clear()
    assert desk.opening().transport == "udp"


def test_what_is_forgotten_after_some_time() -> None:
    """A dead server is asked last, and one that refuses EDNS without it, for as long as that is remembered."""
    desk = Desk()
    with_edns = len(desk.opening().message)
    desk.memory.on_silence(FIRST, desk.clock())
    assert desk.opening().server == SECOND
    desk.memory.on_plain_answer(SECOND, desk.clock())
    assert len(desk.opening().message) < with_edns
    desk.clock.advance(31)
    assert desk.opening().server == FIRST
    desk.memory.on_silence(FIRST, desk.clock())
    assert desk.opening().server == SECOND
    desk.memory.on_reply(FIRST)
    assert desk.opening().server == FIRST
    desk.clock.advance(600)
    assert len(desk.opening((SECOND,)).message) == with_edns
    assert not desk.memory.is_dated


def test_many_questions_are_not_kept_for_ever() -> None:
    """A resolver that is asked many questions keeps few of them."""
    desk = Desk()
    for number in range(1000):
        desk.opening(question=Question(f"svc{number}.default.svc.cluster.local.", "A"))

    assert len(desk.state.ready) <= 16
