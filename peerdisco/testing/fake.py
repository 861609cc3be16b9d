"""A resolver without DNS, for unit tests: `FakeResolver`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from contextvars import Token
from types import TracebackType
from typing import Self, TypeAlias, cast, get_args

from peerdisco._core import names
from peerdisco._core.addresses import dashed, pack_ip, pack_ips, reverse_name
from peerdisco.answers import Answer, Outcome, Question, SrvTarget
from peerdisco.config import DiscoveryConfig
from peerdisco.environment import StaticEnvironment
from peerdisco.errors import LookupFailed, Reason
from peerdisco.peers import Peer
from peerdisco.resolvers import AsyncResolver, Resolver, default_resolver
from peerdisco.testing.clock import FakeClock

State: TypeAlias = Iterable[str | Peer] | Reason | Answer
"""What DNS says of a Service: Pods (none: NXDOMAIN), why it fails, or an Answer to the letter."""


class _Script:
    """The states of one Service: each lasts until a question comes for the second time."""

    def __init__(self, states: list[State]) -> None:
        self._states = states
        self._asked: set[Question] = set()

    def next(self, question: Question) -> State:
        if question in self._asked and len(self._states) > 1:
            del self._states[0]
            self._asked.clear()
        self._asked.add(question)
        return self._states[0]


class FakeResolver:
    """Answers as CoreDNS would for the Services that the test declares; nothing of the machine is read.

    It serves both worlds, and as a context manager it is the default resolver of its block.

    Args:
        services: the Pods behind each Service, by any form of its name: IP addresses, or `Peer` objects where ports and
            hostnames matter.
        own: one's own address, or several.
        namespace: of Services that are named without one.
        cluster_domain: the cluster's DNS domain.
        clock: time for the watchers that use this resolver; default: the real one.

    Attributes:
        questions: every question asked, in order.
    """

    def __init__(
        self,
        services: Mapping[str, State] | None = None,
        *,
        own: str | Iterable[str] = (),
        namespace: str = "default",
        cluster_domain: str = "cluster.local",
        clock: FakeClock | None = None,
    ) -> None:
        packed = pack_ips(own) if isinstance(own, str) else tuple(map(pack_ip, own))
        self._place = namespace, cluster_domain
        self.environment = StaticEnvironment(packed, namespace=namespace, cluster_domain=cluster_domain)
        if clock is not None:
            self.clock = clock
        self.questions: list[Question] = []
        self._scripts: dict[str, _Script] = {}
        self._failures: dict[str, Reason] = {}
        self._cluster_ips: dict[str, str] = {}
        self._asked = threading.Condition()
        self._tokens: list[Token[Resolver | AsyncResolver | None]] = []
        for service, state in (services or {}).items():
            self[service] = state

    def __setitem__(self, service: str, state: State) -> None:
        """Declares a Service anew: it scales, it comes back."""
        self.script(service, [state])

    def __delitem__(self, service: str) -> None:
        """Deletes a Service."""
        name = self._name(service)
        self._scripts.pop(name, None)
        self._cluster_ips.pop(name, None)

    def script(self, service: str, states: Iterable[State]) -> None:
        """Declares what a Service goes through: every lookup sees the next state, and the last one stays.

        Raises:
            ValueError: there is no state, or one is neither Pods nor a reason to fail.
        """
        frozen: list[State] = [state if isinstance(state, (str, Answer)) else tuple(state) for state in states]
        if not frozen:
            raise ValueError("states=[]: there must be at least one")
        for state in frozen:
            _check(state)
        name = self._name(service)
        self._scripts[name] = _Script(frozen)
        self._cluster_ips.pop(name, None)

    def cluster_ip(self, service: str, address: str) -> None:
        """Declares a Service that is not headless."""
        self[service] = [address]
        self._cluster_ips[self._name(service)] = address

    def fail(self, service: str, reason: Reason = "timeout") -> None:
        """Lets every lookup of a Service fail, until `heal`.

        Args:
            service: which.
            reason: as in `LookupFailed.reason`.
        """
        _check(reason)
        self._failures[self._name(service)] = reason

    def heal(self, service: str) -> None:
        """Ends what `fail` began."""
        self._failures.pop(self._name(service), None)

    def wait_for_questions(self, count: int, *, timeout: float = 10.0) -> None:
        """Blocks until so many questions have been asked.

        Args:
            count: in all.
            timeout: real seconds.

        Raises:
            TimeoutError: they have not.
        """
        with self._asked:
            if not self._asked.wait_for(lambda: len(self.questions) >= count, timeout):
                raise TimeoutError(f"{len(self.questions)} of {count} questions were asked within {timeout} s")

    def lookup(self, question: Question, timeout: float) -> Answer:  # noqa: ARG002 - it answers at once
        """Answers one question, at once.

        Raises:
            LookupFailed: the test wants it so.
        """
        with self._asked:
            self.questions.append(question)
            self._asked.notify_all()
            service = next((name for name in self._scripts | self._failures if _belongs(question.name, name)), None)
            if service in self._failures:
                raise LookupFailed(question, self._failures[service])
            if service is None:
                return self._reverse(question)
            state = self._scripts[service].next(question)
        if isinstance(state, str):
            raise LookupFailed(question, cast("Reason", state))
        if isinstance(state, Answer):
            return state
        return _answer(question, service, state, is_cluster_ip=service in self._cluster_ips)

    async def alookup(self, question: Question, timeout: float) -> Answer:  # noqa: ASYNC109 - the twin of `lookup`
        """Answers one question, as `lookup` does."""
        return self.lookup(question, timeout)

    def __enter__(self) -> Self:
        self._tokens.append(default_resolver.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        default_resolver.reset(self._tokens.pop())

    def _name(self, service: str) -> str:
        return names.absolute(DiscoveryConfig(service).service, *self._place)

    def _reverse(self, question: Question) -> Answer:
        for service, address in self._cluster_ips.items():
            if question.rtype == "PTR" and question.name == reverse_name(pack_ip(address)):
                return Answer(Outcome.FOUND, names=(service,))
        return Answer(Outcome.NXDOMAIN)


def _check(state: State) -> None:
    if isinstance(state, str):
        if state not in get_args(Reason):
            raise ValueError(f"{state!r} is no reason to fail; there are {', '.join(get_args(Reason))}")
    elif not isinstance(state, Answer):
        for pod in state:
            pack_ip(str(pod))


def _belongs(asked: str, service: str) -> bool:
    """Whether a question is about a Service: its own name, `_port._tcp` before it, or one of its endpoints."""
    return asked == service or asked.endswith("." + service)


def _answer(question: Question, service: str, pods: Iterable[str | Peer], *, is_cluster_ip: bool) -> Answer:
    peers = [pod if isinstance(pod, Peer) else Peer(pod) for pod in pods]
    if question.rtype == "SRV":
        return _srv(question, service, peers, is_cluster_ip=is_cluster_ip)
    if question.name != service:
        label = question.name.partition(".")[0]
        peers = [peer for peer in peers if label == _label(peer)]
    return Answer.of(question, map(str, peers))


def _srv(question: Question, service: str, peers: list[Peer], *, is_cluster_ip: bool) -> Answer:
    asked_port = question.name != service
    glue: dict[str, tuple[bytes, ...]] = {}
    targets = []
    for peer in peers:
        if peer.port is None and not is_cluster_ip:
            continue
        name = service if is_cluster_ip else f"{_label(peer)}.{service}"
        targets.append(SrvTarget(name, peer.port or 80))
        glue[name] = (*glue.get(name, ()), pack_ip(peer.ip))
    if targets:
        return Answer(Outcome.FOUND, targets=tuple(dict.fromkeys(targets)), glue=glue)
    return Answer(Outcome.NXDOMAIN if asked_port or not peers else Outcome.NODATA)


def _label(peer: Peer) -> str:
    return peer.name or dashed(pack_ip(peer.ip))
