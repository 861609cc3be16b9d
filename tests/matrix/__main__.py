"""`python -m tests.matrix [--only] [PYTHON ...]`: test what is installed in empty environments, and print a table.

For each CPython from 3.11 on that uv finds, free-threaded builds too, and each that is named: the wheel with the lowest
and with the newest dependencies, and the sdist with the tests that it brings. Sync, asyncio, uvloop and gevent are
counted apart; the same tests run under each.

A free-threaded build runs with `PYTHON_GIL=0`, so that no extension module turns the GIL on again, and also runs the
slow tests of threads. Nothing is compiled: a version of a dependency that has no wheel for a Python is passed over, and
uvloop and gevent are left out, and named, where they have none at all.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
OLDEST = (3, 11)
DRIVERS = ("thread", "asyncio", "uvloop", "gevent")
# Those of the test dependencies with native code, and those that tests do without.
_NATIVE = ("pydantic-core", "hypothesis", "coverage", "uvloop", "gevent", "greenlet", "cffi")
_OPTIONAL = ("uvloop", "gevent")
_NEVER = "sys_platform == 'never'"
_KEPT_LINES = 25
_ASKED = """
import sys, sysconfig
is_free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
print(*sys.version_info[:3], int(is_free), int(not getattr(sys, "_is_gil_enabled", lambda: True)()))
"""


class Python(NamedTuple):
    """An interpreter.

    Attributes:
        path: its binary.
        name: its version, with a `t` where it is free-threaded.
        has_gil: whether it has one when it starts, as it is run here.
    """

    path: str
    name: str
    has_gil: bool = True

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that it runs with."""
        return os.environ | ({} if self.has_gil else {"PYTHON_GIL": "0"})


class Row(NamedTuple):
    """What came of one environment.

    Attributes:
        python: the interpreter's name, and whether it ran without a GIL.
        what: which package, and which dependencies.
        versions: of the runtime dependencies.
        passed: how many tests passed.
        failed: how many did not.
        skipped: how many were skipped.
        drivers: how many passed under each driver.
        trouble: the end of the output where anything failed.
    """

    python: str
    what: str
    versions: str = ""
    passed: int = 0
    failed: int = 1
    skipped: int = 0
    drivers: str = ""
    trouble: str = ""

    @property
    def line(self) -> str:
        """The row as a line of a Markdown table."""
        cells = (self.python, self.what, self.versions, self.passed, self.failed, self.skipped, self.drivers)
        return "| " + " | ".join(map(str, cells)) + " |"


HEAD = "| Python | installed | with | passed | failed | skipped | thread / asyncio / uvloop / gevent |"


def pythons(named: Sequence[str]) -> Iterator[Python]:
    """Yield each interpreter once; after `--only` none but those named."""
    command = [str(UV), "python", "list", "--only-installed", "--output-format", "json", "--no-python-downloads"]
    is_alone = "--only" in named
    listed = [] if is_alone else json.loads(_output(command))
    paths = [entry["path"] for entry in listed if entry["implementation"] == "cpython"] + list(named[is_alone:])
    seen = set()
    for path in paths:
        *version, is_free, _ = map(int, _output([path, "-c", _ASKED]).split())
        name = ".".join(map(str, version)) + "t" * is_free
        if tuple(version) >= OLDEST and name not in seen:
            seen.add(name)
            python = Python(path, name, has_gil=not is_free)
            *_, is_off = _output([path, "-c", _ASKED], environ=python.environ).split()
            if is_free and is_off == "0":
                raise RuntimeError(f"{path} is free-threaded, and its GIL is on in spite of PYTHON_GIL=0")
            yield python


