"""What pytest must know before it collects anything."""

import pytest


# Here and not in tests/e2e: pytest reads options only from a conftest that it loads at start.
def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--require-coredns`."""
    parser.addoption(
        "--require-coredns",
        action="store_true",
        help="build CoreDNS if need be, and fail the e2e tests where it can't be had",
    )
