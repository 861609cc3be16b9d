"""`peerdisco watch --exec`: what is run, with which list, and what becomes of it."""

import os
from pathlib import Path
from queue import SimpleQueue

import pytest

from peerdisco.cli import main
from peerdisco.cli._on_change import CommandRunner
from peerdisco.testing import LocalCluster
from tests.support.commands import PATIENCE
from tests.support.watch_command import FIRST, OWN, SECOND, THIRD, cluster, end, event, watching

__all__ = ["cluster"]


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A pipe with a name: a command that writes to it waits until the test reads."""
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def test_exec_gets_the_whole_list_at_the_start_and_at_each_change(cluster: LocalCluster, fifo: Path) -> None:
    """The command is run with every peer on standard input, one per line."""
    with watching(cluster, "--json", "--exec", f"cat > {fifo}") as process:
        assert fifo.read_text() == f"{FIRST}\n"
        cluster.headless("svc", [OWN, FIRST, SECOND])
        assert fifo.read_text() == f"{FIRST}\n{SECOND}\n"
        cluster.headless("svc", [OWN])
        assert fifo.read_text() == ""

        assert end(process)[0] == 0


def test_an_empty_command_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that a shell script forgot to fill in is refused."""
    assert main(["watch", "svc", "--nameserver", "127.0.0.1", "--exec", " "]) == 2
    assert capsys.readouterr().err == "peerdisco: --exec=' ': is empty; give a shell command\n"


def test_exec_skips_to_the_newest_list(cluster: LocalCluster, fifo: Path) -> None:
    """One command runs at a time; when it ends, what came in between is skipped."""
    gate = fifo.with_name("gate")
    os.mkfifo(gate)
    with watching(cluster, "--json", "--exec", f"cat > {fifo}; : < {gate}") as process:
        event(process)
        first = fifo.read_text()
        for pods in ([OWN, FIRST, SECOND], [OWN, FIRST, SECOND, THIRD]):
            cluster.headless("svc", pods)
            event(process)
        gate.write_text("")

        assert [first, fifo.read_text()] == [f"{FIRST}\n", f"{FIRST}\n{SECOND}\n{THIRD}\n"]


def test_exec_with_ports_gets_what_lookup_prints(cluster: LocalCluster, fifo: Path) -> None:
    """A line is a URL's host and port, where there is a port."""
    with watching(cluster, "--port", "8080", "--exec", f"cat > {fifo}"):
        assert fifo.read_text() == f"{FIRST}:8080\n"


def test_exec_that_fails_is_reported_and_the_watch_goes_on(cluster: LocalCluster) -> None:
    """A command that fails, and one that ends without reading, leave the watch as it was."""
    with watching(cluster, "--json", "--exec", "exit 3") as process:
        assert process.stderr
        assert process.stderr.readline() == "peerdisco: --exec 'exit 3' exited with 3\n"
        event(process)
        cluster.headless("svc", [OWN, FIRST, SECOND])
        assert event(process)["ip"] == SECOND
        assert process.stderr.readline() == "peerdisco: --exec 'exit 3' exited with 3\n"

        assert end(process) == (0, "")


def test_exec_that_is_killed_is_reported(cluster: LocalCluster) -> None:
    """A command that a signal ends is reported with the signal's name."""
    with watching(cluster, "--exec", "kill -KILL $$") as process:
        assert process.stderr
        assert process.stderr.readline() == "peerdisco: --exec 'kill -KILL $$' was ended by SIGKILL\n"


def test_exec_prints_to_standard_error(cluster: LocalCluster) -> None:
    """What the command prints does not come between the events."""
    with watching(cluster, "--json", "--exec", "echo reloaded") as process:
        assert process.stderr
        assert process.stderr.readline() == "reloaded\n"
        assert event(process)["ip"] == FIRST


def test_exec_ends_with_the_watch(cluster: LocalCluster, fifo: Path) -> None:
    """A command that still runs is ended by SIGTERM, with everything that it has started."""
    hold = f"exec 3> {fifo}; echo started >&3; sleep 1000 & wait"
    with watching(cluster, "--exec", hold) as process, fifo.open() as held:
        assert held.readline() == "started\n"

        assert end(process) == (0, "")
        assert held.read() == ""  # its end comes when nobody is left who could write


def test_exec_that_ignores_sigterm_is_killed(fifo: Path) -> None:
    """A command that does not end when it is asked to is killed after a while, and nothing is reported."""
    problems: list[str] = []
    runner = CommandRunner(f"exec 3> {fifo}; trap '' TERM; echo started >&3; sleep 1000", problems.append, grace=0.01)
    runner.submit("")
    with fifo.open() as held:
        held.readline()
        runner.close()

        assert held.read() == ""
    assert problems == []


def test_exec_that_cannot_be_started_is_reported() -> None:
    """What the system refuses to start is reported, and the next run is tried all the same."""
    problems: SimpleQueue[str] = SimpleQueue()
    runner = CommandRunner("#" * 10_000_000, problems.put)
    for _ in range(2):
        runner.submit("")
        assert problems.get(timeout=PATIENCE).endswith("could not be started: Argument list too long")
    runner.close()


def test_a_list_that_waits_is_dropped_at_the_end(fifo: Path) -> None:
    """When the watch ends, the run under way is the last."""
    ran, problems = fifo.with_name("ran"), list[str]()
    runner = CommandRunner(f"cat >> {ran}; echo > {fifo}; sleep 1000", problems.append)
    runner.submit("first")
    fifo.read_text()
    runner.submit("second")
    runner.close()

    assert (ran.read_text(), problems) == ("first", [])
