"""The life of a fleet: all replicas start at once, run, one Pod is replaced, then all are in a rollout."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from peerdisco import DiscoveryConfig
from tests.benchmarks import sizes
from tests.benchmarks.fleet import Fleet, Lags, Load, pods

READY_AFTER = (2.0, 12.0)  # seconds from start to ready, spread evenly
WAVES, _STEPS = 4, 5
_WAVE_SECONDS = 15.0
_UNPACED = 1e9
_SEED = 1


class Policy(NamedTuple):
    """The options of the replicas: the defaults, except for these."""

    paced: bool = True
    jittered: bool = True

    @property
    def name(self) -> str:
        """The name in tables."""
        return f"{'paced' if self.paced else 'not paced'}, {'jitter' if self.jittered else 'no jitter'}"

    def config(self) -> DiscoveryConfig:
        """Return the config of each replica."""
        usual = DiscoveryConfig.model_fields
        return DiscoveryConfig(
            sizes.NAME,
            max_fleet_qps=usual["max_fleet_qps"].default if self.paced else _UNPACED,
            jitter=usual["jitter"].default if self.jittered else 0,
        )


class Rate(NamedTuple):
    """The load of all replicas together: questions per second, the most in a window, and bytes per second."""

    mean: float
    busiest: float
    bytes: float


class Lag(NamedTuple):
    """Seconds until a replica follows a change: the median, and the last replica."""

    median: float
    last: float


class Story(NamedTuple):
    """The results for one fleet.

    Attributes:
        complete: from the last Pod being ready until a replica lists all.
        replaced: until a replica lists a new Pod.
        gone: until it no longer lists a Pod that left.
        rolled: until it lists the new Pods of a rollout.
        rolled_gone: until it lists none of the old ones.
    """

    policy: Policy
    replicas: int
    sample: int
    starting: Rate
    steady: Rate
    rolling: Rate
    complete: Lag
    replaced: Lag
    gone: Lag
    rolled: Lag
    rolled_gone: Lag


def tell(replicas: int, policy: Policy, sample: int) -> Story:
    """Simulate one fleet."""
    fleet = Fleet(policy.config(), min(replicas, sample), _SEED)
    patience = max(120.0, replicas)
    scale = replicas / min(replicas, sample)

    complete = _start(fleet, replicas)
    fleet.run_until_followed(patience)
    interval = _interval(policy, replicas)
    fleet.run(fleet.clock() + 3 * interval)
    settled = fleet.clock()
    fleet.run(settled + 6 * interval)
    replaced = _replace(fleet, replicas)
    fleet.run_until_followed(fleet.clock() + patience)
    rollout = fleet.clock()
    waves = _roll_out(fleet, replicas, patience)
    return Story(
        policy,
        replicas,
        min(replicas, sample),
        rate(fleet.load, 0, READY_AFTER[1], scale, 1.0),
        rate(fleet.load, settled, settled + 6 * interval, scale, max(1.0, interval / 10)),
        rate(fleet.load, rollout, rollout + WAVES * _WAVE_SECONDS, scale, 1.0),
        _lag(complete.arrivals),
        _lag(replaced.arrivals),
        _lag(replaced.departures),
        _lag([lag for wave in waves for lag in wave.arrivals]),
        _lag([lag for wave in waves for lag in wave.departures]),
    )


def rate(load: Sequence[Load], start: float, end: float, scale: float, window: float) -> Rate:
    """Return the load between two moments, and in the busiest window of so many seconds, scaled to the fleet."""
    within = [one for one in load if start <= one.at < end]
    windows = [0] * math.ceil((end - start) / window)
    for one in within:
        windows[int((one.at - start) / window)] += one.questions
    asked, moved = sum(one.questions for one in within), sum(one.bytes for one in within)
    return Rate(asked * scale / (end - start), max(windows) * scale / window, moved * scale / (end - start))


def _start(fleet: Fleet, replicas: int) -> Lags:
    """Start all replicas at once; they become ready one after the other."""
    everyone = list(pods(1, replicas))
    for own in random.Random(_SEED).sample(everyone, replicas):
        fleet.start(own)
    parts = min(replicas, 50)
    earliest, latest = READY_AFTER
    for n in range(parts):
        fleet.run(earliest + (latest - earliest) * n / (parts - 1))
        fleet.membership.change(added=everyone[n::parts])
    return fleet.watch_for(added=everyone)


def _replace(fleet: Fleet, replicas: int) -> Lags:
    """Replace one Pod."""
    old, new = list(pods(1, 1)), list(pods(replicas + 1, 1))
    return _swap(fleet, old, new)


def _roll_out(fleet: Fleet, replicas: int, patience: float) -> list[Lags]:
    """Replace all Pods, in waves."""
    old, new = list(pods(2, replicas - 1)) + list(pods(replicas + 1, 1)), list(pods(2 * replicas + 1, replicas))
    steps = min(replicas, WAVES * _STEPS)
    lags = []
    for n in range(steps):
        fleet.run(fleet.clock() + (_WAVE_SECONDS if n % _STEPS == 0 else 1.0))
        lags.append(_swap(fleet, old[n::steps], new[n::steps]))
    fleet.run_until_followed(fleet.clock() + patience)
    return lags


def _swap(fleet: Fleet, old: Sequence[bytes], new: Sequence[bytes]) -> Lags:
    fleet.stop(old)
    fleet.membership.change(added=new, removed=old)
    lags = fleet.watch_for(added=new, removed=old)
    for own in new:
        fleet.start(own)
    return lags


def _interval(policy: Policy, replicas: int) -> float:
    config = policy.config()
    return max(config.refresh, replicas / config.max_fleet_qps)


def _lag(lags: Sequence[float]) -> Lag:
    return Lag(statistics.median(lags), max(lags)) if lags else Lag(math.nan, math.nan)
