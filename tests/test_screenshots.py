"""The pictures of the documentation show what the commands print now."""

import re
from pathlib import Path

import pytest

from tests.support.screenshots import COLUMNS, FOLDER, SCENES, masked, screen, text_of

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", SCENES)
def test_a_picture_is_up_to_date(name: str) -> None:
    """The text of a picture is what the command prints on a terminal, but for times and ports."""
    assert masked(text_of(FOLDER / f"{name}.svg")) == masked(screen(SCENES[name])), "run `make screenshots`"


@pytest.mark.parametrize("name", SCENES)
def test_a_picture_is_shown_and_can_be_read(name: str) -> None:
    """A page shows each picture with a text for who does not see it; no line is cut, and nothing is loaded for it."""
    svg = (FOLDER / f"{name}.svg").read_text("utf-8")
    pages = "".join(page.read_text("utf-8") for page in DOCS.glob("*/*.md"))

    assert re.search(rf"!\[.{{20,}}\]\(\.\./_static/{name}\.svg\)", pages)
    assert max(map(len, text_of(FOLDER / f"{name}.svg").splitlines())) <= COLUMNS
    assert re.findall(r"url\((?!#)", svg) == []
