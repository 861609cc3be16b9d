"""Tells a story on stdout, and checks that it is true."""

from __future__ import annotations

import contextlib
import logging
import textwrap
from collections.abc import Iterable, Iterator

from peerdisco._core.conditions import log

_WIDTH = 96
_STEP = " " * 3


class NotAsTold(Exception):
    """What happened is not what the story says."""


def tell(text: str) -> None:
    """Prints a paragraph and an empty line; what a step begins with, such as `1.`, stands out."""
    begins_step = text[:1].isdigit()
    print(textwrap.fill(text, _WIDTH, initial_indent="" if begins_step else _STEP, subsequent_indent=_STEP), end="\n\n")


def show(*lines: str) -> None:
    """Prints what happened, further in, and an empty line."""
    for line in lines:
        print(textwrap.fill(line, _WIDTH, initial_indent=2 * _STEP, subsequent_indent=3 * _STEP))
    print()


def join(words: Iterable[str]) -> str:
    """Words with `and` between them."""
    return " and ".join(words)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the log off stderr where nobody has set logging up: what happens is told on stdout."""
    handler = logging.NullHandler()
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


def check(what: str, actual: object, expected: object) -> None:
    """Compares what happened with the story.

    Raises:
        NotAsTold: they differ.
    """
    if actual != expected:
        raise NotAsTold(f"{what}: {actual!r} instead of {expected!r}")
