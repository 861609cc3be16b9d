"""Resolvers of a user's own: what they return is checked, and what they bring is used."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from peerdisco import Answer, DnsResolver, LookupFailed, Outcome, PeerSet, Question
from peerdisco._core.addresses import pack_ip
from peerdisco._service import ServiceLookup
from peerdisco.answers import SrvTarget
from peerdisco.config import DiscoveryConfig
from peerdisco.sync import run_lookup
from peerdisco.testing import FakeResolver
from tests.support.both import Discover, sync_and_async

TWO = frozenset(map(pack_ip, ("10.0.0.1", "10.0.0.2")))


class Odd:
    """A resolver that returns what it is told."""

    def __init__(self, result: Callable[[Question], Any]) -> None:
        self.result = result

    def lookup(self, question: Question, timeout: float) -> Any:
        """Answer."""
        return self.result(question)

    async def alookup(self, question: Question, timeout: float) -> Any:  # noqa: ASYNC109 - the protocol says so
        """Answer."""
        return self.result(question)


@sync_and_async
@pytest.mark.parametrize(
    ("result", "told"),
    [
        (None, "NoneType instead of an Answer"),
        ("10.0.0.1", "str instead of an Answer"),
        (Outcome.FOUND, "Outcome instead of an Answer"),
        (Answer("found", TWO), "outcome"),  # type: ignore[arg-type] # as a user might
        (Answer(Outcome.PENDING), "outcome"),
        (Answer(Outcome.FOUND, frozenset({b"\x0a\0\0\1\2"})), "addresses"),
        (Answer(Outcome.FOUND, frozenset({"10.0.0.1"})), "addresses"),  # type: ignore[arg-type] # as a user might
        (Answer(Outcome.FOUND, ["10.0.0.1"]), "addresses"),  # type: ignore[arg-type] # as a user might
        (Answer(Outcome.FOUND, frozenset({bytes(16)})), "addresses"),
        (Answer(Outcome.FOUND, TWO, ttl=None), "ttl"),  # type: ignore[arg-type] # as a user might
        (Answer(Outcome.FOUND, TWO, canonical=b"x."), "canonical"),  # type: ignore[arg-type] # as a user might
        (Answer(Outcome.FOUND, TWO, targets=("a.",)), "targets"),  # type: ignore[arg-type] # as a user might
        (Answer(Outcome.FOUND, TWO, glue={"a.": (b"x",)}), "glue"),
        (Answer(Outcome.FOUND, TWO, glue=None), "glue"),  # type: ignore[arg-type] # as a user might
        (Answer(Outcome.FOUND, TWO, names=(7,)), "names"),  # type: ignore[arg-type] # as a user might
    ],
)
def test_what_a_resolver_returns_is_checked(discover: Discover, result: Any, told: str) -> None:
    """Anything but an Answer to the question is a failed lookup, whose message names the resolver."""
    with pytest.raises(LookupFailed, match="the resolver Odd returned") as raised:
        discover("web", resolver=Odd(lambda _: result), namespace="default", own_ips="10.9.9.9")

    assert raised.value.reason == "malformed"
    assert told in str(raised.value)


@sync_and_async
def test_methods_of_an_object_alone(discover: Discover) -> None:
    """What an object has in place of its class's method is called as the protocol says, with a question and a time."""

    def lookup(question: Question, timeout: float) -> Answer:
        return Answer.of(question, ["10.0.0.1", "10.0.0.2"])

    async def alookup(question: Question, timeout: float) -> Answer:  # noqa: ASYNC109 - the protocol says so
        return lookup(question, timeout)

    dns = DnsResolver("127.0.0.1:9")
    vars(dns).update(lookup=lookup, alookup=alookup)
    for resolver in (dns, SimpleNamespace(lookup=lookup, alookup=alookup)):
        assert list(discover("web.default", resolver=resolver, own_ips=()).ips) == ["10.0.0.1", "10.0.0.2"]


@sync_and_async
def test_a_set_that_the_resolver_goes_on_changing(discover: Discover) -> None:
    """A resolver may hand out a set that it changes later: the list stays as it was."""
    pods = set(TWO)
    resolver = Odd(lambda _: Answer(Outcome.FOUND, pods))  # type: ignore[arg-type] # as a user might

    def looked_up() -> PeerSet:
        return discover("web", resolver=resolver, namespace="default", own_ips="10.0.0.1")

    first = looked_up()
    pods.add(pack_ip("10.0.0.3"))

    assert first.ips == ("10.0.0.2",)
    assert looked_up().ips == ("10.0.0.2", "10.0.0.3")


def test_srv_targets_are_checked_too() -> None:
    """The answers to a named port's questions are checked as well."""

    def result(question: Question) -> Answer:
        if question.rtype == "SRV":
            return Answer(Outcome.FOUND, targets=(SrvTarget("a.", "80"),))  # type: ignore[arg-type] # as a user might
        return Answer(Outcome.FOUND, TWO)

    lookup = ServiceLookup(DiscoveryConfig("web.default", port="http", own_ips="10.9.9.9"), Odd(result), "lookup")
    with pytest.raises(LookupFailed, match="the resolver Odd returned an Answer whose targets"):
        run_lookup(lookup.begin())


@pytest.mark.parametrize(
    ("services", "options", "questions"),
    [
        ({"web": ["10.0.0.1", "10.0.0.2"]}, {}, 1),
        ({"web": ["10.0.0.1"]}, {}, 3),
        ({"web": ["10.0.0.1", "10.0.0.2"]}, {"family": "both"}, 2),
        ({"web": ["10.0.0.1", "10.0.0.2"]}, {"port": "http"}, 4),
        ({"web": "servfail"}, {}, 1),
    ],
)
def test_questions_are_counted(services: dict[str, Any], options: dict[str, Any], questions: int) -> None:
    """Every question of a lookup counts for the fleet's limit, whatever it is about."""
    fake = FakeResolver(services)
    run = ServiceLookup(DiscoveryConfig("web", **options), fake, "lookup").begin()
    if isinstance(services["web"], str):
        with pytest.raises(LookupFailed):
            run_lookup(run)
    else:
        run_lookup(run)

    assert (run.questions, len(fake.questions)) == (questions, questions)
