"""What is built: a wheel that installs `peerdisco` alone, and an sdist from which everything can be tested."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel and an sdist, built from this checkout."""
    pytest.importorskip("hatchling", reason="only the development group builds")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words
    return folder


def test_the_wheel_installs_peerdisco_alone(built: Path) -> None:
    """Whoever installs peerdisco gets no `tests`, `examples` or `docs` beside it, and every module of the package."""
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "peerdisco").rglob("*.py")}

    assert {name.split("/")[0].partition("-")[0] for name in names} == {"peerdisco"}
    assert modules | {"peerdisco/py.typed"} <= set(names)
    assert not [name for name in names if not name.endswith((".py", "py.typed")) and ".dist-info/" not in name]


def test_the_sdist_can_be_tested(built: Path) -> None:
    """The sdist holds what the tests and the documentation need, and nothing that was made from them."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"Makefile", "conftest.py", "tests/support/data/coredns.txt", "docs/conf.py", "README.md"} <= names
    assert not [name for name in names if name.startswith(("docs/_build", ".venv", "build/", "dist/"))]


def test_the_readme_works_elsewhere() -> None:
    """A package index shows the README alone, so its links are absolute."""
    readme = (ROOT / "README.md").read_text("utf-8")
    targets = [part.partition(")")[0] for part in readme.split("](")[1:]]

    assert targets
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []
