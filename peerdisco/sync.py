"""Discovery for threads: `discover_peers` and `PeerWatcher`."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self, Unpack

from peerdisco._core.listing import Listing
from peerdisco._core.waiting import check_wait, waits
from peerdisco._core.watcher import Callback, ChangeCursor
from peerdisco._dns.blocking import drive
from peerdisco._options import showing
from peerdisco._poll_thread import PollThread
from peerdisco._service import LookupRun, ServiceLookup, one_shot
from peerdisco.config import DiscoveryConfig, LookupOptions, Options
from peerdisco.errors import LookupFailed
from peerdisco.peers import Change, PeerSet, Status
from peerdisco.resolvers import Resolver

_JOIN = 0.09


@showing(LookupOptions)
def discover_peers(
    service: str | DiscoveryConfig, *, resolver: Resolver | None = None, **options: Unpack[LookupOptions]
) -> PeerSet:
    """Looks a headless Service up, once and now: every Pod behind it but this one.

    See https://kubernetes.io/docs/concepts/services-networking/service/#headless-services.

    Args:
        service: `svc`, `svc.ns`, `svc.ns.svc`, a full name with or without the final dot, or a `DiscoveryConfig`.
        resolver: answers instead of DNS.
        options: as in `DiscoveryConfig`; they go over what a config given as `service` says.

    Returns:
        The peers, sorted by address; empty, and its `outcome` says why, where nobody is ready or the name is a typo.

    Raises:
        ConfigError: an option can't be right, or the environment do not say enough; nothing was sent.
        LookupFailed: DNS could not say within `timeout` seconds.
        NotHeadlessError: the Service has a ClusterIP.
    """
    lookup = one_shot(service, resolver, options, "lookup")
    return lookup.peers(run_lookup(lookup.begin()))


def run_lookup(run: LookupRun) -> Listing:
    """Look the Service up once."""
    answer = run.ask(run.opening)
    listing = run.ordinary(answer)
    return drive(run.rest(answer), run.ask, LookupFailed) if listing is None else listing


class PeerWatcher:
    """Keeps the list of a headless Service's Pods current, in a daemon thread.

    ```python
    with PeerWatcher("test-cs-svc", refresh=5) as watcher:
        watcher.wait_for(2, timeout=60)
        for peer in watcher.peers: ...
    ```

    It works on in the child of a fork, and stops when nobody holds it any more.

    Args:
        service: `svc`, `svc.ns`, `svc.ns.svc`, a full name with or without the final dot, or a `DiscoveryConfig`.
        resolver: answers instead of DNS.
        options: as in `DiscoveryConfig`.

    Raises:
        ConfigError: an option can't be right, or the environment do not say enough.
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

    @property
    def peers(self) -> PeerSet:
        """Everyone but oneself, as last known: an immutable snapshot, never a lookup, never a wait.

        Before the first lookup has ended, and before `start`, it is empty and its outcome is `PENDING`.
        """
        return self._watch.roster.peers

    @property
    def status(self) -> Status:
        """How the watcher is doing."""
        return self._watch.status()

    def start(self) -> Self:
        """Starts the thread; a second call changes nothing.

        Raises:
            RuntimeError: the watcher is closed.
        """
        self._watch.check_open()
        self._runner.start_once()
        return self

    def close(self) -> None:
        """Stops, within 100 ms even in the middle of a lookup; a second call changes nothing.

        Only a lookup by a resolver that was given can last longer; the thread ends with it.
        """
        self._stop()
        self._runner.join()

    def refresh(self) -> PeerSet:
        """Looks up now, whatever the schedule says, and returns the list.

        Raises:
            LookupFailed: DNS could not say; the list stays.
            NotHeadlessError: the Service has a ClusterIP; the list stays.
            RuntimeError: the watcher is closed.
        """
        self._watch.check_open()
        try:
            error = self._runner.refresh()
        finally:
            self._runner.wake.set()  # the next lookup may be due sooner now
        if error is not None:
            self._watch.check_open()
            try:
                raise error
            finally:
                del error  # it holds this frame
        return self.peers

    def wait_for(self, count: int = 1, *, timeout: float | None = None, stable_for: float = 0) -> PeerSet:
        """Blocks until DNS lists so many peers, oneself not counted.

        Args:
            count: how many at least; 0 waits for the first answer alone.
            timeout: seconds; None waits as long as it takes.
            stable_for: seconds that the list must have been the same.

        Raises:
            PeersNotReady: they are not there in time, or the watcher was closed; the message says the likeliest cause.
            ConfigError: an argument can't be right.
            RuntimeError: the watcher does not run, or this is its own thread.
        """
        check_wait(count, timeout, stable_for)
        self._runner.check_may_wait()
        with self._runner.listening() as pause:
            steps = waits(self._watch, count, timeout, stable_for)
            self._runner.wake.set()
            return drive(steps, pause, ())

    def changes(self) -> Iterator[Change]:
        """Everything that happens to the list: first everyone who is listed already, then each change, until `close`.

        Who takes their time gets what happened meanwhile as one change.

        Raises:
            RuntimeError: the watcher does not run.
        """
        self._runner.check_may_wait()
        return self._changes()

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Has `callback` called with each Change, first with everyone who is listed already, in the watcher's thread.

        An error that it raises is logged.

        Returns:
            A call that ends it.

        Raises:
            RuntimeError: the watcher is closed.
        """
        unsubscribe = self._watch.subscribe(callback)
        self._runner.wake.set()
        return unsubscribe

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _changes(self) -> Iterator[Change]:
        reader = ChangeCursor()
        with self._runner.listening() as pause:
            while not self._watch.stopping:
                change = reader.catch_up(self.peers)
                if change is None:
                    pause(None)
                else:
                    yield change
