"""Prints a report: as text with signs, one line for each problem, or JSON. Colour and width are passed in."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Literal, NamedTuple

from peerdisco.cli._doctor_report import Check, Report, Result

Form = Literal["text", "short", "json"]

_SIGNS: dict[Result, str] = {"success": "✓", "warning": "!", "error": "✗"}
_PLAIN_SIGNS: dict[Result, str] = {"success": "+", "warning": "!", "error": "x"}
_COLOURS: dict[Result, str] = {"success": "\033[32m", "warning": "\033[33m", "error": "\033[31m"}
_BOLD, _DIM, _RESET = "\033[1m", "\033[2m", "\033[0m"


class Style(NamedTuple):
    """What the place that is printed to can show.

    Attributes:
        colour: whether it shows colours.
        width: characters of a line; None to print each text on one line.
        encoding: how text becomes bytes there.
    """

    colour: bool = False
    width: int | None = None
    encoding: str = "utf-8"

    def paint(self, text: str, colour: str) -> str:
        """Return the text in a colour, where there are colours."""
        return f"{colour}{text}{_RESET}" if self.colour else text

    def sign(self, result: Result) -> str:
        """Return the sign of a result: in ASCII where the encoding has no other."""
        try:
            "".join(_SIGNS.values()).encode(self.encoding)
        except (UnicodeEncodeError, LookupError):
            return self.paint(_PLAIN_SIGNS[result], _COLOURS[result])
        return self.paint(_SIGNS[result], _COLOURS[result])


def render(report: Report, form: Form, style: Style) -> str:
    """Return the report as text, without a final line break."""
    match form:
        case "json":
            return json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
        case "short":
            return "\n".join(_short(report, style))
        case "text":
            return "\n".join(_text(report, style))


def _short(report: Report, style: Style) -> Iterator[str]:
    for category in report.categories:
        for check in category.checks:
            if check.result != "success":
                yield f"{style.sign(check.result)} {check.code}: {check.description}"


def _text(report: Report, style: Style) -> Iterator[str]:
    explained: set[str] = set()
    for category in report.categories:
        yield style.paint(category.name, _BOLD)
        for check in category.checks:
            yield from _check(check, style)
            if check.code not in explained:
                yield from _hint(check, style)
                explained.add(check.code)
        yield ""
    yield from _summary(report, style)


def _check(check: Check, style: Style) -> Iterator[str]:
    code = "" if check.result == "success" else f" [{check.code}]"
    first, *rest = _wrapped(check.description + code, style, indent=4)
    yield f"  {style.sign(check.result)} {first}"
    yield from (f"    {line}" for line in rest)


def _hint(check: Check, style: Style) -> Iterator[str]:
    yield from (f"      {style.paint(line, _DIM)}" for line in _wrapped(check.hint, style, indent=6))


def _wrapped(text: str, style: Style, indent: int) -> list[str]:
    if style.width is None or not text:
        return [text] * bool(text)
    width = max(20, style.width - indent)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _summary(report: Report, style: Style) -> Iterator[str]:
    errors, warnings = report.problems("error"), report.problems("warning")
    told = [f"failed: {', '.join(errors)}"] * bool(errors) + [f"warnings: {', '.join(warnings)}"] * bool(warnings)
    result: Result = "error" if not report.success else "warning" if warnings else "success"
    text = "; ".join(["healthy" if report.success else "not healthy", *told])
    yield from (style.paint(line, _COLOURS[result]) for line in _wrapped(text, style, indent=0))
