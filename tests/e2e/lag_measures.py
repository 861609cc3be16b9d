"""The scenarios that `tests.e2e.lag` measures: Pods that come and go, CoreDNS that is gone, replicas that disagree."""

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from peerdisco.config import Options
from tests.e2e.api_server import ApiServer
from tests.e2e.changing import SERVICE, pods
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import cached, corefile, node_cache
from tests.e2e.replicas import Flaps, disagreeing
from tests.e2e.watched import Watched, in_a_thread


class Cache(NamedTuple):
    """What stands between a Pod and the Service's endpoints.

    Attributes:
        name: for people.
        present: seconds that it keeps an answer.
        absent: seconds that it keeps NXDOMAIN.
        is_node: whether it is a process of its own on the node.
    """

    name: str
    present: int
    absent: int
    is_node: bool = False


@dataclass(frozen=True)
class Settings:
    """What is measured, and how long."""

    caches: tuple[Cache, ...] = (
        Cache("none", 0, 0),
        Cache("nodelocaldns", 30, 5, is_node=True),
        Cache("`cache 30`", 30, 30),
    )
    refresh: float = 5.0
    confirmations: int = 2
    timeout: float = 5.0
    outage: float = 30.0
    watchers: int = 20
    flap_lookups: int = 4000

    @property
    def options(self) -> Options:
        """For the watchers."""
        return {"refresh": self.refresh, "removal_confirmations": self.confirmations, "timeout": self.timeout}


class Kind(NamedTuple):
    """A change, and what was ready before and after it."""

    name: str
    before: list[str]
    after: list[str]


FIRST = Kind("first", [], pods(0, 3))
ANOTHER = Kind("another", pods(0, 3), pods(0, 4))
LEAVES = Kind("leaves", pods(0, 4), pods(0, 3))
REPLACED = Kind("replaced", pods(0, 4), pods(1, 5))


class Trial(NamedTuple):
    """A watcher of a Service of its own."""

    kind: Kind
    service: str
    watched: Watched


class Lag(NamedTuple):
    """Seconds from a change to the list that has it, each time."""

    cache: Cache
    seconds: dict[str, list[float]]


class Outage(NamedTuple):
    """What became of each watcher's list while CoreDNS was gone, and seconds since it was started again."""

    cache: Cache
    kept: list[bool]
    answered: list[float]
    current: list[float]


def changes(binary: Path, cache: Cache, settings: Settings) -> Lag:
    """Pods that come and go, each at a random time of its cache's and its watcher's round."""
    rng = random.Random(cache.name)
    seconds: dict[str, list[float]] = {}
    with _trials(binary, cache, settings, (FIRST, ANOTHER, LEAVES)) as (api, _, trials):
        _wait(2 * settings.refresh)
        began, spread = time.monotonic(), cache.present + settings.refresh
        declared = []
        for trial, when in sorted(((trial, rng.uniform(0, spread)) for trial in trials), key=lambda each: each[1]):
            _wait(began + when - time.monotonic())
            declared.append((trial, time.monotonic()))
            api.headless(trial.service, trial.kind.after)
        for trial, when in declared:
            trial.watched.until_listed(trial.kind.after)
            seconds.setdefault(trial.kind.name, []).append(trial.watched.listed[-1][0] - when)
    return Lag(cache, seconds)


def outage(binary: Path, cache: Cache, settings: Settings) -> Outage:
    """CoreDNS killed, and back; one Pod has replaced another meanwhile."""
    result = Outage(cache, [], [], [])
    with _trials(binary, cache, settings, (REPLACED,)) as (api, coredns, trials):
        _wait(2 * settings.refresh)
        killed = time.monotonic()
        coredns.kill()
        _wait(settings.outage / 2)
        for trial in trials:
            api.headless(trial.service, trial.kind.after)
        _wait(killed + settings.outage - time.monotonic())
        back = time.monotonic()
        coredns.restart()
        for kind, _, watched in trials:
            watched.until_listed(kind.after)
            result.kept.append(not any(killed < when < back for when, _ in watched.listed))
            answered = min(ended.when for ended in watched.lookups if ended.when > back and ended.answer)
            result.answered.append(answered - back)
            result.current.append(watched.listed[-1][0] - back)
    return result


def flaps(binary: Path, settings: Settings) -> list[Flaps]:
    """Replicas that disagree on one Pod, asked many times."""
    found = []
    with disagreeing(binary) as replicas, contextlib.ExitStack() as stack:
        watchers = {
            k: stack.enter_context(
                in_a_thread(
                    SERVICE, *replicas.addresses, seed=k, refresh=0.01, removal_confirmations=k, max_fleet_qps=1e6
                )
            )
            for k in (1, 2, 3)
        }
        for k, watched in watchers.items():
            while len(watched.lookups) < settings.flap_lookups:
                watched.until_looked_up(10)
            found.append(Flaps.of(watched, k))
    return found


@contextlib.contextmanager
def _trials(
    binary: Path, cache: Cache, settings: Settings, kinds: tuple[Kind, ...]
) -> Iterator[tuple[ApiServer, CoreDNS, list[Trial]]]:
    """Starts CoreDNS behind the cache, and watchers at even distances within one round."""
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(ApiServer())
        plugins = cached(cache.present) if cache.present and not cache.is_node else ""
        coredns = stack.enter_context(CoreDNS(binary, corefile(api.url, plugins=plugins)))
        address = coredns.address
        if cache.is_node:
            node = node_cache(address, success=cache.present, denial=cache.absent)
            address = stack.enter_context(CoreDNS(binary, node, synced=False)).address
        kinded = [(kind, f"{kind.name}-{n}") for n in range(settings.watchers) for kind in kinds]
        for kind, service in kinded:
            api.headless(service, kind.before)
        settled(coredns, api)
        trials = []
        for kind, service in kinded:
            _wait(settings.refresh / len(kinded))
            name = f"{service}.default.svc.cluster.local."
            trials.append(Trial(kind, service, stack.enter_context(in_a_thread(name, address, **settings.options))))
        yield api, coredns, trials


def _wait(seconds: float) -> None:
    threading.Event().wait(max(0.0, seconds))
