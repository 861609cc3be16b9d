"""What answers questions: DNS (`DnsResolver`), a fixed list (`StaticResolver`), or a resolver of your own."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from peerdisco._core import names
from peerdisco._core.addresses import pack_ips, text_of
from peerdisco._core.defaults import ProcessDefault
from peerdisco._dns import blocking
from peerdisco._dns.exchange import ResolverState, opening
from peerdisco._dns.lookup import Lookup
from peerdisco._dns.memory import ServerMemory
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.sockets import MOST_IDLE, Sent, SocketPool
from peerdisco.answers import Answer, Question
from peerdisco.clock import SYSTEM_CLOCK, Clock
from peerdisco.config import DEFAULT_RESOLV_CONF, parse_nameservers
from peerdisco.environment import HOST_ENVIRONMENT, Environment, HostEnvironment, StaticEnvironment
from peerdisco.errors import Attempt, ConfigError, LookupFailed


@runtime_checkable
class Resolver(Protocol):
    """Answers questions. A resolver of your own needs this one method; `Answer.of` makes the answer from a list.

    It may also bring a `clock` (`BringsClock`) and an `environment` (`BringsEnvironment`).
    """

    def lookup(self, question: Question, timeout: float) -> Answer:
        """Answer one question.

        Args:
            question: an absolute name and a type: A or AAAA for the list, and at times SRV or PTR.
            timeout: seconds to answer in.

        Raises:
            LookupFailed: There was no answer. That no Pod is there is an answer.
        """


@runtime_checkable
class AsyncResolver(Protocol):
    """Answers questions, for asyncio."""

    async def alookup(self, question: Question, timeout: float) -> Answer:  # noqa: ASYNC109 - the twin of `lookup`
        """Answer one question, as `Resolver.lookup` does."""


@runtime_checkable
class BringsClock(Protocol):
    """A resolver that brings the clock of the calls and watchers that use it, as a fake does."""

    clock: Clock


@runtime_checkable
class BringsEnvironment(Protocol):
    """A resolver that brings the environment of what uses it, as a fake does; then nothing of the host is read."""

    @property
    def environment(self) -> Environment:
        """Where lookups are made from."""


default_resolver: ProcessDefault[Resolver | AsyncResolver] = ProcessDefault("peerdisco.resolver")
"""The resolver of calls that are given none, in every thread; DNS while none is set."""


# What is known of nameservers, for all resolvers of the process: many live for a single question.
_memory = ServerMemory()
_new_id = partial(os.urandom, 2)


def _follows(name: str, alias: str) -> bool:
    return not names.leaves_cluster(name, alias)


def environment_of(resolver: object) -> Environment:
    """Return the environment that a resolver brings, else this host's."""
    # Not by `isinstance`, which takes longer for a protocol than all the rest of what is set up for a lookup.
    brought: Environment | None = getattr(resolver, "environment", None)
    return HOST_ENVIRONMENT if brought is None else brought


def clock_of(resolver: object) -> Clock:
    """Return the clock that a resolver brings, else the system's."""
    brought: Clock | None = getattr(resolver, "clock", None)
    return SYSTEM_CLOCK if brought is None else brought


