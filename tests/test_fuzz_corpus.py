"""Each input that fuzzing starts from, and each that it once found, keeps every law; the laws themselves can fail."""

import pytest

from tests.fuzz.laws import Budget, TooMuchWork, thoroughly, within
from tests.fuzz.targets import CORPUS, TARGETS, corpus

CASES = [
    pytest.param(target, data, id=f"{target}-{name}") for target in TARGETS for name, data in corpus(target).items()
]


@pytest.mark.parametrize(("target", "data"), CASES)
def test_corpus(target: str, data: bytes) -> None:
    """An input breaks no law, and costs no more than its size allows."""
    with thoroughly():
        TARGETS[target](data)


def test_every_target_has_inputs() -> None:
    """A folder for each target, and none for another."""
    assert {folder.name for folder in CORPUS.iterdir()} <= set(TARGETS)
    assert all(map(corpus, TARGETS))


ENOUGH = Budget(calls=100, calls_per_byte=1, memory=10_000, memory_per_byte=1)
kept: list[object] = []


def keep() -> None:
    """Leaves something alive."""
    kept.append([object() for _ in range(10)])


@pytest.mark.parametrize(
    ("work", "complaint"),
    [
        (lambda: [len("") for _ in range(200)], "calls"),
        (lambda: bytearray(20_000), "bytes of memory"),
        (keep, "in use"),
    ],
    ids=["calls", "memory", "left"],
)
def test_too_much_work(work: object, complaint: str) -> None:
    """What costs more than its budget is found out."""
    with thoroughly(), pytest.raises(TooMuchWork, match=complaint):
        within(ENOUGH, b"", 0, work)  # type: ignore[arg-type] # of three types


def test_little_work() -> None:
    """What stays within its budget is let pass, and its result comes back."""
    with thoroughly():
        assert within(ENOUGH, b"", 0, lambda: len("four")) == 4
