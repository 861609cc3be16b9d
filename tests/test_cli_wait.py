"""`peerdisco wait`: what it waits for, what it prints, and why it gives up."""

import json
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from peerdisco.cli import main
from peerdisco.testing import FakeClock, FakeResolver, LocalCluster
from tests.support.commands import PATIENCE, environment, running

OWN, FIRST, SECOND = "10.0.0.1", "10.0.0.2", "10.0.0.3"
NAME = "svc.default.svc.cluster.local."


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service with this Pod and one peer."""
    with LocalCluster() as cluster:
        cluster.headless("svc", [OWN, FIRST])
        yield cluster


def wait(cluster: LocalCluster, *arguments: str, own: str = OWN) -> int:
    """The exit code of `peerdisco wait svc` with these arguments."""
    where = ["--nameserver", cluster.nameserver, "--namespace", "default", "--cluster-domain", "cluster.local"]
    return main(["wait", "svc", *where, "--own-ips", own, *arguments])


def test_it_waits_for_one_peer(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Without any number, one peer is enough; it is printed, and nothing else."""
    code = wait(cluster)

    assert (code, *capsys.readouterr()) == (0, f"{FIRST}\n", "")


def test_it_waits_until_there_are_enough(cluster: LocalCluster) -> None:
    """It ends once so many peers are listed, and prints all of them, one per line."""
    with running("wait", "svc", "--min", "2", "--port", "8080", env=environment(cluster, OWN)) as process:
        cluster.wait_for_questions(2)
        assert process.poll() is None
        cluster.headless("svc", [OWN, FIRST, SECOND])
        out, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out, errors) == (0, f"{FIRST}:8080\n{SECOND}:8080\n", "")


