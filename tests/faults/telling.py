"""Tells many stories, and makes a small one of a story that breaks a law.

Laws of this module:

- The story of a seed is the same in every process, and so is what comes of it.
- What `shrunk` returns breaks the law that the story broke.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import NamedTuple

from tests.support.fleet.fleet import Figures, tell
from tests.support.fleet.laws import Violation
from tests.support.fleet.story import Server, Story
from tests.support.fleet.writer import write

_BATCH = 50


class Broken(NamedTuple):
    """A story that broke a law."""

    seed: int
    law: str
    what: str


class Telling(NamedTuple):
    """What many stories came to."""

    figures: Figures
    broken: tuple[Broken, ...]


def tell_all(seeds: Iterable[int], jobs: int = 1) -> Iterator[Telling]:
    """Tell the stories of seeds, and yield what came of each batch."""
    every = list(seeds)
    batches = [every[start : start + _BATCH] for start in range(0, len(every), _BATCH)]
    if jobs == 1:
        yield from map(_tell, batches)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_tell, batches)


def law_broken_by(story: Story) -> str:
    """Return the law that a story breaks; empty where it breaks none."""
    try:
        tell(story)
    except Violation as violation:
        return violation.law
    return ""


def shrunk(story: Story, is_broken: Callable[[Story], bool]) -> Story:
    """Return a smaller story that is broken as well: fewer events, Pods and replicas, and the usual options."""
    smaller = next(filter(is_broken, _smaller(story)), None)
    while smaller is not None:
        story = smaller
        smaller = next(filter(is_broken, _smaller(story)), None)
    return story


def _tell(seeds: list[int]) -> Telling:
    figures, broken = Figures(), []
    for seed in seeds:
        try:
            figures.add(tell(write(seed)))
        except Violation as violation:
            broken.append(Broken(seed, violation.law, str(violation)))
    return Telling(figures, tuple(broken))


def _smaller(story: Story) -> Iterator[Story]:
    """Yield what a story could be made into, the smallest first."""
    for which in range(len(story.events)):
        yield story.with_events(story.events[:which] + story.events[which + 1 :])
    if story.replicas > 1:
        yield replace(story, replicas=1)
    for pods in (1, story.pods // 2, story.pods - 1):
        if 0 < pods < story.pods:
            yield replace(story, pods=pods)
    for name in story.options or {}:
        yield replace(story, options={key: value for key, value in (story.options or {}).items() if key != name})
    if len(story.servers) > 1:
        yield replace(story, servers=story.servers[:1])
    if any(server != Server() for server in story.servers):
        yield replace(story, servers=(Server(),) * len(story.servers))
    usual = {"hostnames": False, "mixed_ports": False, "rude": False, "broken_log": False, "node_ttl": 0.0}
    for name, value in usual.items():
        if getattr(story, name) != value:
            yield replace(story, **{name: value})  # type: ignore[arg-type] # each name with its own type
