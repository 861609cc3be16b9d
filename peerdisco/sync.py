"""Discovery for threads: `discover_peers` and `PeerWatcher`."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self, Unpack

from peerdisco._core.callables import is_coroutine_function
from peerdisco._core.listing import Listing
from peerdisco._core.subscribers import Callback, ChangeCursor
from peerdisco._core.waiting import checked_wait, waits
from peerdisco._dns.blocking import drive
from peerdisco._options import showing
from peerdisco._poll_thread import PollThread
from peerdisco._service import LookupRun, ServiceLookup, one_shot
from peerdisco.config import DiscoveryConfig, LookupOptions, Options
from peerdisco.errors import ConfigError, LookupFailed
from peerdisco.peers import Change, PeerSet, Status
from peerdisco.resolvers import Resolver


@showing(LookupOptions)
def discover_peers(
    service: str | DiscoveryConfig, *, resolver: Resolver | None = None, **options: Unpack[LookupOptions]
) -> PeerSet:
    """Look up a headless Service once and return every other Pod behind it.

    See https://kubernetes.io/docs/concepts/services-networking/service/#headless-services.

    Args:
        service: `svc`, `svc.ns`, `svc.ns.svc`, a full name with or without the final dot, or a `DiscoveryConfig`.
        resolver: answers instead of DNS.
        options: as in `DiscoveryConfig`; an option that is given overrides that of a config.

    Returns:
        The peers, sorted by address. If no other Pod is ready, or the name has a typo, the list is empty, and its
        `outcome` says why.

    Raises:
        ConfigError: An option is invalid or the namespace can't be determined. No query was sent.
        LookupFailed: DNS gave no answer within `timeout` seconds.
        NotHeadlessError: The Service has a ClusterIP.
    """
    lookup = one_shot(service, resolver, options, "lookup")
    return lookup.peers(run_lookup(lookup.begin()))


def run_lookup(run: LookupRun) -> Listing:
    """Look the Service up once.

    Raises:
        RuntimeError: A resolver raised StopIteration, which would end a caller's loop in silence (PEP 479).
    """
    try:
        answer = run.ask(run.opening)
        listing = run.ordinary(answer)
        return drive(run.rest(answer), run.ask, LookupFailed) if listing is None else listing
    except StopIteration as error:
        run.abandon()
        raise RuntimeError("the resolver raised StopIteration") from error
    except BaseException:
        run.abandon()
        raise


class PeerWatcher:
    """Keep the list of a headless Service's Pods current, in a daemon thread.

    ```python
    with PeerWatcher("test-cs-svc", refresh=5) as watcher:
        watcher.wait_for(2, timeout=60)
        for peer in watcher.peers: ...
    ```

    Keeps running in a forked child; stops when it is garbage-collected.

    Args:
        service: `svc`, `svc.ns`, `svc.ns.svc`, a full name with or without the final dot, or a `DiscoveryConfig`.
        resolver: answers instead of DNS.
        options: as in `DiscoveryConfig`.

    Raises:
        ConfigError: An option is invalid or the namespace can't be determined.
    """

    @showing(Options)
    def __init__(
        self, service: str | DiscoveryConfig, *, resolver: Resolver | None = None, **options: Unpack[Options]
    ) -> None:
        self._runner = PollThread(
            ServiceLookup(DiscoveryConfig.of(service, options), resolver, "lookup"), run_lookup, random.random
        )
        self._watch = self._runner.watch
        self._stop = weakref.finalize(self, self._runner.stop)

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
        """Start the thread; a second call changes nothing.

        Raises:
            RuntimeError: The watcher is closed.
        """
        self._watch.check_open()
        self._runner.start_once()
        return self

    def close(self) -> None:
        """Stop, within 100 ms even in the middle of a lookup; a second call changes nothing.

        Only a lookup by a resolver that was given can last longer; the thread ends with it.
        """
        self._stop()
        self._runner.join()
        self._watch.on_close()

    def refresh(self) -> PeerSet:
        """Look up now, whatever the schedule says, and return the list.

        Raises:
            LookupFailed: DNS gave no answer; the list stays.
            NotHeadlessError: The Service has a ClusterIP; the list stays.
            RuntimeError: The watcher is closed.
        """
        self._watch.check_open()
        due_at = self._watch.next_at
        try:
            error = self._runner.refresh()
        finally:
            if self._watch.next_at < due_at:  # else the thread wakes early enough by itself
                self._runner.wake.set()
        if error is not None:
            self._watch.check_open()
            try:
                raise error
            finally:
                del error  # it holds this frame
        return self.peers

    def wait_for(
        self,
        count: int | None = None,
        *,
        replicas: int | None = None,
        timeout: float | None = None,
        stable_for: float = 0,
    ) -> PeerSet:
        """Block until DNS lists enough peers, or enough replicas.

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
            RuntimeError: The watcher does not run, or this is its own thread.
        """
        wanted = checked_wait(self._watch.lookup.config, count, replicas, timeout, stable_for)
        self._runner.check_may_wait()
        with self._runner.listening() as pause:
            steps = waits(self._watch, wanted)
            self._runner.wake.set()
            return drive(steps, pause, ())

    def changes(self) -> Iterator[Change]:
        """Yield each change: the first adds every peer that is listed already; the stream ends with `close`.

        If you fall behind, pending changes are merged into one.

        Raises:
            RuntimeError: The watcher does not run.
        """
        self._runner.check_may_wait()
        return self._changes()

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call `callback` with each Change, in the watcher's thread; the first adds every peer that is listed already.

        An exception that it raises is logged.

        Returns:
            A call that unsubscribes.

        Raises:
            ConfigError: It can't be called, or is a coroutine function.
            RuntimeError: The watcher is closed.
        """
        if is_coroutine_function(callback):
            raise ConfigError("callback", callback, "is a coroutine function, which only AsyncPeerWatcher awaits")
        unsubscribe = self._watch.subscribe(callback)
        self._runner.wake.set()
        return unsubscribe

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _snapshots(self) -> Iterator[PeerSet]:
        """Return the list as it is, then again whenever list, outcome or staleness changes, until `close`."""
        seen: PeerSet | None = None
        with self._runner.listening() as pause:
            while not self._watch.stopping:
                peers = self.peers
                if seen is not None and seen._is_unchanged(peers):
                    pause(None)
                else:
                    seen = peers
                    yield peers

    def _changes(self) -> Iterator[Change]:
        reader = ChangeCursor()
        with self._runner.listening() as pause:
            while not self._watch.stopping:
                change = reader.catch_up(self.peers)
                if change is None:
                    pause(None)
                else:
                    yield change