def test_json(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints the whole list as one object."""
    code = wait(cluster, "--json")

    told = json.loads(capsys.readouterr().out)
    assert (code, told["service"], told["self_listed"]) == (0, NAME, True)
    assert [peer["ip"] for peer in told["peers"]] == [FIRST]


def test_too_few_peers_are_1(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """When the time is up, the reason is that of `wait_for`, and nothing is printed on standard output."""
    code = wait(cluster, "--min", "5", "--timeout", "1")

    out, errors = capsys.readouterr()
    assert (code, out) == (1, "")
    assert errors.startswith(f"peerdisco: 1 of 5 peers of {NAME} after 1 s: the others are not ready")


def test_no_time_at_all_is_enough_to_say_so(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """`--timeout 0` gives up before the first answer."""
    cluster.fail("drop")

    assert wait(cluster, "--timeout", "0") == 1
    assert "after 0 s: the first lookup has not ended" in capsys.readouterr().err


def test_each_lookup_has_its_own_timeout(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """`--timeout` covers the wait and `--lookup-timeout` each lookup, so that DNS can be asked more than once."""
    cluster.fail("drop")

    assert wait(cluster, "--timeout", "2", "--lookup-timeout", "0.05") == 1
    assert "times in a row, since the start: no answer" in capsys.readouterr().err


def test_replicas_count_this_pod(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """`--replicas 2` is this Pod and one other; what is printed is the other."""
    assert wait(cluster, "--replicas", "2") == 0
    assert capsys.readouterr().out == f"{FIRST}\n"


def test_replicas_want_this_pod_listed(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """However many others there are, `--replicas` waits until this Pod is listed, and says so."""
    code = wait(cluster, "--replicas", "2", "--timeout", "1", own="10.0.0.9")

    errors = capsys.readouterr().err
    assert code == 1
    assert errors.startswith(f"peerdisco: 2 of 2 replicas of {NAME} after 1 s: this Pod is not listed itself")
    assert "publishNotReadyAddresses" in errors


def test_replicas_come_about(cluster: LocalCluster) -> None:
    """`--replicas` ends once this Pod is listed as well."""
    cluster.headless("svc", [FIRST, SECOND])
    with running("wait", "svc", "--replicas", "3", env=environment(cluster, OWN)) as process:
        cluster.wait_for_questions(2)
        assert process.poll() is None
        cluster.headless("svc", [OWN, FIRST, SECOND])
        out, _ = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out) == (0, f"{FIRST}\n{SECOND}\n")


def test_too_few_replicas_are_1(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """This Pod alone does not make three."""
    assert wait(cluster, "--replicas", "3", "--timeout", "1") == 1
    assert f"2 of 3 replicas of {NAME} after 1 s: " in capsys.readouterr().err


def test_one_replica_is_this_pod_alone(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """`--replicas 1` is enough for the first Pod of all, which has no peer to print."""
    cluster.headless("svc", [OWN])

    assert wait(cluster, "--replicas", "1") == 0
    assert capsys.readouterr().out == ""


def test_a_stable_list_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """`--stable` waits until the list has been the same for so long."""
    clock = FakeClock()
    fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN, clock=clock)
    with fake, ThreadPoolExecutor() as pool:
        code = pool.submit(copy_context().run, main, ["wait", "svc", "--stable", "20"])
        clock.wait_for_sleepers(2)
        clock.advance(12)
        fake["svc"] = [OWN, FIRST, SECOND]
        clock.advance(12)  # it changes on the way
        assert not code.done()
        clock.advance(20)

        assert code.result() == 0
    assert capsys.readouterr().out == f"{FIRST}\n{SECOND}\n"


def test_a_list_that_was_not_stable_for_long_enough(capsys: pytest.CaptureFixture[str]) -> None:
    """When the time is up, the error says how long the list has been the same, and how long was wanted."""
    clock = FakeClock()
    fake = FakeResolver({"svc": [OWN, FIRST]}, own=OWN, clock=clock)
    with fake, ThreadPoolExecutor() as pool:
        code = pool.submit(copy_context().run, main, ["wait", "svc", "--stable", "20", "--timeout", "20"])
        clock.wait_for_sleepers(2)
        clock.advance(4)
        fake["svc"] = [OWN, FIRST, SECOND]
        clock.advance(16)

        assert code.result() == 1
    assert re.fullmatch(
        rf"peerdisco: 2 of 1 peers of {NAME} after [\d.]+ s: "
        r"they are there, but the list has been unchanged for only \d\S* s, not for 20 s\n",
        capsys.readouterr().err,
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--min", "1", "--replicas", "2"], "argument --replicas: not allowed with argument --min"),
        (["--min", "-1"], "argument --min"),
        (["--replicas", "two"], "argument --replicas: 'two' must be a whole number, 1 or more"),
        (["--replicas", "0"], "argument --replicas: '0' must be a whole number, 1 or more"),
        (["--timeout", "soon"], "argument --timeout: 'soon' must be a number of seconds, 0 to 86400"),
        (["--stable", "nan"], "argument --stable: 'nan' must be a number of seconds, 0 to 86400"),
        (["--connect", "0"], "argument --connect: '0' must be a port's number, 1 to 65535"),
        (["--connect", "http"], "argument --connect: 'http' must be a port's number, 1 to 65535"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_2(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What makes no sense is said with the command's usage."""
    with pytest.raises(SystemExit) as ended:
        main(["wait", "svc", *arguments])

    errors = capsys.readouterr().err
    assert ended.value.code == 2
    assert errors.startswith("usage: peerdisco wait ")
    assert problem in errors


def test_a_bad_option_is_called_as_it_was_given(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """The timeout of a lookup has another name here, and so has its error."""
    assert wait(cluster, "--lookup-timeout", "soon") == 2
    assert capsys.readouterr().err.startswith("peerdisco: --lookup-timeout='soon': ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(cluster: LocalCluster, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end the wait without a word, and it has not succeeded."""
    with running("wait", "svc", "--min", "9", env=environment(cluster, OWN)) as process:
        cluster.wait_for_questions(1)
        process.send_signal(number)
        out, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out, errors) == (130, "", "")
