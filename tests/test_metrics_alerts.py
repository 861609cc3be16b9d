"""The alert rules and the dashboard of the documentation: they use what is exposed, and lead to pages that exist."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client import CollectorRegistry

from peerdisco import Outcome, PeerDiscoError, PeerWatcher
from peerdisco._core.conditions import EMPTY, conditions_of
from peerdisco._core.listing import Listing
from peerdisco.errors import Reason
from peerdisco.metrics import PeerDiscoCollector
from peerdisco.testing import FakeResolver, LocalCluster

ROOT = Path(__file__).parents[1]
ALERTS = ROOT / "docs/how-to/alerts"
RULES = ALERTS / "peerdisco.rules.yaml"
DASHBOARD = json.loads((ALERTS / "peerdisco-dashboard.json").read_text())
PROMTOOL = shutil.which("promtool")
RULE_TESTS = Path(__file__).parent / "support/data/peerdisco.rules.test.yaml"

PAGE = "https://github.com/peerdisco/peerdisco/blob/main/docs/how-to/no-peers.md#"
LOOKUP_CODES = {
    *(reason.replace("_", "-") for reason in get_args(Reason)),
    *EMPTY,
    "changed",
    "unchanged",
    "not-headless",
    "resolver-error",
}
PAGES = set(re.findall(r"^### (\S+)$", (ROOT / "docs/how-to/no-peers.md").read_text(), re.MULTILINE))
LIST_CODES = {*conditions_of(Listing(Outcome.FOUND, frozenset(), complete=False, outside=frozenset({b"\7\7\7\7"})))}
CODES = (LOOKUP_CODES - {"changed", "unchanged"}) | LIST_CODES | {"stale", "self-not-listed"}
TARGET_LABELS = {"namespace", "pod", "instance", "job"}


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    """The alert rules."""
    yaml = pytest.importorskip("yaml", reason="only the development group reads YAML")
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def exposed() -> dict[str, set[str]]:
    """Every series' name that the collector exposes, with its labels."""
    with LocalCluster() as cluster:
        cluster.headless("svc", ["10.0.0.1"])
        watcher = PeerWatcher("svc", own_ips="10.0.0.9", **cluster.options)
        watcher.refresh()
        watcher.close()
    registry = CollectorRegistry()
    registry.register(PeerDiscoCollector(watcher))
    return {sample.name: set(sample.labels) for metric in registry.collect() for sample in metric.samples}


def queries() -> list[str]:
    """What the dashboard asks."""
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return asked + [item["query"] for item in DASHBOARD["templating"]["list"] if item["type"] == "query"]


def names(query: str) -> set[str]:
    """The metrics of a query."""
    return set(re.findall(r"\bpeerdisco_\w+", query))


def labels(query: str) -> set[str]:
    """The labels that a query matches or groups by."""
    matched = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query)
    grouped = re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", query)
    return {*matched, *(label.strip() for group in grouped for label in group.split(","))}


def matched_codes(query: str) -> Iterator[str]:
    """The codes that a query matches."""
    for codes in re.findall(r"code=~?\"([^\"]*)\"", query):
        yield from codes.split("|")


def check(query: str, exposed: dict[str, set[str]]) -> None:
    """A query uses what is exposed, and is in balance."""
    assert names(query), f"asks for no metric: {query}"
    assert names(query) <= exposed.keys()
    known = TARGET_LABELS.union(*(exposed[name] for name in names(query)))
    assert labels(query) <= known
    assert set(matched_codes(query)) <= LOOKUP_CODES
    assert all(query.count(opened) == query.count(closed) for opened, closed in ("()", "[]", "{}"))


def test_rules_use_what_is_exposed(rules: list[dict[str, Any]], exposed: dict[str, set[str]]) -> None:
    """Each rule names metrics, labels and codes that the collector exposes."""
    for rule in rules:
        check(rule["expr"], exposed)


def test_rules_lead_to_the_page_of_their_code(rules: list[dict[str, Any]]) -> None:
    """Each runbook is the heading of a code; one made of the alert's label, of each code that the rule matches."""
    for rule in rules:
        url = rule["annotations"]["runbook_url"]
        assert url.startswith(PAGE)
        anchor = url.removeprefix(PAGE)
        codes = set(matched_codes(rule["expr"])) if anchor == "{{ $labels.code }}" else {anchor}
        assert codes
        assert codes <= CODES & PAGES


def test_every_code_has_an_alert(rules: list[dict[str, Any]]) -> None:
    """Whatever can keep a list from being right raises some alert."""
    anchors = {rule["annotations"]["runbook_url"].removeprefix(PAGE) for rule in rules}
    matched = {code for rule in rules for code in matched_codes(rule["expr"])}

    assert anchors | matched == CODES | {"{{ $labels.code }}"}


def test_rules_say_what_they_mean(rules: list[dict[str, Any]]) -> None:
    """Each alert has its own name, waits a while, and says how bad it is and what has happened."""
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert re.fullmatch(r"PeerDisco\w+", rule["alert"])
        assert re.fullmatch(r"\d+m", rule["for"])
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert "{{ $labels.service }}" in rule["annotations"]["summary"]
        assert rule["annotations"]["description"].endswith(".")


@pytest.mark.parametrize("query", queries())
def test_the_dashboard_uses_what_is_exposed(query: str, exposed: dict[str, set[str]]) -> None:
    """Each query of the dashboard names metrics and labels that the collector exposes."""
    check(query, exposed)


def test_the_dashboard_shows_everything(exposed: dict[str, set[str]]) -> None:
    """Whatever is exposed is on the dashboard."""
    assert set().union(*map(names, queries())) == exposed.keys()


def test_the_dashboard_is_laid_out() -> None:
    """Panels have numbers and titles of their own, lie in Grafana's 24 columns, and do not overlap."""
    taken = [
        (column, row)
        for box in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for column in range(box["x"], box["x"] + box["w"])
        for row in range(box["y"], box["y"] + box["h"])
    ]

    assert len(taken) == len(set(taken))
    assert max(column for column, _ in taken) < 24
    for key in ("id", "title"):
        assert len({panel[key] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_guide_names_everything(exposed: dict[str, set[str]]) -> None:
    """The table of the guide has every metric, and its text every code of a lookup."""
    guide = (ROOT / "docs/how-to/metrics.md").read_text()
    series = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exposed}

    assert set(re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE)) == series
    assert [code for code in LOOKUP_CODES if f"`{code}`" not in guide] == []


def test_codes_are_those_of_lookups() -> None:
    """Every reason to fail is counted under a code of the list above."""
    for reason in get_args(Reason):
        fake = FakeResolver({"svc": reason})
        watcher = PeerWatcher("svc", resolver=fake)
        with pytest.raises(PeerDiscoError):
            watcher.refresh()
        assert set(watcher.status.lookup_codes) <= LOOKUP_CODES


def test_promtool_finds_the_rules_right(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Prometheus' own tool reads the rules, and each state raises the alert that it should."""
    if PROMTOOL is None:
        if pytestconfig.getoption("--require-servers"):
            pytest.fail("promtool is not installed: Debian's package prometheus has it")
        pytest.skip("promtool is not installed")
    shutil.copy(RULES, tmp_path)
    shutil.copy(RULE_TESTS, tmp_path)
    for command in (["check", "rules", "--lint-fatal", RULES.name], ["test", "rules", RULE_TESTS.name]):
        done = subprocess.run(  # noqa: S603 - our own words
            [PROMTOOL, *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
