"""What a `FakeResolver` was told, and what DNS says to a question then. No threads, no clock.

A name is declared by any Service that it is or is below of; a Service that was deleted stays known, since to DNS it is
a name like any other that is not there. Names above a declared one exist without records (RFC 8020).
See https://github.com/kubernetes/dns/blob/master/docs/specification.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias, cast, get_args

from peerdisco._core import names
from peerdisco._core.addresses import dashed, pack_ip, reverse_name
from peerdisco.answers import Answer, Outcome, Question, SrvTarget
from peerdisco.config import DiscoveryConfig
from peerdisco.environment import DEFAULT_DOMAIN, StaticEnvironment
from peerdisco.errors import ConfigError, LookupFailed, Reason
from peerdisco.peers import Peer

State: TypeAlias = Iterable[str | Peer] | Reason | Answer
"""What DNS says of a Service: its Pods (no Pods: NXDOMAIN), why it fails, or an Answer to the letter."""

_NXDOMAIN = Answer(Outcome.NXDOMAIN)


class Place(NamedTuple):
    """Where a test takes place: this Pod's addresses, its namespace, its cluster's DNS domain."""

    own: tuple[bytes, ...]
    namespace: str
    cluster_domain: str

    @classmethod
    def of(cls, own: str | Iterable[str], namespace: str, cluster_domain: str) -> Place:
        """Check and keep what a test says; ConfigError, which is a ValueError, if it is invalid."""
        try:
            config = DiscoveryConfig("any", namespace=namespace, cluster_domain=cluster_domain, own_ips=own)
        except ConfigError as error:
            raise ConfigError(error.key.removesuffix("_ips"), error.value, error.problem) from None
        packed = tuple(map(pack_ip, config.own_ips or ()))
        return cls(packed, config.namespace or "default", config.cluster_domain or DEFAULT_DOMAIN)

    def absolute(self, service: str) -> str:
        """Return the absolute name of a Service."""
        return names.absolute(DiscoveryConfig(service).service, self.namespace, self.cluster_domain)

    @property
    def environment(self) -> StaticEnvironment:
        """The environment of a process there."""
        return StaticEnvironment(self.own, namespace=self.namespace, cluster_domain=self.cluster_domain)


class Script:
    """The states of one Service: each lasts until a question comes for the second time."""

    def __init__(self, states: Iterable[State]) -> None:
        self._states = list(map(_kept, states))
        if not self._states:
            raise ValueError("states=[]: there must be at least one")
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
    """The Services that a test declared; those that are named without a namespace are in that of its place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._zone = f".svc.{place.cluster_domain}."
        self._namespace = place.namespace + self._zone
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
        _check_reason(reason)
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
        return self._place.absolute(service)

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


def _kept(state: State) -> State:
    """Return a state, whose Pods can be read more than once."""
    given: object = state
    if isinstance(state, str):
        _check_reason(state)
    elif not isinstance(given, (Answer, Iterable)):
        raise ValueError(f"{state!r} is neither Pods nor a reason to fail")  # noqa: TRY004 - one kind of error
    elif not isinstance(state, Answer):
        state = tuple(state)
        for pod in state:
            pack_ip(str(pod))
    return state


def _check_reason(reason: str) -> None:
    if reason not in get_args(Reason):
        raise ValueError(f"{reason!r} is not a reason to fail; there are {', '.join(get_args(Reason))}")


def _is_or_is_below(name: str, parent: str) -> bool:
    return name == parent or name.endswith("." + parent)


def _answer(question: Question, service: str, pods: Iterable[str | Peer], *, is_cluster_ip: bool) -> Answer:
    peers = list(map(_peer, pods))
    below = question.name.removesuffix(service).split(".")[:-1]
    is_port = question.rtype == "SRV" and len(below) == 2
    if below and not is_port:
        peers = [peer for peer in peers if below == [_label(peer)]]
    if question.rtype == "SRV":
        return _srv(service, peers, is_port=is_port, is_cluster_ip=is_cluster_ip)
    return Answer.of(question, map(str, peers))


def _srv(service: str, peers: list[Peer], *, is_port: bool, is_cluster_ip: bool) -> Answer:
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
    return Answer(Outcome.NXDOMAIN if is_port or not peers else Outcome.NODATA)


def _peer(pod: str | Peer) -> Peer:
    return pod if isinstance(pod, Peer) else Peer(pod)


def _label(peer: Peer) -> str:
    return peer.name or dashed(pack_ip(peer.ip))
