"""What pytest must know before it collects anything."""

from collections.abc import Iterator

import pytest

from peerdisco import resolvers


# Here and not in tests/e2e: pytest reads options only from a conftest that it loads at start.
def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--require-coredns` and `--require-servers`."""
    parser.addoption(
        "--require-coredns",
        action="store_true",
        help="build CoreDNS if need be, and fail the e2e tests where it can't be had",
    )
    parser.addoption(
        "--require-servers",
        action="store_true",
        help="fail the tests against other DNS servers where those are not installed",
    )


@pytest.fixture(autouse=True)
def nothing_is_known_of_nameservers() -> Iterator[None]:
    """Forgets what the process has learnt of one test's server, since the next one's may have the same port."""
    yield
    resolvers._memory.clear()
