"""What a `FakeResolver` was told, and what DNS says to a question then. No threads, no clock.

A name is declared by any Service that it is or is below of; a Service that was deleted stays known, since to DNS it is
a name like any other that is not there. Names above a declared one exist without records (RFC 8020).
See https://github.com/kubernetes/dns/blob/master/docs/specification.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias, cast, get_args

from peerdisco._core import names
from peerdisco._core.addresses import dashed, pack_ip, reverse_name
from peerdisco.answers import Answer, Outcome, Question, SrvTarget
from peerdisco.config import DiscoveryConfig
from peerdisco.errors import LookupFailed, Reason
from peerdisco.peers import Peer

State: TypeAlias = Iterable[str | Peer] | Reason | Answer
"""What DNS says of a Service: its Pods (no Pods: NXDOMAIN), why it fails, or an Answer to the letter."""

_NXDOMAIN = Answer(Outcome.NXDOMAIN)


class Script:
    """The states of one Service: each lasts until a question comes for the second time."""

    def __init__(self, states: Iterable[State]) -> None:
        self._states = [state if isinstance(state, (str, Answer)) else tuple(state) for state in states]
        if not self._states:
            raise ValueError("states=[]: there must be at least one")
        for state in self._states:
            _check_state(state)
        self._asked: set[Question] = set()

    @property
    def current(self) -> State:
        """The state that holds now."""
        return self._states[0]

    def next(self, question: Question) -> State:
        """Return the state that answers a question."""
        if question in self._asked and len(self._states) > 1:
            del self._states[0]
            self._asked.clear()
        self._asked.add(question)
        return self.current


class Declared:
    """The Services that a test declared.

    Args:
        namespace: of Services that are named without one.
        cluster_domain: the cluster's DNS domain.
    """

    def __init__(self, namespace: str, cluster_domain: str) -> None:
        self._place = namespace, cluster_domain
        self._zone = f".svc.{cluster_domain.lower().removesuffix('.')}."
        self._namespace = namespace + self._zone
        self._scripts: dict[str, Script | None] = {}  # None: it was deleted, or never said to be there
        self._failures: dict[str, Reason] = {}
        self._cluster_ips: dict[str, str] = {}

    def declare(self, service: str, states: Iterable[State], *, cluster_ip: str | None = None) -> None:
        """Declare what a Service goes through; ValueError if that is nothing, or makes no sense."""
        script, name = Script(states), self._name(service)
        self._scripts[name] = script
        self._cluster_ips.pop(name, None)
        if cluster_ip is not None:
            self._cluster_ips[name] = cluster_ip

    def delete(self, service: str) -> None:
        """Delete a Service; KeyError if it is not declared."""
        name = self._name(service)
        if self._scripts.get(name) is None:
            raise KeyError(f"no Service {name} is declared; declared: {', '.join(self.services) or 'none'}")
        self._scripts[name] = None
        self._cluster_ips.pop(name, None)

    def fail(self, service: str, reason: Reason) -> None:
        """Let a Service's names fail; ValueError if that is no reason."""
        _check_state(reason)
        name = self._name(service)
        self._failures[name] = reason
        self._scripts.setdefault(name, None)

    def heal(self, service: str) -> None:
        """End what `fail` began."""
        self._failures.pop(self._name(service), None)

    @property
    def services(self) -> tuple[str, ...]:
        """The absolute names of all Services that are there or fail, in the order of their declaration."""
        return tuple(name for name, script in self._scripts.items() if script or name in self._failures)

    def answer(self, question: Question) -> Answer | None:
        """Return what DNS says; None if the question is about a Service that was never declared.

        Raises:
            LookupFailed: the Service shall fail.
        """
        service = max((name for name in self._scripts if _is_or_is_below(question.name, name)), key=len, default=None)
        if service is None:
            return self._elsewhere(question)
        if reason := self._failures.get(service):
            raise LookupFailed(question, reason)
        script = self._scripts[service]
        state = script.next(question) if script else ()
        if isinstance(state, str):
            raise LookupFailed(question, cast("Reason", state))
        if isinstance(state, Answer):
            return state
        return _answer(question, service, state, is_cluster_ip=service in self._cluster_ips)

    def service_of(self, name: str) -> str:
        """Return the Service that a name would belong to: itself, where it does not look like a Kubernetes name."""
        path = name.removesuffix(self._zone)
        return name if path == name else ".".join(path.split(".")[-2:]) + self._zone

    def _name(self, service: str) -> str:
        return names.absolute(DiscoveryConfig(service).service, *self._place)

    def _elsewhere(self, question: Question) -> Answer | None:
        """What DNS says to a name that belongs to no declared Service."""
        if question.name.endswith(".arpa."):
            found = tuple(self._pointers(question.name)) if question.rtype == "PTR" else ()
            return Answer(Outcome.FOUND, names=found) if found else _NXDOMAIN
        if any(_is_or_is_below(name, question.name) for name in (self._namespace, *self.services)):
            return Answer(Outcome.NODATA)
        is_namespace = "." not in question.name.removesuffix(self._zone)
        return _NXDOMAIN if is_namespace else None

    def _pointers(self, name: str) -> Iterator[str]:
        """The names of an address: a ClusterIP is its Service's, a Pod has one in each Service."""
        for service in self.services:
            script = self._scripts[service]
            if script is None or isinstance(script.current, (str, Answer)):
                continue
            for peer in map(_peer, script.current):
                if reverse_name(pack_ip(peer.ip)) == name:
                    yield service if service in self._cluster_ips else f"{_label(peer)}.{service}"


def _check_state(state: State) -> None:
    if isinstance(state, str):
        if state not in get_args(Reason):
            raise ValueError(f"{state!r} is not a reason to fail; there are {', '.join(get_args(Reason))}")
    elif not isinstance(state, Answer):
        for pod in state:
            pack_ip(str(pod))


def _is_or_is_below(name: str, parent: str) -> bool:
    return name == parent or name.endswith("." + parent)


def _answer(question: Question, service: str, pods: Iterable[str | Peer], *, is_cluster_ip: bool) -> Answer:
    peers = list(map(_peer, pods))
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


def _peer(pod: str | Peer) -> Peer:
    return pod if isinstance(pod, Peer) else Peer(pod)


def _label(peer: Peer) -> str:
    return peer.name or dashed(pack_ip(peer.ip))
