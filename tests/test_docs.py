"""What README and documentation say besides their blocks, which the conftest.py beside them runs."""

import ast
import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

import peerdisco
from peerdisco import DiscoveryConfig, discover_peers
from peerdisco.cli import _COMMANDS
from peerdisco.testing import FakeResolver

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
    """Whatever `peerdisco` exports is documented; `tests/docs_look` asks the built site about every other module."""
    pages = "".join(page.read_text() for page in (ROOT / "docs/reference").glob("*.md"))

    documented = set(re.findall(r"^\.\. (?:auto)?\w+:: (?:peerdisco\.)?(\w+)", pages, re.MULTILINE))
    assert set(peerdisco.__all__) - documented == set()


def test_every_option_has_its_variable() -> None:
    """The page on the environment has the variable of each option, in order."""
    page = (ROOT / "docs/reference/environment.md").read_text()

    rows = re.findall(r"^\| `(PEERDISCO_\w+)` \| `(\w+)` \|", page, re.MULTILINE)
    assert rows == [(f"PEERDISCO_{name.upper()}", name) for name in DiscoveryConfig.model_fields]


def test_the_readme_links_to_files_that_exist() -> None:
    """A link of the README to this project's pages names a file that is in the repository."""
    text = (ROOT / "README.md").read_text()

    host = r"https://(?:github\.com|raw\.githubusercontent\.com)/peerdisco/peerdisco/(?:(?:blob|tree)/)?main/"
    linked = set(re.findall(rf"\]\({host}([^)#]+)", text))
    assert len(linked) > 10
    assert [path for path in linked if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_figure_of_speed_is_the_tables(page: str) -> None:
    """What README and landing page say of 100 Pods is what the last run of the benchmark says."""
    table = (ROOT / "docs/explanation/benchmarks-table.md").read_text().partition("\n| 10th percentile")[0]
    rows = (line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| "))
    at_100 = {row[0]: int(row[4].partition(" ")[0].replace(",", "")) for row in rows if row[4][:1].isdigit()}

    assert re.search(r"over four times as fast as\s`getaddrinfo`,\sand\sover\s40\stimes", (ROOT / page).read_text())
    assert at_100["getaddrinfo"] / at_100["discover_peers"] > 4
    assert at_100["dnspython Resolver"] / at_100["discover_peers"] > 40


def test_make_targets_exist() -> None:
    """Every target that the README and the contributing guide name is in the Makefile."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "".join((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
    named = {target for line in re.findall(r"`make ([a-z0-9 ]+)`", text) for target in line.split()}

    assert named - targets == set()


def test_every_make_target_is_in_the_contributing_guide() -> None:
    """The table of the contributing guide has each target that `make help` lists, once."""
    listed = re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    rows = re.findall(r"^\| `make ([a-z0-9-]+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)

    assert sorted(rows) == sorted(set(listed) - {"help"})


def test_every_guide_is_in_the_navigation_once() -> None:
    """Each guide stands in one toctree of the landing page, and each entry has its page."""
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```", (ROOT / "docs/index.md").read_text(), re.MULTILINE | re.DOTALL)
    entries = [line for tree in trees for line in tree.splitlines() if line.startswith("how-to/")]

    assert sorted(entries) == sorted(f"how-to/{page.stem}" for page in ROOT.glob("docs/how-to/*.md"))


def test_owner_vectors_are_what_owner_says() -> None:
    """Each row of the table that ports in other languages read is what `owner` returns."""
    page = (ROOT / "docs/how-to/sharding.md").read_text()
    rows = re.findall(r"^\| (`[\da-f.:`, ]+) \| (.*) \| `(.*)` \|$", page, re.MULTILINE)

    for members, told, owner in rows:
        listed = members.replace("`", "").split(", ")
        key = {"(empty)": b"", "the byte `ff`": b"\xff"}.get(told, told.strip("`").encode())
        peers = discover_peers("web", resolver=FakeResolver({"web": listed}, own=listed[0]), family="both")
        assert str(peers.owner(key)) == owner
    assert len(rows) >= 10
    assert {owner for _, _, owner in rows} >= {"10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2"}
