"""`peerdisco doctor` as a command: time, number of questions, output, exit codes, and the list of codes."""

import ast
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import peerdisco.cli
from peerdisco.cli import main
from peerdisco.cli._doctor_asker import MOST_QUESTIONS
from peerdisco.cli._doctor_report import GOOD, GROUPS, PROBLEMS
from peerdisco.testing import LocalCluster
from tests.support.doctors import Run, cluster, pod, run

__all__ = ["cluster", "pod", "run"]  # fixtures

CLI = Path(peerdisco.cli.__file__).parent
DOCS = Path(__file__).parents[1] / "docs"
REASONS = {"timeout", "servfail", "refused", "malformed", "truncated", "no-nameserver"}


def test_silence_takes_little_more_than_the_timeout(cluster: LocalCluster, run: Run) -> None:
    """With every server silent, the doctor ends within its timeout and two seconds."""
    cluster.fail("drop")
    servers = [argument for _ in range(5) for argument in ("--nameserver", cluster.nameserver)]
    began = time.monotonic()

    assert run("test-cs-svc", "--timeout", "0.5", *servers)[0] == 1
    assert time.monotonic() - began < 2.5
    assert len(cluster.questions) <= MOST_QUESTIONS


def test_most_questions(cluster: LocalCluster, run: Run) -> None:
    """However many servers there are and whatever they lose, no more than 40 questions are sent."""
    cluster.headless("big", [f"10.0.{n >> 8}.{n & 255}" for n in range(1, 5001)], ports={"http": 80})
    cluster.fail("drop", times=6, transport="udp")
    with LocalCluster() as refusing, LocalCluster() as silent:
        silent.fail("drop")
        refusing.fail("refused")
        clusters = (silent, refusing, cluster)
        servers = [argument for one in (*clusters, *clusters) for argument in ("--nameserver", one.nameserver)]
        run("big", "--timeout", "2", "--port", "nope", *servers)

        assert sum(len(one.questions) for one in clusters) <= MOST_QUESTIONS == 40


def test_text_in_a_pipe(cluster: LocalCluster) -> None:
    """In a pipe there is no colour, each check has one line, and the exit code is the command's."""
    command = [sys.executable, "-m", "peerdisco", "doctor", "test-cs-svc-head"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module

    assert (done.returncode, done.stderr) == (1, "")
    assert "\033" not in done.stdout
    assert done.stdout.splitlines()[-1] == "not healthy; failed: not-headless"


def test_short(capsys: pytest.CaptureFixture[str]) -> None:
    """Where all is well, the short form prints nothing."""
    assert main(["doctor", "test-cs-svc", "--output", "short"]) == 0
    assert capsys.readouterr().out == ""


def test_only_some_groups(cluster: LocalCluster, run: Run) -> None:
    """What is not asked for neither shows nor counts, and what is asked for fails by itself."""
    assert run("test-cs-svc-head", "--only", "where", "--only", "ask") == (0, {})
    assert run("test-cs-svc-head", "--only", "me") == (1, {"me": ["not-headless"]})
    cluster.fail("drop")
    for group in ("headless", "who", "me"):
        assert run("test-cs-svc", "--timeout", "0.2", "--only", group) == (1, {GROUPS[group]: ["timeout"]})


def test_warnings_that_fail(run: Run) -> None:
    """With `--fail-on warning`, a warning is a failure."""
    not_listed = ["test-cs-svc", "--own-ips", "10.0.0.9"]

    assert run(*not_listed) == (0, {"me": ["self-not-listed"]})
    assert run(*not_listed, "--fail-on", "warning") == (1, {"me": ["self-not-listed"]})


@pytest.mark.parametrize(
    "arguments", [["--only", "all"], ["--wait", "-1"], ["--wait", "inf"], ["--wait", "x"], ["--output", "xml"]]
)
def test_wrong_arguments_are_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What makes no sense ends in the usage of the command."""
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "test-cs-svc", *arguments])

    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert "usage: peerdisco doctor" in err
    assert f"argument {arguments[0]}: " in err


def test_wrong_options_are_2(capsys: pytest.CaptureFixture[str]) -> None:
    """An option that no lookup could have is an error of the command line, not a failed check."""
    assert main(["doctor", "test-cs-svc", "--timeout", "0"]) == 2
    assert main(["doctor", "10.0.0.1"]) == 2
    assert capsys.readouterr().out == ""


def test_every_code_is_known() -> None:
    """The codes that the doctor's modules write are those of its lists, and each is written somewhere."""
    written = set()
    for path in CLI.glob("*doctor*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.IfExp) and node.args:
                maker, first = ast.unparse(node.func), node.args[0]
                if maker in (
                    "ok",
                    "warn",
                    "fail",
                    "warn if is_tolerable else fail",
                    "fail if is_first_wrong else warn",
                ):
                    written |= {first.value} if isinstance(first, ast.Constant) else set()
    options = {"no-namespace", "bad-option"}

    assert written | REASONS | options == {*GOOD, *PROBLEMS}


def test_every_code_is_documented() -> None:
    """The page about the doctor lists each code."""
    rows = re.findall(r"^\| `([a-z-]+)` \|", (DOCS / "how-to/doctor.md").read_text("utf-8"), re.MULTILINE)

    assert sorted(rows) == sorted((*GOOD, *PROBLEMS))
