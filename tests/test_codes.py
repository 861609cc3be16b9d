"""Each code is one slug everywhere: in exceptions, logs, metrics, the doctor, and the page that explains it.

The codes are read from the source, so that one that is added anywhere has to be explained.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from peerdisco._core.conditions import EMPTY
from peerdisco.cli._doctor_report import GOOD, PROBLEMS
from peerdisco.errors import Reason

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "peerdisco"
SLUG = re.compile(r"[a-z]+(-[a-z]+)*")
REASONS = {reason.replace("_", "-") for reason in get_args(Reason)}
NEWS = {"changed", "unchanged", "listed"}
"""Codes of lookups that went well."""
BASE = {"error"}
"""The code of an exception that never arises."""


def trees(*patterns: str) -> Iterator[ast.AST]:
    """Everything in some modules of the package."""
    for pattern in patterns:
        paths = sorted(PACKAGE.glob(pattern))
        assert paths, f"no module is called {pattern}"
        for path in paths:
            yield from ast.walk(ast.parse(path.read_text("utf-8")))


def slugs(node: ast.AST | None) -> set[str]:
    """The slugs that an expression can be."""
    found = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)} if node else set()
    return {each for each in found if isinstance(each, str) and SLUG.fullmatch(each)}


def of_exceptions() -> set[str]:
    """What the attribute `code` of an exception can be: set in the class, by default, or by who raises it."""
    found = set(REASONS)
    for node in trees("errors.py"):
        match node:
            case ast.Assign(targets=[ast.Name("code")], value=value) | ast.AnnAssign(ast.Name("code"), value=value):
                found |= slugs(value)
            case ast.FunctionDef(name="__init__", args=args):
                defaults = zip(args.args[::-1], args.defaults[::-1], strict=False)
                found |= {slug for argument, default in defaults if argument.arg == "code" for slug in slugs(default)}
    for node in trees("_core/waiting.py"):
        match node:
            case ast.Assign(targets=[ast.Name("code")], value=value) | ast.Return(ast.Tuple([value, _])):
                found |= slugs(value)
    for node in trees("environment.py", "cli/wait.py"):
        match node:
            case ast.Call(ast.Name("ConfigError"), [_, _, _, value]) | ast.Call(ast.Name("PeersNotReady"), [_, value]):
                found |= slugs(value)
    return found


def of_logs() -> set[str]:
    """What the field `code` of a log record can be."""
    found = set(REASONS)
    for node in trees("_core/conditions.py", "_core/watcher.py", "_core/counters.py", "_service.py"):
        match node:
            case ast.Call(ast.Attribute(attr="_facts"), [value, *_]):
                found |= slugs(value)
            case ast.Assign(targets=[ast.Subscript(ast.Name("found" | "states"), key)]):
                found |= slugs(key)
            case ast.Assign(targets=[ast.Tuple([ast.Name("code"), *_])], value=ast.Tuple([value, *_])):
                found |= slugs(value)
    return found | of_metrics()


def of_metrics() -> set[str]:
    """What the label `code` of a metric can be."""
    found = REASONS | set(EMPTY) | {"not-headless"}
    for node in trees("_core/counters.py"):
        match node:
            case ast.Call(ast.Attribute(attr="_on_lookup"), [value, *_]):
                found |= slugs(value)
            case ast.FunctionDef(name="code_of", body=body):
                found |= slugs(body[-1])
    return found


def of_checks() -> set[str]:
    """What the code of one of the doctor's checks can be."""
    found = set(REASONS)
    for node in trees("cli/_doctor*.py"):
        match node:
            case ast.Call(ast.Name("ok" | "warn" | "fail"), [value, *_]):
                found |= slugs(value)
            case ast.Assign(targets=[ast.Name("cures")], value=ast.Dict(keys=keys)):
                found |= {slug for key in keys for slug in slugs(key)}
            case ast.Call(ast.IfExp(), [value, *_]):
                found |= slugs(value)
    return found


def headings() -> list[str]:
    """The codes that have a section, and so an anchor."""
    page = (ROOT / "docs/how-to/no-peers.md").read_text("utf-8")
    return re.findall(r"^### ([a-z-]+)$", page, re.MULTILINE)


def test_every_code_has_its_section() -> None:
    """Each code of an exception, a log, a metric or the doctor is a heading, so that a link can lead to it."""
    codes = of_exceptions() | of_logs() | of_metrics() | set(PROBLEMS)
    assert {"bad-option", "no-namespace", "not-accepting"} <= of_exceptions()

    assert set(headings()) == codes - NEWS - BASE
    assert len(headings()) == len(set(headings()))


def test_the_doctor_uses_its_codes() -> None:
    """The codes of the doctor's checks are those that it declares, each in one list, and it uses all of them."""
    assert of_checks() == {*GOOD, *PROBLEMS}
    assert len({*GOOD, *PROBLEMS}) == len(GOOD) + len(PROBLEMS)


@pytest.mark.parametrize(
    ("page", "codes"), [("logging", of_logs()), ("metrics", of_metrics())], ids=["logging", "metrics"]
)
def test_the_guides_name_their_codes(page: str, codes: set[str]) -> None:
    """The guide to logs names every code that a record can have, the guide to metrics every label."""
    text = (ROOT / f"docs/how-to/{page}.md").read_text("utf-8")

    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []


def test_the_reference_names_codes_that_are_there() -> None:
    """The table of errors says which code each has, and every one of them is an error's."""
    table = (ROOT / "docs/reference/errors.md").read_text("utf-8")
    named = {slug for row in re.findall(r"^\| `\w+` \|.*", table, re.MULTILINE) for slug in slugs_in(row.split("|")[3])}

    assert {"bad-option", "not-headless", "peers-not-ready"} <= named <= of_exceptions()


def slugs_in(text: str) -> set[str]:
    """The slugs that stand in backticks in a text, but for names of Python."""
    return set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", text)) - {"reason"}
