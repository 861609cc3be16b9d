"""How the doctor waits until all is well, on a clock that the test moves."""

import signal

import pytest

from peerdisco.cli import doctor as command
from peerdisco.cli._doctor_report import Category, Report, fail, ok
from peerdisco.cli.doctor import until_healthy
from peerdisco.testing import FakeClock, LocalCluster
from tests.support.commands import PATIENCE, environment, running

BAD = Report((Category("me", (fail("timeout", "silent", "Wait."),)),))
GOOD = Report((Category("me", (ok("self-listed", "listed"),)),))


class Doctor:
    """Check-ups that come to given reports, each of which takes half a second."""

    def __init__(self, *reports: Report) -> None:
        self.clock = FakeClock()
        self.reports = list(reports)
        self.told: list[float] = []
        self.slept: list[float] = []

    def check_up(self) -> Report:
        """The next report."""
        self.clock.advance(0.5)
        return self.reports.pop(0)

    def wait(self, seconds: float) -> Report:
        """The report that counts."""
        return until_healthy(
            self.check_up,
            seconds,
            on_failure=lambda _, left: self.told.append(left),
            clock=self.clock,
            sleep=self._sleep,
        )

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)


def test_without_waiting() -> None:
    """Without a wait there is one check-up, whatever it comes to."""
    doctor = Doctor(BAD, GOOD)

    assert doctor.wait(0) is BAD
    assert (doctor.told, doctor.slept) == ([], [])


def test_until_healthy() -> None:
    """Check-ups go on, a second apart, until one is healthy; each that is not is told of."""
    doctor = Doctor(BAD, BAD, GOOD, BAD)

    assert doctor.wait(60) is GOOD
    assert (doctor.told, doctor.slept) == ([59.5, 58.0], [1.0, 1.0])


def test_until_the_time_is_up() -> None:
    """The last check-up that there is time for counts."""
    doctor = Doctor(*[BAD] * 9)

    assert doctor.wait(3) is BAD
    assert len(doctor.reports) == 6


def test_what_is_told_meanwhile(capsys: pytest.CaptureFixture[str]) -> None:
    """What is waited for is on stderr, so that stdout holds the last report alone."""
    command._tell(BAD, 59.5)

    assert capsys.readouterr() == ("", "peerdisco: not healthy yet: timeout; 60 s left\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end the wait without a report, also where it is process 1 of a container."""
    with LocalCluster() as cluster:
        command = ["doctor", "nope", "--wait", "60", "--only", "headless"]
        with running(*command, env=environment(cluster, "10.0.0.1")) as process:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("peerdisco: not healthy yet: no-ready-pods-or-typo; ")
            process.send_signal(number)
            out, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in errors
