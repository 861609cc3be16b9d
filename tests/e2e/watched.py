"""Watchers of sync and async, with the time of all that happens to them: tests wait for that, and never for a clock."""

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Unpack

from peerdisco import Answer, AsyncPeerWatcher, Change, DnsResolver, LookupFailed, PeerSet, PeerWatcher, Question
from peerdisco._core.addresses import pack_ips, text_of
from peerdisco.config import Options
from peerdisco.environment import StaticEnvironment
from tests.e2e.timeline import History

DEADLINE = 60.0  # seconds
OWN = "10.250.0.1"  # listed nowhere


class Ended(NamedTuple):
    """A question that was put: when that ended, to which server, and what came back; None where it failed."""

    when: float
    question: Question
    server: int
    answer: Answer | None


class Watched:
    """A watcher of one driver, seen from any other thread.

    Attributes:
        name: which driver.
        listed: who was listed, from when.
        lookups: each lookup that has ended.
        peers: makes the list as it is now.
        refresh: looks up now.
    """

    peers: Callable[[], PeerSet]
    refresh: Callable[[], PeerSet]

    def __init__(self, name: str) -> None:
        self.name = name
        self.listed: History = []
        self.lookups: list[Ended] = []
        self._changed = threading.Condition()

    def note_change(self, change: Change) -> None:
        """Notes what is listed from now on."""
        with self._changed:
            self.listed.append((time.monotonic(), frozenset(change.peers.ips)))
            self._changed.notify_all()

    def note_lookup(self, ended: Ended) -> None:
        """Notes that a lookup has ended."""
        with self._changed:
            self.lookups.append(ended)
            self._changed.notify_all()

    def now(self) -> frozenset[str]:
        """Who is listed."""
        return self.listed[-1][1] if self.listed else frozenset()

    def answers(self) -> History:
        """Whom each lookup that was answered found."""
        return [
            (ended.when, frozenset(map(text_of, ended.answer.addresses)))
            for ended in self.lookups
            if ended.answer and ended.question.rtype == "A"
        ]

    def until_listed(self, ips: Iterable[str]) -> None:
        """Blocks until exactly these are listed."""
        wanted = frozenset(ips)
        self._until(lambda: self.now() == wanted, f"not {sorted(wanted)}")

    def until_looked_up(self, times: int, *, answered: bool = True) -> None:
        """Blocks until so many further lookups have come to an answer, or to none, and the list says so."""
        since = len(self.lookups)
        wanted = times + 1  # what the last one means is known when the next one has ended

        def happened() -> bool:
            return sum((ended.answer is not None) is answered for ended in self.lookups[since:]) >= wanted

        self._until(happened, f"not {times} lookups more")

    def until_refused_or_listed(self, times: int, ips: Iterable[str]) -> None:
        """Blocks until so many further lookups have come to no answer, or until exactly these are listed."""
        since, wanted = len(self.lookups), frozenset(ips)

        def happened() -> bool:
            refused = sum(ended.answer is None for ended in self.lookups[since:])
            return refused > times or self.now() == wanted  # what the last one means is known when the next has ended

        self._until(happened, f"neither {times} lookups without an answer nor the list")

    def _until(self, happened: Callable[[], bool], otherwise: str) -> None:
        with self._changed:
            if not self._changed.wait_for(happened, DEADLINE):
                raise TimeoutError(f"{self.name}: {otherwise}, but {sorted(self.now())}")


class Asker:
    """A resolver that asks one of several servers at random, as a Service of DNS replicas does, and notes the end."""

    def __init__(self, watched: Watched, *nameservers: str, seed: int = 0) -> None:
        self.environment = StaticEnvironment(pack_ips(OWN))
        self._watched = watched
        self._resolvers = [DnsResolver(nameserver) for nameserver in nameservers]
        self._rng = random.Random(seed)

    def lookup(self, question: Question, timeout: float) -> Answer:
        """Answers one question."""
        with self._noted(question) as (resolver, note):
            return note(resolver.lookup(question, timeout))

    async def alookup(self, question: Question, timeout: float) -> Answer:  # noqa: ASYNC109 - the twin of `lookup`
        """Answers one question."""
        with self._noted(question) as (resolver, note):
            return note(await resolver.alookup(question, timeout))

    def close(self) -> None:
        """Closes all sockets."""
        for resolver in self._resolvers:
            resolver.close()

    @contextlib.contextmanager
    def _noted(self, question: Question) -> Iterator[tuple[DnsResolver, Callable[[Answer], Answer]]]:
        server = self._rng.randrange(len(self._resolvers))

        def note(answer: Answer) -> Answer:
            self._watched.note_lookup(Ended(time.monotonic(), question, server, answer))
            return answer

        try:
            yield self._resolvers[server], note
        except LookupFailed:
            self._watched.note_lookup(Ended(time.monotonic(), question, server, None))
            raise


@contextlib.contextmanager
def watching(service: str, *servers: str, **options: Unpack[Options]) -> Iterator[list[Watched]]:
    """A PeerWatcher and an AsyncPeerWatcher, side by side."""
    with in_a_thread(service, *servers, **options) as first, in_a_loop(service, *servers, **options) as second:
        yield [first, second]


@contextlib.contextmanager
def in_a_thread(service: str, *servers: str, seed: int = 0, **options: Unpack[Options]) -> Iterator[Watched]:
    """A PeerWatcher."""
    watched = Watched("PeerWatcher")
    with contextlib.closing(Asker(watched, *servers, seed=seed)) as asker:
        watcher = PeerWatcher(service, resolver=asker, **options)
        watched.peers, watched.refresh = lambda: watcher.peers, watcher.refresh
        watcher.subscribe(watched.note_change)
        with watcher:
            yield watched


@contextlib.contextmanager
def in_a_loop(service: str, *servers: str, seed: int = 0, **options: Unpack[Options]) -> Iterator[Watched]:
    """An AsyncPeerWatcher, in an event loop of its own."""
    watched = Watched("AsyncPeerWatcher")
    with contextlib.closing(Asker(watched, *servers, seed=seed)) as asker, _loop() as loop:
        watcher = AsyncPeerWatcher(service, resolver=asker, **options)

        def refresh() -> PeerSet:
            return asyncio.run_coroutine_threadsafe(watcher.refresh(), loop).result(DEADLINE)

        watched.peers, watched.refresh = lambda: watcher.peers, refresh
        watcher.subscribe(watched.note_change)
        asyncio.run_coroutine_threadsafe(watcher.__aenter__(), loop).result(DEADLINE)
        try:
            yield watched
        finally:
            asyncio.run_coroutine_threadsafe(watcher.aclose(), loop).result(DEADLINE)


@contextlib.contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
