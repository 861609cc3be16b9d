"""Whole test runs with our pytest plugin, as its users have them: strict markers, and every warning is an error."""

from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]

# Every plugin but pytest's own and ours, so that each test says which ones are there.
ALONE = ("asyncio", "xdist", "hypothesispytest", "timeout", "anyio")

TEST = """
    import asyncio
    import threading
    from concurrent.futures import ThreadPoolExecutor

    import pytest

    from peerdisco import PeerWatcher, adiscover_peers, discover_peers
    from peerdisco.testing import FakeResolver, LocalCluster
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Runs a test file in a process of its own, without other plugins but those named."""
    pytester.makeini("""
        [pytest]
        addopts = --strict-markers --strict-config
        filterwarnings = error
    """)

    def run(source: str, *arguments: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
        pytester.makepyfile(source)
        without = (f"-pno:{name}" for name in ALONE if name not in plugins)
        return pytester.runpytest_subprocess(*without, *arguments)

    return run


def passes(result: pytest.RunResult, count: int) -> None:
    """So many tests passed, and nothing else happened."""
    result.assert_outcomes(passed=count)
    assert result.ret == 0
