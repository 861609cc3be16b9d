"""Exceptions that are kept: the same type, message and attributes, and nothing else of what was under way."""

import asyncio
from collections.abc import Callable

import pytest

from peerdisco import LookupFailed, NotHeadlessError, PeersNotReady, Question
from peerdisco._core.failures import detached, is_interrupt
from peerdisco.errors import Attempt


class ByKeyword(Exception):
    """An error whose constructor wants more than it keeps."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class Prefixed(Exception):
    """An error whose constructor, given what it kept, would add to it."""

    def __init__(self, code: object) -> None:
        super().__init__(f"code {code}")
        self.code = code


class Mute(Exception):
    """An error that can't say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


class Same(Exception):
    """An error of which there is only one."""

    def __copy__(self) -> "Same":
        return self


class Abort(BaseException):
    """What is no Exception."""


ERRORS: list[Exception] = [
    LookupFailed(Question("x.", "A"), "refused", (Attempt("10.96.0.10:53", "udp", "refused", "answered REFUSED"),)),
    NotHeadlessError("svc.", "10.96.0.7"),
    PeersNotReady("0 of 1"),
    OSError(24, "Too many open files"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    StopIteration(5),
    ZeroDivisionError(),
    ByKeyword(code=5),
    Prefixed(5),
    Same("one"),
]


def raise_from_cause(error: Exception) -> None:
    """Raise the error with a cause and a context."""
    try:
        int("cause")
    except ValueError as cause:
        raise error from cause


def raised(error: Exception) -> Exception:
    """Return the error with a traceback, a cause and a context."""
    with pytest.raises(type(error)):
        raise_from_cause(error)
    return error


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_same_without_what_was_under_way(error: Exception) -> None:
    """Type, message and attributes stay; traceback, cause and context do not, and the error itself is left alone."""
    kept = detached(raised(error))

    assert kept is not error
    assert (type(kept), str(kept), kept.__dict__) == (type(error), str(error), error.__dict__)
    assert (kept.__traceback__, kept.__cause__, kept.__context__) == (None, None, None)
    assert error.__traceback__ is not None
    assert isinstance(error.__cause__, ValueError)


def test_the_parts_of_a_group() -> None:
    """What a task group raises is kept with its parts, which have tracebacks of their own."""
    kept = detached(raised(ExceptionGroup("two", [raised(ValueError(1)), raised(ByKeyword(code=5))])))

    assert isinstance(kept, ExceptionGroup)
    assert [type(part) for part in kept.exceptions] == [ValueError, ByKeyword]
    assert [part.__traceback__ for part in (kept, *kept.exceptions)] == [None, None, None]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Mute(), "Mute"),
        (Abort("now"), "Abort: now"),
        (GeneratorExit(), "GeneratorExit"),
        (asyncio.CancelledError("x"), "CancelledError: x"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_what_can_not_be_kept(error: BaseException, text: str) -> None:
    """What can't be copied, and what would end more than a lookup if it were raised again, is named."""
    kept = detached(error)

    assert type(kept) is RuntimeError
    assert str(kept) == text


@pytest.mark.parametrize("make", [KeyboardInterrupt, SystemExit])
def test_interrupts(make: Callable[[], BaseException]) -> None:
    """Ctrl-C and `sys.exit` ask for an end; everything else tells of a failure."""
    assert is_interrupt(make())
    assert not any(map(is_interrupt, (*ERRORS, Abort(), GeneratorExit(), asyncio.CancelledError())))
