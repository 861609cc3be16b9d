"""Drives the generators of a lookup by hand: no sockets, no threads, no time but what a test says."""

from collections.abc import Callable, Generator
from typing import TypeVar

from peerdisco import Answer, DiscoveryConfig, LookupFailed, Question
from peerdisco._core.discovery import Discovery, TimedQuestion
from peerdisco._core.srv_discovery import SrvDiscovery
from peerdisco._dns.blocking import drive
from peerdisco.environment import HostEnvironment, StaticEnvironment
from peerdisco.testing import FakeResolver

_Result = TypeVar("_Result")


def discovery(
    service: str = "web", *, own: tuple[bytes, ...] | None = (), of: type[Discovery] = Discovery, **options: object
) -> Discovery:
    """A Discovery that knows nothing of this host, or, with `own=None`, its addresses alone."""
    if own is None:
        options = {"cluster_domain": "cluster.local"} | options
    environment = HostEnvironment(environ={"POD_NAMESPACE": "default"}) if own is None else StaticEnvironment(own)
    return of(DiscoveryConfig(service, **options), environment)  # type: ignore[arg-type] # checked when it is made


def named(service: str = "web", *, own: tuple[bytes, ...] | None = (), **options: object) -> Discovery:
    """A Discovery of peers at the port called `http`."""
    return discovery(service, own=own, of=SrvDiscovery, port="http", **options)


def answered(
    steps: Generator[TimedQuestion, Answer, _Result], by: FakeResolver | Callable[[Question], Answer]
) -> tuple[_Result, list[Question]]:
    """What a lookup comes to, and what it asked."""
    asked: list[Question] = []

    def perform(timed: TimedQuestion) -> Answer:
        question = timed.question
        asked.append(question)
        return by.lookup(question, 1.0) if isinstance(by, FakeResolver) else by(question)

    return drive(steps, perform, LookupFailed), asked
