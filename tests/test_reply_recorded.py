"""What a real CoreDNS sends, read: lists that fit and that do not, SRV, PTR, aliases, absence."""

import pytest

from peerdisco import Answer, Outcome
from peerdisco._core.addresses import pack_ip
from peerdisco._dns import query
from peerdisco._dns import reply as wire
from peerdisco._dns.lists import read_list
from peerdisco.answers import SrvTarget
from tests.support.recorded import CORPUS


def pods(*numbers: int) -> frozenset[bytes]:
    """Addresses of the recorded cluster."""
    return frozenset(pack_ip(f"10.244.0.{n}") for n in numbers)


def said(case: str) -> Answer:
    """What a recorded reply means."""
    question, asked, reply = CORPUS[case]
    assert query.fits(asked, reply)
    answer = wire.read(asked, reply, question)
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("count", [1, 3, 29, 30, 100])
def test_recorded_addresses(count: int, transport: str) -> None:
    """CoreDNS's lists of addresses are read whole, or as the part that they are, on the fast path."""
    case = f"a{count}-{transport}"
    cut = count == 100 and transport == "udp"
    answer = said(case)

    assert (Outcome.FOUND, 30, not cut) == (answer.outcome, answer.ttl, answer.complete)
    assert answer.addresses <= pods(*range(1, count + 1))
    assert (73 if cut else count) == len(answer.addresses)
    assert read_list(CORPUS[case].asked, CORPUS[case].reply, CORPUS[case].question) == answer


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_recorded_ipv6(transport: str) -> None:
    """AAAA is read as A is."""
    assert said(f"aaaa-{transport}") == Answer(Outcome.FOUND, frozenset(pack_ip(f"fd00::{n}") for n in (1, 2, 3)), 30)


def test_recorded_srv() -> None:
    """SRV brings targets and ports, and every address of a target as glue, both families under one name."""
    answer = said("srv-udp")
    names = [f"db-{n}.dual.default.svc.cluster.local." for n in range(3)]

    assert {SrvTarget(name, 5432) for name in names} == set(answer.targets)
    assert {name: {pack_ip(f"10.244.1.{n}"), pack_ip(f"fd00::{n}")} for n, name in enumerate(names, 1)} == {
        name: set(glue) for name, glue in answer.glue.items()
    }


def test_recorded_srv_of_pods_without_a_hostname() -> None:
    """Their names are their addresses with dashes."""
    answer = said("srv-dashed-udp")

    assert {SrvTarget(f"10-244-0-{n}.web3.default.svc.cluster.local.", 8080) for n in (1, 2, 3)} == set(answer.targets)
    assert pods(1, 2, 3) == frozenset(ip for glue in answer.glue.values() for ip in glue)


def test_recorded_srv_that_was_cut() -> None:
    """An answer too long for UDP has lost its glue first, and is whole over TCP."""
    cut, whole = said("srv-cut-udp"), said("srv-whole-tcp")

    assert not cut.complete
    assert set(cut.targets) < set(whole.targets)
    assert whole.complete
    assert len(whole.targets) == len(whole.glue) == 30


def test_recorded_srv_of_a_cluster_ip() -> None:
    """The target of a Service that is not headless is the Service itself."""
    answer = said("srv-head-udp")

    assert (SrvTarget("head.default.svc.cluster.local.", 80),) == answer.targets
    assert {"head.default.svc.cluster.local.": (pack_ip("10.96.0.7"),)} == answer.glue


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        ("nxdomain-udp", Answer(Outcome.NXDOMAIN, ttl=30)),
        ("nodata-udp", Answer(Outcome.NODATA, ttl=30)),
        ("ptr-head-udp", Answer(Outcome.FOUND, ttl=30, names=("head.default.svc.cluster.local.",))),
        (
            "cname-udp",
            Answer(Outcome.FOUND, pods(1, 2, 3), 30, canonical="web3.default.svc.cluster.local."),
        ),
    ],
)
def test_recorded_rest(case: str, answer: Answer) -> None:
    """Absence, a ClusterIP's PTR, and an alias that is followed within the reply."""
    assert answer == said(case)


def test_recorded_alias_that_ends_in_nothing() -> None:
    """A chain that leaves the cluster dangles: the reply says nothing of its end."""
    question, asked, reply = CORPUS["cname-dangling-udp"]

    assert wire.Alias("db.example.com.") == wire.read(asked, reply, question)


def test_recorded_ptr_of_a_pod() -> None:
    """A Pod IP has a name in each Service."""
    names = said("ptr-pods-udp").names

    assert {f"10-244-0-1.web{n}.default.svc.cluster.local." for n in (1, 3, 29, 30, 100)} == set(names)
