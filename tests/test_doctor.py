"""`peerdisco doctor` as a whole, against a cluster's DNS on 127.0.0.1: codes, exit codes, questions, time."""

import ast
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

import peerdisco.cli
from peerdisco.cli import main
from peerdisco.cli._doctor_asker import MOST_QUESTIONS
from peerdisco.cli._doctor_report import GOOD, GROUPS, PROBLEMS
from peerdisco.testing import LocalCluster, Pod
from tests.support.sockets import closed_port

CLI = Path(peerdisco.cli.__file__).parent
DOCS = Path(__file__).parents[1] / "docs"
REASONS = {"timeout", "servfail", "refused", "malformed", "truncated", "no-nameserver"}


class Run(Protocol):
    """Runs the doctor, and gives its exit code, and the codes of what is not well by group."""

    def __call__(self, *arguments: str) -> tuple[int, dict[str, list[str]]]:
        """Run it with these arguments."""


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """The story's Services."""
    with LocalCluster() as cluster:
        cluster.headless("test-cs-svc", ["200.96.1.50", "200.96.0.59", "200.96.2.24"], ports={"80-80": 80})
        cluster.cluster_ip("test-cs-svc-head", "200.68.238.114")
        yield cluster


@pytest.fixture(autouse=True)
def pod(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a Pod of the story, and nothing else that the command reads."""
    for key in os.environ:
        if key.startswith(("PEERDISCO_", "POD_")):
            monkeypatch.delenv(key)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("POD_IPS", "200.96.0.59")
    monkeypatch.setenv("POD_NAMESPACE", "default")
    monkeypatch.setenv("PEERDISCO_CLUSTER_DOMAIN", "cluster.local")
    monkeypatch.setenv("PEERDISCO_NAMESERVERS", cluster.nameserver)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the doctor, and gives its exit code, and the codes of what is not well by group."""

    def doctor(*arguments: str) -> tuple[int, dict[str, list[str]]]:
        code = main(["doctor", *arguments, "--output", "json"])
        told = json.loads(capsys.readouterr().out)
        found = {
            category["name"]: [check["code"] for check in category["checks"] if check["result"] != "success"]
            for category in told["categories"]
        }
        assert told["success"] is (code == 0)
        return code, {name: codes for name, codes in found.items() if codes}

    return doctor


def test_a_healthy_service(cluster: LocalCluster, run: Run) -> None:
    """Where all is well nothing is warned of, and no more is asked than is needed."""
    assert run("test-cs-svc") == (0, {})
    assert len(cluster.questions) == 10


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("test-cs-svc-head", "not-headless"),
        ("tset-cs-svc", "no-ready-pods-or-typo"),
        ("empty", "no-ready-pods-or-typo"),
        ("test-cs-svc.defualt", "no-such-namespace"),
        ("abroad", "foreign-alias"),
    ],
)
def test_what_a_service_is(cluster: LocalCluster, run: Run, service: str, code: str) -> None:
    """A Service that has no list fails by one code."""
    cluster.headless("empty", [Pod("10.0.0.1", ready=False)])
    cluster.external_name("abroad", "db.example.com")
    exit_code, found = run(service)

    assert exit_code == 1
    assert (found["is it headless"], found["who is there"]) == ([code], [code])


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("drop", "timeout"),
        ("wrong_id", "timeout"),
        ("servfail", "servfail"),
        ("refused", "refused"),
        ("garbage", "malformed"),
    ],
)
def test_how_dns_fails(cluster: LocalCluster, run: Run, fault: Any, code: str) -> None:
    """Each way in which DNS fails has its code in every group that needs an answer."""
    cluster.fail(fault)
    exit_code, found = run("test-cs-svc", "--timeout", "0.5")

    assert exit_code == 1
    assert found == {group: [code] for group in ("can I ask", "is it headless", "who is there", "me")}


