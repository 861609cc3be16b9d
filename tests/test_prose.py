"""The words of README, documentation and docstrings: plain English, and the terms of the field."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(page for page in ROOT.glob("docs/**/*.md") if "_build" not in page.parts)]
MODULES = sorted(ROOT.glob("peerdisco/**/*.py"))

# Old or private English: a reader has to stop at it.
AVOIDED = re.compile(
    r"\b(?:oneself|one's own|whom|it is none|none such|can't be right|nobody holds|by turns|mend|mended|anew|"
    r"surroundings|nothing tells|what is had|at any of which|utilize|leverage|seamless(?:ly)?|simply|obviously)\b",
    re.IGNORECASE,
)


def prose_of(page: str) -> str:
    """Return a page without its blocks, its hidden code and its inline code."""
    without_blocks = re.sub(r"^ *```.*?^ *```|<!---.*?-->|^%.*?$", "", page, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]+`", "`code`", without_blocks)


def docstrings_of(source: str) -> list[str]:
    """Return every docstring of a module."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = (ast.get_docstring(node) for node in ast.walk(ast.parse(source)) if isinstance(node, kinds))
    return [text for text in found if text]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_plain_english(page: Path) -> None:
    """No page has a word that plain English does without."""
    assert AVOIDED.findall(prose_of(page.read_text())) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_docstrings_are_plain_english(module: Path) -> None:
    """No docstring has such a word either."""
    assert [word for text in docstrings_of(module.read_text()) for word in AVOIDED.findall(prose_of(text))] == []


def test_a_bad_word_is_noticed() -> None:
    """A word counts in prose, not in code."""
    page = "Ask whom you like.\n\n```python\nanew = 1\n```\n\nCall `mend()`.\n"

    assert AVOIDED.findall(prose_of(page)) == ["whom"]
