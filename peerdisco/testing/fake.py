"""A resolver without DNS, for unit tests: `FakeResolver`.

It is strict: whoever looks up a Service that the test did not declare is told so by an exception, and a `with` block
raises it again when it ends, in case that a watcher's thread or an `except` clause swallowed it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Literal, Self, get_args

from peerdisco._core.defaults import Setting
from peerdisco.answers import Answer, Outcome, Question
from peerdisco.errors import Reason
from peerdisco.resolvers import AsyncResolver, Resolver, default_resolver
from peerdisco.testing._declared import Declared, Place, State
from peerdisco.testing._lock import LOCK
from peerdisco.testing.clock import FakeClock

__all__ = ["FakeResolver", "Missing", "State", "UndeclaredService"]

Missing = Literal["error", "nxdomain"]


class UndeclaredService(AssertionError):
    """The code under test looked up Services that the test did not declare.

    It is an `AssertionError` and no `PeerDiscoError`, so that code which handles failed lookups does not handle it.

    Attributes:
        services: their absolute names.
        declared: the absolute names of the Services that are declared.
    """

    def __init__(self, services: Iterable[str], declared: Iterable[str]) -> None:
        self.services = tuple(services)
        self.declared = tuple(declared)
        super().__init__(
            f"looked up but not declared: {', '.join(self.services)}; "
            f"declared: {', '.join(self.declared) or 'nothing'}. Declare it, as `fake[service] = []` "
            'if it has no ready Pods, or let DNS deny what is not declared: `FakeResolver(missing="nxdomain")`'
        )

    def __reduce__(self) -> tuple[type[UndeclaredService], tuple[tuple[str, ...], tuple[str, ...]]]:
        return type(self), (self.services, self.declared)


class FakeResolver:
    """Answer as CoreDNS would for the Services that the test declares; nothing of the machine is read.

    It serves sync and async code. In a `with` block it is the default resolver of the whole process, thread pools
    included, and wins over options such as `nameservers`. Where several blocks are open, each context has its own, and
    other threads have the latest.

    Args:
        services: the Pods behind each Service, by any form of its name: IP addresses, or `Peer` objects where ports and
            hostnames matter.
        own: the addresses of this Pod.
        namespace: of Services that are named without one.
        cluster_domain: the cluster's DNS domain.
        clock: time for the watchers that use this resolver; default: real time.
        missing: what a Service is that was never declared: `"error"` raises `UndeclaredService`, now and again when the
            `with` block ends; `"nxdomain"` answers as DNS does.

    Raises:
        ValueError: a state, an address or a name is invalid, or `missing` is unknown.

    Attributes:
        questions: every question asked, in order.
        undeclared: the absolute name of every Service that was asked about without being declared. A block that ends
            raises for what is in it; clear it where the test expects that.
    """

    def __init__(
        self,
        services: Mapping[str, State] | None = None,
        *,
        own: str | Iterable[str] = (),
        namespace: str = "default",
        cluster_domain: str = "cluster.local",
        clock: FakeClock | None = None,
        missing: Missing = "error",
    ) -> None:
        if missing not in get_args(Missing):
            raise ValueError(f"missing={missing!r}: must be one of {', '.join(map(repr, get_args(Missing)))}")
        place = Place.of(own, namespace, cluster_domain)
        self.environment = place.environment
        if clock is not None:
            self.clock = clock
        self.questions: list[Question] = []
        self.undeclared: list[str] = []
        self._declared = Declared(place)
        self._is_strict = missing == "error"
        self._asked = threading.Condition(LOCK)
        self._settings: list[Setting[Resolver | AsyncResolver]] = []
        for service, state in (services or {}).items():
            self[service] = state

    def __setitem__(self, service: str, state: State) -> None:
        """Declare a Service, or scale the one with this name."""
        self.script(service, [state])

    def __delitem__(self, service: str) -> None:
        """Delete a Service: from now on DNS denies its name.

        Raises:
            KeyError: it is not declared.
        """
        with self._asked:
            self._declared.delete(service)

    def script(self, service: str, states: Iterable[State]) -> None:
        """Declare what a Service goes through: each lookup sees the next state, and the last one stays.

        Raises:
            ValueError: there is no state, or one is neither Pods nor a reason to fail.
        """
        with self._asked:
            self._declared.declare(service, states)

    def cluster_ip(self, service: str, address: str) -> None:
        """Declare a Service that is not headless."""
        with self._asked:
            self._declared.declare(service, [[address]], cluster_ip=address)

    def fail(self, service: str, reason: Reason = "timeout") -> None:
        """Let every lookup of a Service fail, until `heal`; it need not be declared.

        Args:
            service: any form of its name.
            reason: as in `LookupFailed.reason`.

        Raises:
            ValueError: there is no such reason.
        """
        with self._asked:
            self._declared.fail(service, reason)

    def heal(self, service: str) -> None:
        """End what `fail` began."""
        with self._asked:
            self._declared.heal(service)

    def wait_for_questions(self, count: int, *, timeout: float = 10.0) -> None:
        """Block until so many questions have been asked.

        Args:
            count: how many, in all.
            timeout: real seconds.

        Raises:
            TimeoutError: fewer were asked.
        """
        with self._asked:
            if not self._asked.wait_for(lambda: len(self.questions) >= count, timeout):
                raise TimeoutError(f"{len(self.questions)} of {count} questions were asked within {timeout} s")

    def lookup(self, question: Question, timeout: float) -> Answer:  # noqa: ARG002 - it answers at once
        """Answer one question, at once.

        Raises:
            LookupFailed: the test wants it so.
            UndeclaredService: the Service was never declared.
        """
        with self._asked:
            self.questions.append(question)
            self._asked.notify_all()
            answer = self._declared.answer(question)
            if answer is None and self._is_strict:
                service = self._declared.service_of(question.name)
                if service not in self.undeclared:
                    self.undeclared.append(service)
                raise UndeclaredService([service], self._declared.services)
        return Answer(Outcome.NXDOMAIN) if answer is None else answer

    async def alookup(self, question: Question, timeout: float) -> Answer:  # noqa: ASYNC109 - the twin of `lookup`
        """Answer one question, as `lookup` does."""
        return self.lookup(question, timeout)

    def __enter__(self) -> Self:
        self._settings.append(default_resolver.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the block.

        Raises:
            UndeclaredService: somebody looked up what is not declared. An exception that ends the block anyway gets a
                note instead.
        """
        here = [setting for setting in self._settings if default_resolver.is_set_here(setting)]
        setting = (here or self._settings)[-1]
        self._settings.remove(setting)
        default_resolver.reset(setting)
        named = error.services if isinstance(error, UndeclaredService) else ()
        with self._asked:
            services = [service for service in self.undeclared if service not in named]
            self.undeclared.clear()
            undeclared = UndeclaredService(services, self._declared.services)
        if not services:
            return
        if error is None:
            raise undeclared
        error.add_note(f"In the block of this FakeResolver, Services were {undeclared}")
