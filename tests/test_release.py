"""How a release is made: workflows that can do little and run only what is pinned, and a tag that must fit."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
CHECK = ROOT / ".ci" / "release-check"

pytestmark = pytest.mark.skipif(not WORKFLOWS, reason="an sdist has no workflows")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_each_action_is_pinned(path: Path) -> None:
    """An action is named by its commit, with the version beside it, so that nobody can change what it does."""
    used = re.findall(r"uses: (.*)", path.read_text("utf-8"))

    assert used
    assert [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_permission_goes_without_saying(path: Path) -> None:
    """A workflow has no permission, and each job those that it lists; nothing may write to the repository."""
    text = path.read_text("utf-8")

    assert "\npermissions: {}\n" in text
    assert text.count("    permissions:\n") == text.count("    runs-on: ")
    assert "contents: write" not in text


def test_one_action_has_one_pin() -> None:
    """The same action is the same commit everywhere."""
    used = {one for path in WORKFLOWS for one in re.findall(r"uses: (\S+)", path.read_text("utf-8"))}

    assert len(used) == len({one.partition("@")[0] for one in used})


def test_a_tag_that_does_not_fit_is_refused() -> None:
    """A tag that names another version than the package ends the release before anything is built."""
    done = subprocess.run(  # noqa: S603 - our own script
        [CHECK], env=os.environ | {"TAG": "v9.9.9"}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stdout.startswith("the tag is v9.9.9, but the package is ")
