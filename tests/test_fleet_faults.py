"""Stories of faults, told to a simulated fleet: the laws hold, and can be broken. `make simulate-faults` tells more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.planted import BUGS, Bug, seeds_to_find
from tests.faults.telling import law_broken_by, shrunk, tell_all
from tests.support.fleet.fleet import Figures, tell
from tests.support.fleet.story import Event, Server, Story
from tests.support.fleet.writer import write

STORIES = sorted((Path(__file__).parent / "support" / "data" / "stories").glob("*.json"))


def test_a_hundred_stories() -> None:
    """Whatever happens to a cluster and its DNS, no list breaks a law."""
    figures = Figures()
    for telling in tell_all(range(1, 101)):
        assert telling.broken == ()
        figures.add(telling.figures)

    assert figures.stories == 100
    assert min(figures.replicas, figures.lookups / 10, figures.failures) > 50


@pytest.mark.parametrize("border", [29, 73, 252, 1100, 4093])
def test_borders(border: int) -> None:
    """Across each size at which answers begin to be cut, a fleet follows up and down."""
    events = (Event(2.0, "scale", 4), Event(8.0, "fault", -1, 3.0, "servfail"), Event(20.0, "scale", -4))
    options = {"refresh": 2.0, "max_fleet_qps": 5000.0}
    servers = (Server(edns=border != 29),)
    story = Story(border, border - 2, options=options, servers=servers).with_events(events)

    assert tell(story).crossings[border] == 2


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_kept_stories(path: Path) -> None:
    """What once broke a law breaks none any more."""
    tell(Story.from_json(path.read_text("utf-8")))


def test_a_story_is_the_same_each_time() -> None:
    """A seed tells the same story, and so does its text."""
    story = write(7)

    assert story == write(7) == Story.from_json(story.to_json())
    assert tell(story) == tell(story)


def test_a_story_is_made_small() -> None:
    """What has nothing to do with a violation is left out."""
    story = replace(write(11), pods=5).with_events((Event(1.0, "scale", 2), Event(2.0, "crash"), Event(3.0, "suspend")))
    small = shrunk(story, lambda one: any(event.kind == "crash" for event in one.events))

    assert (small.events, small.pods, small.options) == ((Event(2.0, "crash"),), 1, {})
    assert law_broken_by(small) == ""


@pytest.mark.parametrize("name", BUGS)
def test_planted_bugs_are_found(name: str, tmp_path: Path) -> None:
    """Each bug breaks a law in one of the first stories."""
    assert 0 < seeds_to_find(BUGS[name], tmp_path) <= 500


def test_a_bug_that_can_not_be_planted(tmp_path: Path) -> None:
    """A place that is gone from the source is an error."""
    with pytest.raises(ValueError, match="0 times"):
        seeds_to_find(Bug("peers.py", "no such line", ""), tmp_path)
