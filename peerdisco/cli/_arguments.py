"""Parses arguments: each command's errors show its own usage, and the closest match of what was mistyped."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NoReturn

_INVALID_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")


class BadUsage(Exception):
    """The arguments make no sense.

    Attributes:
        usage: how the command is used.
        message: what is wrong.
    """

    def __init__(self, usage: str, message: str) -> None:
        super().__init__(message)
        self.usage = usage
        self.message = message


class Parser(argparse.ArgumentParser):
    """A parser that raises `BadUsage`, for the command whose arguments are wrong."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse what is unknown here, where the command is known.

        Raises:
            BadUsage: An argument is unknown.
        """
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            names = [word.partition("=")[0] for word in unknown if word.startswith("-")]
            self.error(f"unrecognized arguments: {' '.join(unknown)}{_meant(names, self._option_string_actions)}")
        return parsed, unknown

    def error(self, message: str) -> NoReturn:
        """Raise BadUsage."""
        if choice := _INVALID_CHOICE.search(message):
            message += _meant([choice[1]], re.findall(r"[\w-]+", choice[2]))
        raise BadUsage(self.format_usage(), message)


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether a command line asks for JSON, even one that can't be parsed."""
    words = list(arguments)
    asked = any(word.startswith("--j") and "--json".startswith(word) for word in words)
    return asked or "--output=json" in words or ("--output", "json") in pairwise(words)


def _meant(words: Iterable[str], known: Iterable[str]) -> str:
    close = [match for word in words for match in difflib.get_close_matches(word, list(known), 1)]
    return f"; did you mean {', '.join(dict.fromkeys(close))}?" if close else ""
