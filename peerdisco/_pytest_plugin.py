"""The pytest plugin of peerdisco, as every test run loads it: a marker and two fixtures.

It imports nothing else of peerdisco, so that a run which uses none of it pays nothing, and coverage is measured from
the first import on. `peerdisco.testing.pytest_plugin` does the work.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pluggy import Result

    from peerdisco.testing import FakeResolver, LocalCluster

_MARKER = (
    "peerdisco(services, *, own=(), namespace='default', cluster_domain='cluster.local', missing='error'): "
    "declare Services, as in {'web': ['10.0.0.1', '10.0.0.2']}, for the fixtures peerdisco_fake and peerdisco_cluster; "
    "a test that uses neither runs with peerdisco_fake."
)
_FIXTURES = {"peerdisco_fake", "peerdisco_cluster"}
_FAKE = pytest.StashKey["FakeResolver"]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a test that has the marker alone the fixture `peerdisco_fake`, before all its others."""
    if (
        isinstance(item, pytest.Function)
        and item.get_closest_marker("peerdisco")
        and not _FIXTURES & {*item.fixturenames}
    ):
        item.fixturenames.insert(0, "peerdisco_fake")


# Not `wrapper`, which pluggy knows since 1.2: the plugin is loaded by whatever pytest is there.
@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Result[pytest.TestReport], None]:
    """Tell once of an undeclared Service: what a test has failed for is not raised again when its fake ends."""
    outcome = yield
    fake = item.stash.get(_FAKE, None)
    if fake and call.excinfo and outcome.get_result().failed:
        from peerdisco.testing.pytest_plugin import forget

        forget(fake, call.excinfo.value)


@pytest.fixture
def peerdisco_fake(request: pytest.FixtureRequest) -> Iterator[FakeResolver]:
    """A strict `FakeResolver` that is the default resolver in every thread, on a `FakeClock` (its attribute `clock`).

    The marker `peerdisco` declares its Services; a Service that is looked up undeclared is an error of the test.
    """
    from peerdisco.testing.pytest_plugin import fake_for

    with fake_for(request.node) as fake:
        request.node.stash[_FAKE] = fake
        yield fake


@pytest.fixture
def peerdisco_cluster(request: pytest.FixtureRequest) -> Iterator[LocalCluster]:
    """A started `LocalCluster` that is the default nameserver in every thread: real packets on 127.0.0.1.

    The marker `peerdisco` declares its headless Services.
    """
    from peerdisco.testing.pytest_plugin import cluster_for

    with cluster_for(request.node) as cluster:
        yield cluster
