"""The built site as files: its links, its inventory, and what it keeps to itself."""

import importlib
import inspect
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from sphinx.util.inventory import InventoryFile

import peerdisco

MODULES = [
    "aio",
    "answers",
    "clock",
    "config",
    "environment",
    "errors",
    "fanout",
    "metrics",
    "peers",
    "resolvers",
    "sync",
    "testing",
    "testing.clock",
    "testing.cluster",
    "testing.fake",
]
# Helpers that modules of the package share; the page on stability says that what is not listed is private.
INTERNAL = {
    "config": {"parse_nameservers"},
    "environment": {"cluster_domain_of", "namespace_of", "own_ips_of"},
    "fanout": {"call_in_tasks", "call_in_threads", "start_thread"},
    "peers": {"PackedPeers"},
    "resolvers": {"clock_of", "environment_of"},
    "sync": {"run_lookup"},
    "aio": {"run_lookup"},
}


def public_names(module: str) -> set[str]:
    """Return what a module exports, or else what it defines without an underscore."""
    loaded = importlib.import_module(f"peerdisco.{module}")
    defined = {
        name
        for name, value in vars(loaded).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == loaded.__name__
    }
    return set(getattr(loaded, "__all__", defined))


@pytest.mark.parametrize("module", ["", *MODULES])
def test_every_public_name_is_in_the_inventory(site: Path, module: str) -> None:
    """A name that can be imported has its place in the reference."""
    with (site / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, path: base + path)
    listed = {name for kind, names in inventory.items() if kind.startswith("py:") for name in names}
    names = public_names(module) - INTERNAL.get(module, set()) if module else set(peerdisco.__all__)
    homes = ["peerdisco", f"peerdisco.{module}".rstrip("."), "peerdisco.testing"]

    assert {name for name in names if not any(f"{home}.{name}" in listed for home in homes)} == set()


def test_what_is_internal_exists() -> None:
    """A name that is excused from the reference is still in its module, or the excuse is old."""
    loaded = {module: importlib.import_module(f"peerdisco.{module}") for module in INTERNAL}

    assert [name for module, names in INTERNAL.items() for name in names if not hasattr(loaded[module], name)] == []


def test_every_link_leads_somewhere(site: Path) -> None:
    """A link or an image within the site names a file that is there, and an anchor that is in it."""
    pages = {page: page.read_text() for page in site.rglob("*.html")}
    anchors = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in pages.items()}
    broken = []
    for page, text in pages.items():
        for link in re.findall(r'\b(?:href|src)="([^"]+)"', text):
            path, anchor = urldefrag(unquote(link.replace("&amp;", "&")))
            if re.match(r"[a-z]+:", path):
                continue
            target = (page.parent / path.split("?")[0]).resolve() if path else page
            if not target.exists() or (anchor and target.suffix == ".html" and anchor not in anchors[target]):
                broken.append(f"{page.relative_to(site)}: {link}")

    assert broken == []


def test_no_directive_of_the_tests_is_published(site: Path) -> None:
    """What a page hides from its readers is hidden, in the page and in its source."""
    published = [path for path in site.rglob("*") if path.suffix in {".html", ".txt", ".md", ".js"}]

    assert published
    assert [path.name for path in published if "invisible-code-block" in path.read_text()] == []
    assert list(site.glob("_sources/**/*.md*")) == []
