"""Every page in a browser, on a wide and on a narrow screen, and what it shows."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.docs_look.conftest import ROOT

ColorScheme = Literal["light", "dark"]
PAGES = [
    str(page.relative_to(ROOT / "docs").with_suffix(""))
    for page in sorted(ROOT.glob("docs/**/*.md"))
    if "_build" not in page.parts and not page.stem.endswith("-table")
]
SHOWN = ["index", "tutorial", "how-to/broadcast", "reference/api", "reference/watchers", "explanation/performance"]
WIDTHS = [1400, 400]

# What is wrong with the page as it is laid out. A wide table has a scrollbar of its own, so it is no fault.
FAULTS = """() => {
    const faults = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) faults.push(`the page is ${root.scrollWidth} px wide`);
    for (const block of document.querySelectorAll("pre, dt.sig"))
        if (block.scrollWidth > block.clientWidth + 1) faults.push(`cut off: ${block.innerText.slice(0, 60)}`);
    for (const image of document.images)
        if (!image.naturalWidth) faults.push(`does not load: ${image.src}`);
    for (const element of document.querySelectorAll("article *")) {
        const box = element.getBoundingClientRect();
        const hidden = element.closest(".table-wrapper, .headerlink, .copybtn, svg, math");
        if (box.right > root.clientWidth + 1 && !hidden) faults.push(`sticks out: ${element.outerHTML.slice(0, 80)}`);
    }
    return faults;
}"""


def opened(browser: Browser, site: Path, page: str, width: int, scheme: ColorScheme) -> tuple[Page, list[str]]:
    """Return the page, loaded, and what it complained of."""
    complaints: list[str] = []
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("requestfailed", lambda request: complaints.append(f"can't be loaded: {request.url}"))
    tab.goto(f"file://{site / page}.html", wait_until="load")
    return tab, complaints


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_cut_off(browser: Browser, site: Path, page: str, width: int) -> None:
    """A page fits the screen with its code and images, and the browser has nothing to complain of."""
    tab, complaints = opened(browser, site, page, width, "light")

    faults = tab.evaluate(FAULTS)
    tab.close()
    assert complaints + faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", SHOWN)
def test_screenshots(
    browser: Browser, site: Path, screenshots: Path, page: str, width: int, scheme: ColorScheme
) -> None:
    """The pages that are read most are left as images, and the dark ones are dark."""
    tab, complaints = opened(browser, site, page, width, scheme)

    tab.screenshot(path=screenshots / f"{page.replace('/', '-')}-{width}-{scheme}.png", full_page=True)
    brightness = tab.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)[0]")
    tab.close()
    assert complaints == []
    assert (brightness < 128) is (scheme == "dark")


def test_a_page_that_is_too_wide_is_noticed(browser: Browser, tmp_path: Path) -> None:
    """A line of code, an element and an image that can't be shown are each found."""
    (tmp_path / "bad.html").write_text(
        "<!doctype html><body style='margin:0'><article><pre style='overflow:auto'>" + "x" * 900 + "</pre>"
        "<p style='width:3000px'>wide</p><img src='none.png'></article>"
    )
    tab, complaints = opened(browser, tmp_path, "bad", 400, "light")

    faults = [fault.split(":")[0] for fault in tab.evaluate(FAULTS)]
    tab.close()
    assert faults == ["the page is 3000 px wide", "cut off", "does not load", "sticks out"]
    assert any("none.png" in complaint for complaint in complaints)
