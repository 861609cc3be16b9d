"""The doctor's group *can I ask*: what is concluded from probes of nameservers."""

import pytest

from peerdisco._dns.nameserver import Nameserver
from peerdisco.cli._doctor_observations import Observations, Probe, ServerSight
from peerdisco.errors import Reason
from tests.support.checkups import DENIAL, FIRST, IN_A_POD, OVER_TCP, REPLY, SECOND, checks, healthy, lost, problems

PLAIN = REPLY._replace(edns=False)


def with_servers(*sights: ServerSight) -> Observations:
    """What is seen where all is well but the nameservers."""
    place = IN_A_POD._replace(servers=tuple(sight.server for sight in sights))
    return healthy()._replace(place=place, sights=sights)


def sight(*udp: Probe, server: Nameserver = FIRST, tcp: Probe = OVER_TCP) -> ServerSight:
    """A nameserver with what came over UDP."""
    return ServerSight(server, udp, tcp)


def silent(server: Nameserver = FIRST, reason: Reason = "timeout") -> ServerSight:
    """A nameserver that does not reply."""
    return sight(*(lost(reason, server=server) for _ in range(3)), server=server, tcp=lost(reason, server=server))


def test_a_server_that_answers() -> None:
    """Each transport has its line, with the latency."""
    assert [check.description for check in checks(healthy(), "ask")] == [
        "10.96.0.10:53 replied over UDP in 1.0 ms, with EDNS",
        "10.96.0.10:53 replied over TCP in 1.0 ms",
    ]


def test_no_nameserver() -> None:
    """Without a nameserver there is nobody to ask."""
    assert problems(with_servers(), "ask") == [("no-nameserver", "error")]


@pytest.mark.parametrize("reason", ["timeout", "refused", "malformed"])
def test_silence(reason: Reason) -> None:
    """A single server that gives no reply fails by the reason, and so does what needs a reply."""
    seen = with_servers(silent(reason=reason))._replace(asked=None, verdict=None)

    assert problems(seen, "ask") == [(reason, "error")]
    for group in ("headless", "who", "me"):
        assert problems(seen, group) == [(reason, "error")]


@pytest.mark.parametrize(("rcode", "code"), [("SERVFAIL", "servfail"), ("REFUSED", "refused"), ("FORMERR", "servfail")])
def test_a_server_that_can_not_say(rcode: str, code: str) -> None:
    """A reply that answers nothing is an error, and a warning where another server answers."""
    broken = sight(Probe(rcode=rcode), Probe(rcode=rcode, edns=False))

    assert problems(with_servers(broken), "ask") == [(code, "error")]
    assert problems(with_servers(broken, sight(REPLY, server=SECOND)), "ask") == [(code, "warning")]


def test_a_dead_first_server() -> None:
    """A dead first server slows other programs down; a dead second one is only told of."""
    alive = sight(REPLY, server=SECOND)

    assert problems(with_servers(silent(), alive), "ask") == [("dead-first-nameserver", "warning")]
    assert "wait 5 s" in checks(with_servers(silent(), alive), "ask")[0].hint
    assert "ask it first" in checks(with_servers(silent(reason="refused"), alive), "ask")[0].hint
    assert problems(with_servers(alive, silent()), "ask") == [("timeout", "warning")]


def test_two_dead_servers() -> None:
    """Where no server answers, each of them is an error."""
    assert problems(with_servers(silent(), silent(SECOND)), "ask") == [("timeout", "error")] * 2


def test_lost_replies() -> None:
    """A reply that came only at a second try is told of."""
    lossy = sight(lost("timeout"), PLAIN, REPLY)

    assert problems(with_servers(lossy), "ask") == [("lost-replies", "warning")]


def test_a_slow_server() -> None:
    """A server that needs longer than a lookup waits at first is slow, and its late replies are not lost ones."""
    late = REPLY._replace(seconds=1.2)

    assert problems(with_servers(sight(late)), "ask") == [("slow", "warning")]
    assert problems(with_servers(sight(lost("timeout", seconds=0.7), lost("timeout", seconds=0.7), late)), "ask") == [
        ("slow", "warning")
    ]
    assert problems(with_servers(sight(late))._replace(timeout=10.0), "ask") == []


def test_edns_that_is_refused() -> None:
    """A server that refuses EDNS still answers, in less room."""
    assert problems(with_servers(sight(Probe(rcode="FORMERR"), PLAIN)), "ask") == [("no-edns", "warning")]


def test_edns_that_is_dropped() -> None:
    """Where queries with EDNS get no reply, no lookup does."""
    dropping = sight(lost("timeout"), PLAIN, lost("timeout"))

    assert problems(with_servers(dropping), "ask") == [("no-edns", "error")]


def test_tcp_that_is_blocked() -> None:
    """TCP is needed for long lists alone, so that its absence is a warning."""
    assert problems(with_servers(sight(REPLY, tcp=lost("timeout"))), "ask") == [("no-tcp", "warning")]


def test_servers_that_disagree() -> None:
    """A first server that lacks the name is wrong; a later one is only told of."""
    with_name, without = sight(REPLY), sight(DENIAL, server=SECOND)

    assert problems(with_servers(with_name, without), "ask") == [("nameservers-disagree", "warning")]
    assert problems(with_servers(without, with_name), "ask") == [("nameservers-disagree", "error")]
    assert problems(with_servers(with_name, sight(REPLY, server=SECOND)), "ask") == []


def test_more_servers_than_are_probed() -> None:
    """Servers that were not probed are told of."""
    seen = healthy()

    assert problems(seen._replace(place=IN_A_POD._replace(servers=(FIRST, SECOND))), "ask") == [
        ("many-nameservers", "warning")
    ]
