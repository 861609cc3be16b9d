"""What is logged of conditions, kept with the time on the test's clock."""

import logging
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from peerdisco._core.conditions import log
from peerdisco.testing import FakeClock


class Told(NamedTuple):
    """One record: when it was written, and what it says."""

    at: float
    code: str
    holds: bool
    begun: int
    text: str


class Listener(logging.Handler):
    """Keeps what is logged of conditions, by the test's clock."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.told: list[Told] = []
        self._clock = clock

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        fields = record.__dict__
        if "count" in fields:
            holds = record.levelno == logging.WARNING
            self.told.append(Told(self._clock(), fields["code"], holds, fields["count"], record.getMessage()))

    def of(self, code: str) -> list[tuple[float, bool, int]]:
        """When something was logged of a code, whether it held, and the count."""
        return [each[:1] + each[2:4] for each in self.told if each.code == code]


@pytest.fixture
def listener(clock: FakeClock) -> Iterator[Listener]:
    """What is logged, by the test's clock."""
    listener = Listener(clock)
    level = log.level
    log.addHandler(listener)
    log.setLevel(logging.INFO)
    yield listener
    log.setLevel(level)
    log.removeHandler(listener)
