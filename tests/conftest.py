"""What pytest must know before it collects anything."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from peerdisco import resolvers

# Tests count calls where time matters: how long an example takes is up to what else the machine does.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# Test modules that start processes, wait for real timeouts, or search for counterexamples: not for `make check`.
SLOW = (
    "test_bench_parts",
    "test_celery",
    "test_chaos",
    "test_cli_wait",
    "test_cli_watch",
    "test_compose",
    "test_concurrency",
    "test_demo",
    "test_doctor_command",
    "test_doctor_servers",
    "test_dual_stack",
    "test_examples",
    "test_exits",
    "test_fastapi",
    "test_fleet",
    "test_fuzz_corpus",
    "test_forks",
    "test_gunicorn",
    "test_metrics_alerts",
    "test_packaging",
    "test_pytest_plugin_runs",
    "test_records",
    "test_reply_properties",
    "test_roster_properties",
)

# Those of them that show what threads do to each other: for builds without a GIL, however long they take.
RACES = ("test_concurrency", "test_exits", "test_forks")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests."""
    for item in items:
        if item.path.stem.startswith(SLOW):
            item.add_marker("slow")
        if item.path.stem.startswith(RACES):
            item.add_marker("races")


# Here and not in tests/e2e: pytest reads options only from a conftest that it loads at start.
def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--require-coredns`, `--require-servers` and `--require-chromium`."""
    parser.addoption(
        "--require-coredns",
        action="store_true",
        help="build CoreDNS if need be, and fail the e2e tests where it can't be had",
    )
    parser.addoption(
        "--require-servers",
        action="store_true",
        help="fail the tests that need another DNS server or promtool where that is not installed",
    )
    parser.addoption(
        "--require-chromium",
        action="store_true",
        help="fail the tests that open the documentation in a browser where Chromium is not installed",
    )


@pytest.fixture(autouse=True)
def nothing_is_known_of_nameservers() -> Iterator[None]:
    """Forgets what the process has learnt of one test's server, since the next one's may have the same port."""
    yield
    resolvers._memory.clear()