def test_a_list_that_needs_tcp(cluster: LocalCluster, run: Run) -> None:
    """A list that does not fit UDP is lost where TCP is blocked, and the doctor names TCP."""
    cluster.headless("big", [f"10.0.0.{n}" for n in range(1, 101)])
    assert run("big")[1] == {"me": ["self-not-listed"]}
    cluster.fail("tcp_closed")

    assert run("big") == (
        1,
        {
            "can I ask": ["no-tcp"],
            "is it headless": ["truncated"],
            "who is there": ["truncated"],
            "me": ["truncated"],
        },
    )


def test_a_cut_list(cluster: LocalCluster, run: Run) -> None:
    """A list that is cut even over TCP is a warning."""
    cluster.fail("truncated")

    exit_code, found = run("test-cs-svc", "--own-ips", "10.0.0.9")
    assert (exit_code, found) == (0, {"who is there": ["incomplete"], "me": ["self-not-listed"]})


def test_a_lost_reply(cluster: LocalCluster, run: Run) -> None:
    """One lost packet is a warning, and the rest is found all the same."""
    cluster.fail("drop", times=1, transport="udp")

    assert run("test-cs-svc", "--timeout", "2") == (0, {"can I ask": ["lost-replies"]})


def test_silence_after_the_first_reply(cluster: LocalCluster, run: Run) -> None:
    """A server that drops SRV costs no more than the hostnames."""
    cluster.fail("drop", rtype="SRV")

    assert run("test-cs-svc", "--timeout", "1.5") == (0, {})


def test_a_dead_first_server(cluster: LocalCluster, run: Run) -> None:
    """The second server is asked the rest, and the first is named."""
    dead = f"127.0.0.1:{closed_port()}"

    assert run("test-cs-svc", "--nameserver", dead, "--nameserver", cluster.nameserver) == (
        0,
        {"can I ask": ["dead-first-nameserver"]},
    )


def test_servers_that_disagree(cluster: LocalCluster, run: Run) -> None:
    """A first server of another cluster is named, and the lookup believes it."""
    with LocalCluster() as other:
        servers = ["--nameserver", other.nameserver, "--nameserver", cluster.nameserver]
        exit_code, found = run("test-cs-svc", *servers)

    assert exit_code == 1
    assert found["can I ask"] == ["nameservers-disagree"]
    assert found["is it headless"] == ["no-ready-pods-or-typo"]


def test_a_wrong_domain(run: Run) -> None:
    """A cluster domain that the server does not serve: no name below it is known."""
    exit_code, found = run("test-cs-svc", "--cluster-domain", "svc.cluster.local")

    assert exit_code == 1
    assert (found["where am I"], found["is it headless"]) == (["wrong-cluster-domain"], ["no-such-namespace"])


def test_a_named_port(cluster: LocalCluster, run: Run) -> None:
    """A port's name is looked up as well."""
    assert run("test-cs-svc", "--port", "80-80") == (0, {})
    assert run("test-cs-svc", "--port", "grpc") == (1, {"who is there": ["no-data"]})


def test_without_a_namespace(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing gives the namespace, nameservers are still probed."""
    monkeypatch.delenv("POD_NAMESPACE")
    (tmp_path / "resolv.conf").write_text("search corp.example\n")
    exit_code, found = run("test-cs-svc", "--resolv-conf", str(tmp_path / "resolv.conf"))

    assert exit_code == 1
    assert found == {group: ["no-namespace"] for group in ("where am I", "is it headless", "who is there", "me")}


def test_without_a_nameserver(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a nameserver nothing is asked, and that is what fails."""
    monkeypatch.delenv("PEERDISCO_NAMESERVERS")
    (tmp_path / "resolv.conf").write_text("search default.svc.cluster.local svc.cluster.local\n")
    exit_code, found = run("test-cs-svc", "--resolv-conf", str(tmp_path / "resolv.conf"))

    assert exit_code == 1
    assert found == {group: ["no-nameserver"] for group in GROUPS.values()}


# -- the command --


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


# -- codes --


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
