"""A headless Service whose Pods come and go, and watchers that are held to what was ready."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from peerdisco.config import Options
from tests.e2e.api_server import ApiServer, Endpoint
from tests.e2e.timeline import History, everyone, follows, lags, lost
from tests.e2e.watched import Watched

Told = Callable[[str, object], None]
SERVICE = "web.default.svc.cluster.local."
REFRESH, JITTER, CONFIRMATIONS = 0.1, 0.1, 2
OPTIONS: Options = {
    "refresh": REFRESH,
    "jitter": JITTER,
    "removal_confirmations": CONFIRMATIONS,
    "timeout": 0.3,
    "max_backoff": 0.3,
    "max_fleet_qps": 1e6,
}
PATIENT: Options = OPTIONS | {"timeout": 2.0}
"""For tests of what exactly DNS said: on a busy machine, too, it says it before the lookup gives up."""
MARGIN = 1.0
"""Seconds for what no schedule counts: the API server's event reaches CoreDNS, a lookup takes its time, and each thread
waits for one of the machine's cores. On an idle machine all that is 0.05 s; what it is held for is a busy one."""


@dataclass(frozen=True)
class Bounds:
    """How far a list may be behind.

    Args:
        cache: seconds that an answer may be kept on its way.
        outage: seconds in which DNS did not answer at all.
    """

    cache: float = 0
    outage: float = 0

    @property
    def seen(self) -> float:
        """Seconds until somebody new is listed."""
        return self.cache + self.outage + REFRESH * (1 + JITTER) + MARGIN

    @property
    def kept(self) -> float:
        """Seconds until somebody who left is not."""
        return self.cache + self.outage + REFRESH * (1 + JITTER) * CONFIRMATIONS + MARGIN


def pods(start: int, end: int) -> list[str]:
    """Pod IPs by number."""
    return [f"10.0.{n >> 8}.{n & 255}" for n in range(start, end)]


class Changing:
    """The Service `web`, with a note of what was ready when."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api
        self.ready: History = []

    def declare(self, ips: Iterable[str], *, terminating: Iterable[str] = ()) -> None:
        """Makes these its ready Pods, and those its terminating ones."""
        ips = list(ips)
        self.ready.append((time.monotonic(), frozenset(ips)))
        leaving = [Endpoint(ip, ready=False, serving=True, terminating=True) for ip in terminating]
        self._api.headless("web", [*ips, *leaving], ports={"http": 80})

    def check(self, watched: Watched, bounds: Bounds) -> str:
        """Holds what was listed against what was ready.

        Each list follows from the answers, by the policy. Nobody is lost who was ready throughout, nobody is listed
        who never was, and nobody is seen or kept too late.

        Returns:
            How far the list was behind, at most.
        """
        assert follows(watched.listed, watched.answers(), CONFIRMATIONS), watched.name
        assert everyone(watched.listed) <= everyone(self.ready)
        assert not lost(self.ready, watched.listed, patience=bounds.kept), watched.name
        behind = lags(self.ready, watched.listed)
        assert max(behind.seen, default=0) <= bounds.seen, watched.name
        assert max(behind.kept, default=0) <= bounds.kept, watched.name
        return str(behind)

    def hold(self, watchers: Iterable[Watched], bounds: Bounds, told: Told) -> None:
        """Waits until everyone lists who is ready, then checks, and tells, how it was on the way there."""
        watchers = list(watchers)
        for watched in watchers:
            watched.until_listed(self.ready[-1][1])
        for watched in watchers:
            told(f"lag of {watched.name}", self.check(watched, bounds))