def tested(python: Python, what: str, package: Path, tests: Path, scratch: Path, *, lowest: bool) -> Row:
    """Install a package alone into an empty environment, and run the unit tests against it."""
    row = Row(python.name + ("" if python.has_gil else ", no GIL"), what)
    venv, report, constraints = scratch / "venv", scratch / "report.xml", scratch / "constraints.txt"
    binary = str(venv / "bin" / "python")
    try:
        _output([str(UV), "venv", "-q", "--python", python.path, str(venv)])
        install = [str(UV), "pip", "install", "-q", "--python", binary]
        install += [f"--only-binary={name}" for name in _NATIVE]
        if lowest:  # of a wheel's dependencies, which are not direct, uv would take the newest
            _output([*install, "--resolution", "lowest-direct", "-r", str(ROOT / "pyproject.toml")])
        _output([*install, str(package)])
        installed = _output([str(UV), "pip", "freeze", "--python", binary])
        versions = dict(line.split("==") for line in installed.splitlines() if "==" in line)
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in versions.items()))
        project = str(ROOT / "pyproject.toml")
        without = scratch / "without.txt"
        without.write_text("".join(f"{name}; {_NEVER}\n" for name in _OPTIONAL))
        _output([*install, "-c", str(constraints), "--group", f"{project}:test", "--override", str(without)])
    except subprocess.CalledProcessError as error:
        return row._replace(trouble=f"{' '.join(error.cmd[:4])}: {error.stderr[-2000:]}")
    shown = " ".join(f"{name} {versions[name]}" for name in ("dnspython", "tenacity", "pydantic"))
    missing = [name for name in _OPTIONAL if not _is_installed([*install, "-c", str(constraints), name])]
    shown += "".join(f", no wheel of {name}" for name in missing)
    return _run_tests(row._replace(versions=shown), python, binary, tests, report)


def _is_installed(command: Sequence[str]) -> bool:
    """Install something, and return whether that can be."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own words


def _run_tests(row: Row, python: Python, binary: str, tests: Path, report: Path) -> Row:
    """Run the unit tests of a checkout against what is installed: the checkout's package is out of the way."""
    place = report.parent / "checkout"
    place.mkdir()
    for name in ("tests", "examples"):
        (place / name).symlink_to(tests / name)
    command = [binary, "-P", "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), f"--rootdir={tests}"]
    command += [
        "-m",
        "not slow" if python.has_gil else "not slow or races",
        "-o",
        "addopts=--import-mode=importlib",
        f"--junitxml={report}",
        "-n",
        "2",
    ]
    # What tests packaging needs the checkout, and make test runs it there.
    command += [str(tests / "tests"), "-p", "no:cacheprovider"]
    command += [f"--ignore={tests / 'tests' / folder}" for folder in ("e2e", "guides", "docs_look")]
    done = subprocess.run(  # noqa: S603 - our own words
        command, cwd=place, env=python.environ | {"PYTHONPATH": str(place)}, capture_output=True, text=True, check=False
    )
    if not report.exists():
        return row._replace(trouble=done.stdout[-3000:] + done.stderr[-1000:])
    # The report is our own pytest's.
    suite = ET.parse(report).getroot()[0]  # noqa: S314
    count = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    failed = count["failures"] + count["errors"]
    passed = [case for case in suite.iter("testcase") if len(case) == 0]
    drivers = " / ".join(str(sum(_is_of(case, driver) for case in passed)) for driver in DRIVERS)
    trouble = "\n".join(done.stdout.splitlines()[-_KEPT_LINES:]) if failed else ""
    return row._replace(passed=len(passed), failed=failed, skipped=count["skipped"], drivers=drivers, trouble=trouble)


def _is_of(case: ET.Element, driver: str) -> bool:
    """Return whether a test is parametrised with a driver, or about it."""
    return re.search(rf"\b{driver}\b", case.attrib["name"]) is not None or f"test_{driver}" in case.attrib["classname"]


def _output(command: Sequence[str], environ: Mapping[str, str] = os.environ) -> str:
    # Our own words.
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout  # noqa: S603


def main(named: Sequence[str]) -> int:
    """Print the table, and return 1 where anything failed."""
    failed = False
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        _output([sys.executable, "-m", "build", "-q", "--no-isolation", "--outdir", str(scratch / "dist"), str(ROOT)])
        (wheel,), (sdist,) = scratch.glob("dist/*.whl"), scratch.glob("dist/*.tar.gz")
        with tarfile.open(sdist) as archive:
            archive.extractall(scratch / "sdist", filter="data")
        (unpacked,) = (scratch / "sdist").iterdir()
        print(HEAD, "|---" * 7 + "|", sep="\n", flush=True)
        for python in pythons(named):
            for what, package, tests, lowest in (
                ("wheel, lowest", wheel, ROOT, True),
                ("wheel, newest", wheel, ROOT, False),
                ("sdist, newest", sdist, unpacked, False),
            ):
                place = scratch / "environment"
                place.mkdir()
                row = tested(python, what, package, tests, place, lowest=lowest)
                shutil.rmtree(place)
                print(row.line, row.trouble, sep="\n" * bool(row.trouble), flush=True)
                failed = failed or row.failed > 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