class DnsResolver:
    """Asks nameservers: over UDP, over TCP if the answer did not fit (RFC 7766), and again while there is time.

    Its TCP connections are kept open between lookups. It may be used from many threads and event loops at once, and
    after a fork.

    Args:
        nameservers: `"10.96.0.10"`, `"127.0.0.1:5353"`, `"[::1]:53"`, one or several. Default: from resolv.conf.
        resolv_conf: path of resolv.conf(5); read again when it changes. Default: `/etc/resolv.conf`. If it is given,
            namespace and cluster domain come from its search list.
        keep_connections: False closes each TCP connection after its answer, so that no descriptor stays open.
        environment: the host whose files are read.
        clock: monotonic seconds.
        rng: makes a number from 0 to 1.

    Raises:
        ConfigError: A nameserver is invalid, or resolv.conf can't be read or names no nameserver.
    """

    def __init__(
        self,
        nameservers: str | Iterable[str] | Iterable[Nameserver] | None = None,
        *,
        resolv_conf: str | os.PathLike[str] | None = None,
        keep_connections: bool = True,
        environment: HostEnvironment = HOST_ENVIRONMENT,
        clock: Callable[[], float] = time.monotonic,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._given = None if nameservers is None else parse_nameservers(nameservers)
        self._resolv_conf = os.fspath(resolv_conf) if resolv_conf else None
        self._host = environment
        # Another clock has other times, so what was learnt by it is of no use to the rest of the process.
        memory = _memory if clock is time.monotonic else ServerMemory()
        self._state = ResolverState(clock, rng, _new_id, _follows, memory, {}, {})
        self._pool = SocketPool(MOST_IDLE if keep_connections else 0)
        self._latest: Lookup | None = None
        if self._given is None:
            self._read_nameservers()

    @cached_property
    def environment(self) -> Environment:
        """Where lookups are made from: this host, with the resolv.conf that was given."""
        return self._host if self._resolv_conf is None else self._host.reading(self._resolv_conf)

    @property
    def ignored_replies(self) -> int:
        """How many replies over UDP were ignored, since they were not to the query (RFC 5452 section 9.1)."""
        return self._pool.ignored

    def lookup(self, question: Question, timeout: float, *, retry: bool = True) -> Answer:
        """Answer one question.

        Args:
            question: an absolute name and a type.
            timeout: seconds for everything, retries included.
            retry: False to ask each server once at most.

        Raises:
            LookupFailed: No server answered.
        """
        return self._lookup_sent(question, timeout, retry=retry)

    async def alookup(
        self,
        question: Question,
        timeout: float,  # noqa: ASYNC109 - the twin of `lookup`
        *,
        retry: bool = True,
    ) -> Answer:
        """Answer one question, as `lookup` does, without blocking the event loop."""
        return await self._alookup_sent(question, timeout, retry=retry)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What failed so far in the lookup that was begun last: for messages about a lookup that takes long."""
        return self._latest.attempts if self._latest else ()

    @property
    def answered_by(self) -> str:
        """The nameserver that replied last in the lookup that was begun last; empty where none did."""
        server = self._latest.answered_by if self._latest else None
        return str(server or "")

    def close(self) -> None:
        """Close its connections. A lookup under way in another thread ends at once with RuntimeError."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send_first(self, question: Question, timeout: float) -> Sent | None:
        """Send the first query of a lookup, so that what else there is to do is done while the reply is on its way.

        Args:
            question: what the lookup asks.
            timeout: seconds for the whole lookup.

        Returns:
            What `_lookup_sent` or `_alookup_sent` goes on from; None where they begin themselves.
        """
        try:
            exchange = opening(question, self._servers(question), timeout, self._state)
            return Sent(exchange, self._pool.send(exchange))
        except (LookupFailed, OSError):
            return None  # the lookup finds the same, and says so

    def _lookup_sent(
        self, question: Question, timeout: float, sent: Sent | None = None, *, retry: bool = True
    ) -> Answer:
        """Answer one question, as `lookup` does; its first query may have been sent."""
        return blocking.lookup(self._begin(question, timeout, sent, retry=retry), self._pool, sent)

    async def _alookup_sent(
        self,
        question: Question,
        timeout: float,  # noqa: ASYNC109 - the twin of `_lookup_sent`
        sent: Sent | None = None,
        *,
        retry: bool = True,
    ) -> Answer:
        """Answer one question, as `_lookup_sent` does."""
        from peerdisco._dns import asynchronous

        return await asynchronous.lookup(self._begin(question, timeout, sent, retry=retry), self._pool, sent)

    def _begin(self, question: Question, timeout: float, sent: Sent | None, *, retry: bool) -> Lookup:
        begun = sent and sent.exchange
        try:
            run = Lookup(question, self._servers(question), timeout, self._state, retry=retry, opening=begun)
        except BaseException:  # resolv.conf may be gone since the query was sent
            if sent is not None:
                sent.sock.close()
            raise
        self._latest = run
        return run

    def _servers(self, question: Question) -> tuple[Nameserver, ...]:
        try:
            return self._given or self._read_nameservers()
        except ConfigError as error:  # it was there when this resolver was made, and may come back
            attempt = Attempt(str(error.value), "", "no_nameserver", error.problem.partition(";")[0])
            raise LookupFailed(question, "no_nameserver", (attempt,)) from error

    def _read_nameservers(self) -> tuple[Nameserver, ...]:
        return self._host.nameservers(self._resolv_conf or DEFAULT_RESOLV_CONF)


class StaticResolver:
    """Answers every question for addresses with the same list: for running outside a cluster.

    The namespace is `default` and the cluster domain `cluster.local`, whatever the host says.

    Args:
        ips: every replica's address, this one's included; text with commas or blanks between them, or an iterable.

    Raises:
        ConfigError: One of them is no IP address, or there is none.
    """

    environment: Environment = StaticEnvironment()

    def __init__(self, ips: str | Iterable[str]) -> None:
        text = ips if isinstance(ips, str) else ",".join(map(str, ips))
        try:
            self._ips = tuple(map(text_of, pack_ips(text)))
        except ValueError as error:
            raise ConfigError("ips", ips, str(error)) from error

    def lookup(self, question: Question, timeout: float) -> Answer:  # noqa: ARG002 - it answers at once
        """Answer one question."""
        return Answer.of(question, self._ips)

    async def alookup(self, question: Question, timeout: float) -> Answer:  # noqa: ASYNC109 - the twin of `lookup`
        """Answer one question."""
        return self.lookup(question, timeout)
