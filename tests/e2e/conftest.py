"""Builds CoreDNS where tests need it, or says why they don't run; starts it for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.api_server import ApiServer
from tests.e2e.coredns import CoreDNS, CoreDNSUnavailable, binary
from tests.e2e.corefiles import corefile

HERE = Path(__file__).parent
MEASURED = ("lag", "flaps", "servers")
FOUND = pytest.StashKey[Path | str]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("e2e")


# Not in a fixture: a build takes longer than one test may.
@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Find or build the binary before the first test, if any test needs it."""
    config = session.config
    needing = (item for item in session.items if "coredns_binary" in getattr(item, "fixturenames", ()))
    if config.option.collectonly or not any(needing):
        return
    capture = config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            config.stash[FOUND] = binary(fetch_go=config.getoption("--require-coredns"))
    except CoreDNSUnavailable as reason:
        config.stash[FOUND] = str(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured: how far watchers were behind, how often a Pod came and went, what servers do."""
    for report in (report for word in ("passed", "failed", "skipped") for report in terminalreporter.getreports(word)):
        for key, value in dict(report.user_properties).items() if report.when == "call" else ():
            if key.startswith(MEASURED):
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {key}: {value}")


@pytest.fixture(scope="session")
def coredns_binary(pytestconfig: pytest.Config) -> Path:
    """The CoreDNS to start."""
    found = pytestconfig.stash[FOUND]
    if isinstance(found, Path):
        return found
    if pytestconfig.getoption("--require-coredns"):
        pytest.fail(found, pytrace=False)
    pytest.skip(found)


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """A stub of the Kubernetes API server, in which nothing is declared yet."""
    with ApiServer() as server:
        yield server


@pytest.fixture
def coredns(coredns_binary: Path, api: ApiServer) -> Iterator[CoreDNS]:
    """A CoreDNS that serves what `api` declares, without a cache."""
    with CoreDNS(coredns_binary, corefile(api.url)) as server:
        yield server
