"""The built site, and a headless Chromium that opens it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[2]
# Without a network, a graphics card or a first run's questions. It starts from a new, empty profile each time.
CHROMIUM_OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site, built as `make docs` does."""
    built = tmp_path_factory.mktemp("site")
    subprocess.run(  # noqa: S603 - our own documentation, by this interpreter
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-E", "docs", str(built)], cwd=ROOT, check=True
    )
    return built


@pytest.fixture(scope="module")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """Return a browser, or skip the test where there is none."""
    path = shutil.which("chromium")
    if path is None:
        if pytestconfig.getoption("--require-chromium"):
            pytest.fail("chromium is not installed: apt-get install chromium")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS.split())
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Return the folder where screenshots are left for people to look at."""
    folder = ROOT / "build" / "docs-look"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
