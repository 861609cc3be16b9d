"""Discovery for asyncio: `adiscover_peers` and `AsyncPeerWatcher`."""

from __future__ import annotations

import random
import weakref
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self, Unpack

from peerdisco._core.listing import Listing
from peerdisco._core.subscribers import Callback, ChangeCursor
from peerdisco._core.waiting import checked_wait, waits
from peerdisco._dns.asynchronous import drive
from peerdisco._options import showing
from peerdisco._poll_task import PollTask
from peerdisco._service import LookupRun, ServiceLookup, one_shot
from peerdisco.config import DiscoveryConfig, LookupOptions, Options
from peerdisco.errors import LookupFailed
from peerdisco.peers import Change, PeerSet, Status
from peerdisco.resolvers import AsyncResolver


@showing(LookupOptions)
async def adiscover_peers(
    service: str | DiscoveryConfig, *, resolver: AsyncResolver | None = None, **options: Unpack[LookupOptions]
) -> PeerSet:
    """Look up a headless Service once, without blocking the event loop.

    The twin of `peerdisco.discover_peers`: same arguments, same result, same errors.
    """
    lookup = one_shot(service, resolver, options, "alookup")
    return lookup.peers(await run_lookup(lookup.begin()))


async def run_lookup(run: LookupRun) -> Listing:
    """Look the Service up once."""
    try:
        answer = await run.aask(run.opening)
        listing = run.ordinary(answer)
        return await drive(run.rest(answer), run.aask, LookupFailed) if listing is None else listing
    except BaseException:
        run.abandon()
        raise


class AsyncPeerWatcher:
    """Keep the list of a headless Service's Pods current, in an asyncio task.

    ```python
    async with AsyncPeerWatcher("test-cs-svc") as watcher:
        await watcher.wait_for(2, timeout=60)
        async for change in watcher.changes(): ...
    ```

    Belongs to the event loop in which it is started; stops when it is garbage-collected.

    Args:
        service: `svc`, `svc.ns`, `svc.ns.svc`, a full name with or without the final dot, or a `DiscoveryConfig`.
        resolver: answers instead of DNS.
        options: as in `DiscoveryConfig`.

    Raises:
        ConfigError: An option is invalid or the namespace can't be determined.
    """

    @showing(Options)
    def __init__(
        self, service: str | DiscoveryConfig, *, resolver: AsyncResolver | None = None, **options: Unpack[Options]
    ) -> None:
        self._runner = PollTask(
            ServiceLookup(DiscoveryConfig.of(service, options), resolver, "alookup"), run_lookup, random.random
        )
        self._watch = self._runner.watch
        weakref.finalize(self, self._runner.forget).atexit = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._watch.lookup.service}, {self._watch.condition}: {self.peers!r}>"

    @property
    def peers(self) -> PeerSet:
        """Every other Pod, as last known: an immutable snapshot, never a lookup, never a wait.

        Before the first lookup has ended, and before `start`, it is empty and its outcome is `PENDING`.
        """
        return self._watch.roster.peers

    @property
    def status(self) -> Status:
        """How the watcher is doing."""
        return self._watch.status()

    def start(self) -> Self:
        """Start the task; a second call changes nothing.

        Raises:
            RuntimeError: The watcher is closed, no event loop runs, or it runs in another one.
        """
        self._watch.check_open()
        if self._watch.running:
            self._runner.check_loop()
        else:
            self._runner.start()
        return self

    async def aclose(self) -> None:
        """Stop, even in the middle of a lookup; a second call changes nothing.

        Raises:
            RuntimeError: It runs in another event loop.
        """
        await self._runner.stop()
        self._watch.on_close()

    async def refresh(self) -> PeerSet:
        """Look up now, whatever the schedule says, and return the list.

        Raises:
            LookupFailed: DNS gave no answer; the list stays.
            NotHeadlessError: The Service has a ClusterIP; the list stays.
            RuntimeError: The watcher is closed, or runs in another event loop.
        """
        self._watch.check_open()
        self._runner.check_loop()
        due_at = self._watch.next_at
        try:
            error = await self._runner.refresh()
        finally:
            if self._watch.next_at < due_at:  # else the task wakes early enough by itself
                self._runner.wake.set()
        if error is not None:
            self._watch.check_open()
            try:
                raise error
            finally:
                del error  # it holds this frame
        return self.peers

    async def wait_for(
        self,
        count: int | None = None,
        *,
        replicas: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in PeerWatcher
        stable_for: float = 0,
    ) -> PeerSet:
        """Wait until DNS lists enough peers, or enough replicas.

        Without `count` and `replicas` it waits for one peer.

        Args:
            count: how many peers at least, this Pod not counted; 0 waits for the first answer alone.
            replicas: how many members at least, this Pod listed among them. In a readiness probe or an init container
                of the same Pod this never ends, unless the Service has `publishNotReadyAddresses: true`: DNS lists a
                Pod once it is ready.
            timeout: seconds; None waits for as long as it takes.
            stable_for: seconds that the list, with this Pod on it or not, must have been the same.

        Returns:
            The list that was waited for.

        Raises:
            PeersNotReady: The time is up, or the watcher was closed; the message names the likeliest cause.
            ConfigError: An argument is invalid.
            RuntimeError: The watcher does not run, or runs in another event loop.
        """
        wanted = checked_wait(self._watch.lookup.config, count, replicas, timeout, stable_for)
        self._watch.check_running()
        self._runner.check_loop()
        with self._runner.listening() as pause:
            steps = waits(self._watch, wanted)
            self._runner.wake.set()
            return await drive(steps, pause, ())

    def changes(self) -> AsyncIterator[Change]:
        """Yield each change: the first adds every peer that is listed already; the stream ends with `aclose`.

        If you fall behind, pending changes are merged into one.

        Raises:
            RuntimeError: The watcher does not run, or runs in another event loop.
        """
        self._watch.check_running()
        self._runner.check_loop()
        return self._changes()

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call `callback` with each Change, in the event loop; the first adds every peer that is listed already.

        A coroutine function is awaited beside the lookups, one call at a time; changes that come meanwhile are merged
        into one. An exception is logged. The watcher holds the callback and so, if it is a bound method, its object.

        Returns:
            A call that unsubscribes.

        Raises:
            ConfigError: It can't be called.
            RuntimeError: The watcher is closed, or runs in another event loop.
        """
        self._runner.check_loop()
        unsubscribe = self._watch.subscribe(callback)
        self._runner.wake.set()
        return unsubscribe

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _changes(self) -> AsyncIterator[Change]:
        reader = ChangeCursor()
        with self._runner.listening() as pause:
            while not self._watch.stopping:
                change = reader.catch_up(self.peers)
                if change is None:
                    await pause(None)
                else:
                    yield change
