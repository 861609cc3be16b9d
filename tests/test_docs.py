"""What README and documentation say besides their blocks, which the conftest.py beside them runs."""

import ast
import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

import peerdisco
from peerdisco import DiscoveryConfig
from peerdisco.cli import _COMMANDS

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(page for page in ROOT.glob("docs/**/*.md") if "_build" not in page.parts)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_one_that_runs(page: Path) -> None:
    """A block is Python or a console's, or else nothing that could be run."""
    languages = re.findall(r"^ *```(\S+)", page.read_text(), re.MULTILINE)

    assert set(languages) <= {"python", "console", "text", "{toctree}", "{include}", "{literalinclude}", "{eval-rst}"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A link within the repository names a file that exists."""
    links = re.findall(r"\]\(([^)#]+)", page.read_text())

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_the_options_are_those_of_the_config() -> None:
    """The table has every option, in order, with its default."""
    rows = re.findall(r"^\| `(\w+)` \|(.*?)\|", (ROOT / "docs/reference/options.md").read_text(), re.MULTILINE)

    fields = {name: field.default for name, field in DiscoveryConfig.model_fields.items()}
    expected = {name: "" if default is PydanticUndefined else default for name, default in fields.items()}
    assert {name: ast.literal_eval(told.strip(" `")) if told.strip() else "" for name, told in rows} == expected
    assert [name for name, _ in rows] == list(fields)


def test_every_command_shows_its_help() -> None:
    """The command line's page has the help of each command; that it is up to date is compared when it runs."""
    page = (ROOT / "docs/reference/command-line.md").read_text()

    assert [name for name in _COMMANDS if f"$ peerdisco {name} --help\nusage:" not in page] == []


def test_everything_exported_is_in_the_reference() -> None:
    """Whatever `peerdisco` exports is documented."""
    page = (ROOT / "docs/reference/api.md").read_text()

    documented = set(re.findall(r"auto\w+:: (\w+)", page))
    assert set(peerdisco.__all__) - {"__version__"} - documented == set()


def test_make_targets_exist() -> None:
    """Every target that the README and the contributing guide name is in the Makefile."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "".join((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
    named = {target for line in re.findall(r"`make ([a-z0-9 ]+)`", text) for target in line.split()}

    assert named - targets == set()
