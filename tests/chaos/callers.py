"""What a process does with the library, all at once: single lookups, watchers, streams of changes, cancelled tasks."""

from __future__ import annotations

import asyncio
import faulthandler
import random
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from peerdisco import AsyncPeerWatcher, Change, LookupFailed, PeerSet, PeerWatcher, adiscover_peers, discover_peers
from tests.chaos.laws import Bounds, Ledger

WATCHER: dict[str, Any] = {"refresh": 0.1, "timeout": 0.6, "max_backoff": 0.5, "max_fleet_qps": 100_000}
LONGEST_PAUSE = 0.1
KINDS: tuple[dict[str, Any], ...] = ({}, {}, {"port": "http"}, {"family": "both"}, {"hostnames": True})


class Target:
    """A Service behind a nameserver.

    Args:
        address: the nameserver's.
        bounds: what it may list.
    """

    def __init__(self, address: str, bounds: Bounds) -> None:
        self.bounds = bounds
        self.name = "svc.default.svc.cluster.local."
        self.options: dict[str, Any] = {"nameservers": address, "own_ips": bounds.own}


class Callers:
    """Threads and tasks that look up until they are stopped.

    Args:
        targets: what to ask.
        ledger: where to write what was seen.
        seed: of pauses and options.
    """

    def __init__(self, targets: Sequence[Target], ledger: Ledger, seed: int) -> None:
        self._targets, self._ledger = targets, ledger
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.watchers: list[tuple[Target, PeerWatcher | AsyncPeerWatcher]] = []
        self._asking: set[asyncio.Task[PeerSet]] = set()
        self._kept: set[asyncio.Task[Any]] = set()
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(self._on_loop_trouble)

    def start(self) -> None:
        """Start everything."""
        self._spawn(self.loop.run_forever)
        for target in self._targets:
            watcher = PeerWatcher(target.name, **target.options, **WATCHER)
            watcher.subscribe(self._subscriber("subscriber", target))
            self._keep(target, watcher.start())
            self._spawn(partial(self._follow, watcher, target))
            self.run(self._start_async(target))
            for _ in range(2):
                self._spawn(partial(self._ask, target))
                self.submit(self._ask_async(target))

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine in the loop, and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def submit(self, coroutine: Any) -> None:
        """Have a coroutine run in the loop."""
        self.loop.call_soon_threadsafe(self._begin, coroutine)

    def stop(self) -> None:
        """Stop everything; come back when it is gone."""
        self._stopping.set()
        for _, watcher in self.watchers:
            if isinstance(watcher, PeerWatcher):
                watcher.close()
            else:
                self.run(watcher.aclose())
        self.run(self._drain())
        self.loop.call_soon_threadsafe(self.loop.stop)
        for thread in self._threads:
            thread.join(30)
            if thread.is_alive():
                self._ledger.violated("callers", f"{thread.name} does not end")
        self.loop.close()

    def cancel(self) -> int:
        """Cancel every single lookup that runs in the loop; return how many."""

        async def cancel() -> int:
            running = tuple(self._asking)
            for task in running:
                task.cancel()
            return len(running)

        cancelled: int = self.run(cancel())
        return cancelled

    def wait_until_right(self, expected: Sequence[Sequence[str]], seconds: float) -> float:
        """Wait until every watcher lists exactly what its site declares; return how long that took."""
        begun = time.monotonic()
        wrong: list[str] = []
        while time.monotonic() - begun < seconds:
            wrong = []
            for target, watcher in self.watchers:
                peers = watcher.peers
                wanted = sorted(expected[self._targets.index(target)])
                if sorted(peers.ips) != wanted or peers.stale:
                    wrong.append(f"{type(watcher).__name__} {watcher.status}, {len(peers)} of {len(wanted)}")
            if not wrong:
                return time.monotonic() - begun
            self._stopping.wait(0.02)
        faulthandler.dump_traceback(all_threads=True)  # a thread that hangs shows where
        self._ledger.violated("watcher", f"is not right {seconds} s after the faults: {wrong}")
        return seconds

    def check_alive(self) -> None:
        """Check that every watcher still runs."""
        names = [thread.name for thread in threading.enumerate()]
        alive = sum(name.startswith("peerdisco svc") for name in names)
        if alive < len(self._targets):
            self._ledger.violated("watcher", f"{alive} of {len(self._targets)} threads live")
        for _, watcher in self.watchers:
            if watcher.status.next_refresh is None:
                self._ledger.violated("watcher", f"plans no further lookup: {watcher.status}")

    def churn(self) -> None:
        """Start a watcher of each kind, wait for its list, and close one and forget the other."""
        for target in self._targets:
            with PeerWatcher(target.name, **target.options, **WATCHER) as watcher:
                self._ledger.check_list("short-lived watcher", watcher.peers, target.bounds)
            forgotten = PeerWatcher(target.name, **target.options, **WATCHER).start()
            del forgotten
            self.run(self._churn_async(target))

    def lookups(self) -> int:
        """Return how many lookups the watchers have made."""
        return sum(watcher.status.lookups for _, watcher in self.watchers)

    async def _churn_async(self, target: Target) -> None:
        async with AsyncPeerWatcher(target.name, **target.options, **WATCHER) as watcher:
            self._ledger.check_list("short-lived watcher", watcher.peers, target.bounds)

    async def _start_async(self, target: Target) -> None:
        watcher = AsyncPeerWatcher(target.name, **target.options, **WATCHER)
        watcher.subscribe(self._subscriber("async subscriber", target))
        self._keep(target, watcher.start())
        self.submit(self._follow_async(watcher, target))

    def _keep(self, target: Target, watcher: PeerWatcher | AsyncPeerWatcher) -> None:
        self.watchers.append((target, watcher))

    def _subscriber(self, who: str, target: Target) -> Callable[[Change], None]:
        had_core = False

        def told(change: Change) -> None:
            nonlocal had_core
            self._ledger.count("changes")
            had_core = self._ledger.check_watched(who, change.peers, target.bounds, had_core=had_core)

        return told

    def _follow(self, watcher: PeerWatcher, target: Target) -> None:
        listed: set[str] = set()
        for change in watcher.changes():
            self._apply("changes()", change, listed)

    async def _follow_async(self, watcher: AsyncPeerWatcher, target: Target) -> None:
        listed: set[str] = set()
        async for change in watcher.changes():
            self._apply("async changes()", change, listed)

    def _apply(self, who: str, change: Change, listed: set[str]) -> None:
        listed -= {peer.ip for peer in change.removed}
        listed |= {peer.ip for peer in change.added}
        if listed != set(change.peers.ips):
            self._ledger.violated(who, f"do not add up to the list: {change!r}")

    def _ask(self, target: Target) -> None:
        while not self._stopping.wait(self._random.uniform(0.01, LONGEST_PAUSE)):
            options = self._random.choice(KINDS)
            try:
                peers = discover_peers(target.name, timeout=0.6, **target.options, **options)
            except Exception as error:  # noqa: BLE001 - the ledger judges it
                self._judge(f"discover_peers {options}", error)
            else:
                self._found(f"discover_peers {options} of {target.bounds.network}", peers, target)

    async def _ask_async(self, target: Target) -> None:
        while not self._stopping.is_set():
            await asyncio.sleep(self._random.uniform(0.01, LONGEST_PAUSE))
            options = self._random.choice(KINDS)
            task = self._begin(adiscover_peers(target.name, timeout=0.6, **target.options, **options))
            self._asking.add(task)
            try:
                await asyncio.wait([task])
            finally:
                self._asking.discard(task)
            if task.cancelled():
                self._ledger.count("cancelled")
            elif error := task.exception():
                self._judge(f"adiscover_peers {options}", error)
            else:
                self._found(f"adiscover_peers {options} of {target.bounds.network}", task.result(), target)

    def _found(self, who: str, peers: PeerSet, target: Target) -> None:
        self._ledger.count("one-shot lookups")
        self._ledger.check_found(who, peers, target.bounds)

    def _judge(self, who: str, error: BaseException) -> None:
        self._ledger.count("one-shot lookups")
        self._ledger.check_error(who, error, LookupFailed)

    def _begin(self, coroutine: Any) -> asyncio.Task[Any]:
        task = self.loop.create_task(coroutine)
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)
        return task

    async def _drain(self) -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.gather(*self._kept, return_exceptions=True)

    def _spawn(self, work: Callable[[], object]) -> None:
        thread = threading.Thread(target=work, name="caller", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _on_loop_trouble(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._ledger.violated("event loop", repr(context))
