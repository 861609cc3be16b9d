"""What every command says when it can't do what it was asked to: as text, and as a JSON object."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from peerdisco.cli import _COMMANDS, main
from peerdisco.cli._doctor_report import PAGE
from peerdisco.testing import LocalCluster
from tests.support.doctors import cluster, pod
from tests.support.screenshots import ANSI, on_terminal

__all__ = ["cluster", "pod"]  # fixtures

NAME = "test-cs-svc.default.svc.cluster.local."
SERVICE_COMMANDS = ["lookup", "wait", "watch", "doctor"]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command says on standard error of arguments that make no sense."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def error_object(capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> dict[str, Any]:
    """The error that a command prints as JSON, alone on one line of standard output, as it ends with this code."""
    try:
        ended: object = main(arguments)
    except SystemExit as error:
        ended = error.code
    out, err = capsys.readouterr()
    assert (ended, out.count("\n"), err) == (code, 1, "")
    told: dict[str, dict[str, Any]] = json.loads(out)
    assert list(told) == ["error"]
    assert told["error"].pop("page") == f"{PAGE}#{told['error']['code']}"
    return told["error"]


@pytest.mark.parametrize("command", _COMMANDS)
def test_unknown_arguments_show_the_usage_of_the_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is unknown is named below the usage of the command that does not know it."""
    err = refusal(capsys, command, "--refersh", "5")

    assert err.startswith(f"usage: peerdisco {command} [-h]")
    assert "\npeerdisco: unrecognized arguments: --refersh" in err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("watch svc --refersh 5", "--refresh"),
        ("lookup svc --nameservers=10.0.0.1", "--nameserver"),
        ("wait svc --own_ips 10.0.0.1", "--own-ips"),
        ("lokup svc", "lookup"),
        ("doctor svc --output jsn", "json"),
    ],
)
def test_the_closest_match_is_suggested(arguments: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A word that is nearly right is followed by the right one."""
    assert refusal(capsys, *arguments.split()).endswith(f"; did you mean {meant}?\n")


def test_nothing_is_suggested_where_nothing_is_close(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that is like no other is only refused."""
    assert refusal(capsys, "lookup", "svc", "other", "-q").endswith("unrecognized arguments: other -q\n")


@pytest.mark.parametrize("command", SERVICE_COMMANDS)
@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--nameserver", "10.0.0.300"),
        ("--own-ips", "me"),
        ("--allowed-networks", "10.0.0.1/8"),
        ("--cluster-domain", "a..b"),
        ("--namespace", "a_b!"),
        ("--family", "ipv5"),
        ("--port", "a_b"),
        ("--resolv-conf", "/no/such/file"),
    ],
)
def test_an_option_is_called_by_its_flag(
    command: str, flag: str, value: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever an option is called in Python, an error of the command line names what was typed there."""
    if flag == "--resolv-conf":
        monkeypatch.delenv("PEERDISCO_NAMESERVERS")
        if command == "doctor":
            assert main([command, "svc", flag, value]) == 1  # a failed check
            assert f"✗ --resolv-conf='{value}': can't be read" in capsys.readouterr().out
            return
    assert main([command, "svc", flag, value]) == 2
    assert capsys.readouterr().err.startswith(f"peerdisco: {flag}='{value}'")


@pytest.mark.parametrize(("command", "flag"), [("lookup", "--timeout"), ("wait", "--lookup-timeout")])
def test_the_timeout_of_a_lookup_is_called_by_its_flag(
    command: str, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has another flag where `--timeout` is that of the whole wait."""
    assert main([command, "svc", flag, "0"]) == 2
    assert capsys.readouterr().err.startswith(f"peerdisco: {flag}='0'")


def test_a_variable_is_called_by_its_name(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What no flag has set is called as it was set, and a flag that contradicts it by its own name."""
    monkeypatch.setenv("PEERDISCO_STATIC_IPS", "10.0.0.1")
    monkeypatch.delenv("PEERDISCO_NAMESERVERS")

    assert main(["lookup", "svc", "--nameserver", "10.0.0.9"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("peerdisco: PEERDISCO_STATIC_IPS='10.0.0.1': contradicts `--nameserver`")


def test_a_missing_namespace_is_told_in_flags(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Outside a Pod, the cure is one that the command line has, and the code is that of the doctor."""
    monkeypatch.delenv("POD_NAMESPACE")
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    arguments = ["lookup", "svc", "--resolv-conf", str(tmp_path / "resolv.conf")]

    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("peerdisco: --namespace: this does not look like a Pod")
    assert "give `--namespace`, or" in err
    assert error_object(capsys, *arguments, "--json", code=2)["code"] == "no-namespace"


@pytest.mark.parametrize("command", SERVICE_COMMANDS)
def test_wrong_usage_as_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Arguments that can't be parsed are an object as well, with the usage of the command."""
    told = error_object(capsys, command, "svc", "--json", "--nameservers", "x", code=2)

    assert told.pop("usage").startswith(f"peerdisco {command} [-h] [--port PORT] [--namespace NAME]")
    assert told == {
        "code": "bad-option",
        "message": "unrecognized arguments: --nameservers x; did you mean --nameserver?",
    }


@pytest.mark.parametrize("asking", [["--json"], ["--js"], ["--output", "json"], ["--output=json"]])
def test_ways_of_asking_for_json(asking: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Each way in which JSON is asked for makes objects of errors."""
    told = error_object(capsys, "doctor", "svc", "--nameserver", "x y", *asking, code=2)

    assert (told["code"], told["option"]) == ("bad-option", "--nameserver")


@pytest.mark.parametrize("command", SERVICE_COMMANDS)
def test_a_bad_option_as_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An option that is invalid is named by its flag."""
    told = error_object(capsys, command, "svc", "--json", "--family", "ipv5", code=2)

    assert told.pop("message").startswith("--family='ipv5': ")
    assert told == {"code": "bad-option", "option": "--family"}


def test_a_failed_lookup_as_json(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """It has the question, and each attempt."""
    cluster.fail("refused")
    told = error_object(capsys, "lookup", "test-cs-svc", "--json", code=3)

    attempt = {"server": cluster.nameserver, "transport": "udp", "reason": "refused", "detail": "answered REFUSED"}
    assert told.pop("message").startswith(f"no answer to {NAME} A: {cluster.nameserver} over UDP answered REFUSED")
    assert told == {"code": "refused", "question": f"{NAME} A", "attempts": [attempt, attempt]}


def test_a_cluster_ip_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """It has the Service and its address."""
    told = error_object(capsys, "lookup", "test-cs-svc-head", "--json", code=4)

    assert "clusterIP: None" in told.pop("message")
    service = "test-cs-svc-head.default.svc.cluster.local."
    assert told == {"code": "not-headless", "service": service, "address": "200.68.238.114"}


def test_a_wait_in_vain_as_json(
    cluster: LocalCluster, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It has the code of the likeliest cause, and names the server that does not know the name."""
    told = error_object(capsys, "wait", "tset-cs-svc", "--json", "--timeout", "0.3", code=1)

    assert told["code"] == "no-ready-pods-or-typo"
    assert f"; the answer came from {cluster.nameserver}. " in told["message"]


def test_the_doctor_names_the_server_that_knows_no_such_name(
    cluster: LocalCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """So do its checks, whether it knows the namespace or not."""
    for name in ("tset-cs-svc", "test-cs-svc.defualt"):
        main(["doctor", name, "--output", "short", "--only", "headless"])
        assert cluster.nameserver in capsys.readouterr().out


def test_the_doctor_says_what_set_an_option(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """An option is called by its flag where it was given by that, else by its variable."""
    assert main(["doctor", "test-cs-svc", "--only", "where", "--own-ips", "200.96.0.59"]) == 0

    out = capsys.readouterr().out
    assert "this Pod's addresses: 200.96.0.59, from the option `--own-ips`" in out
    assert f"nameservers from PEERDISCO_NAMESERVERS: {os.environ['PEERDISCO_NAMESERVERS']}" in out
    assert "cluster domain cluster.local, from PEERDISCO_CLUSTER_DOMAIN" in out


def test_no_command_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    """Without any argument, the usage says that there are commands."""
    assert refusal(capsys).endswith("the following arguments are required: COMMAND\n")


def test_a_stable_time_that_never_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """A list can't be the same for longer than the whole wait, so that is refused before it begins."""
    assert main(["wait", "svc", "--stable", "30", "--timeout", "1"]) == 2
    assert capsys.readouterr().err == "peerdisco: --stable=30.0: is longer than the whole wait, --timeout 1\n"


def test_a_list_of_this_pod_alone_is_an_answer(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Where only this Pod is listed, no server is named: there is nothing that could be its mistake."""
    cluster.headless("me", ["200.96.0.59"])

    assert main(["lookup", "me"]) == 1
    told = "0 peers of me.default.svc.cluster.local. (found); this Pod is listed as 200.96.0.59\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("width", [30, 80])
def test_the_doctor_on_a_narrow_terminal(cluster: LocalCluster, width: int) -> None:
    """Lines are wrapped between words; only a word that is longer than the line, such as an address, is not."""
    with on_terminal("peerdisco doctor test-cs-svc-head", dict(os.environ), width) as terminal:
        lines = ANSI.sub("", terminal.read_all()).splitlines()

    assert "✗" in "".join(lines)
    assert [line for line in lines if len(line) > width and len(line.split()) > 2] == []


def test_the_doctor_on_a_terminal_without_unicode(cluster: LocalCluster) -> None:
    """Where the terminal can't show the signs, there are others; NO_COLOR leaves colours out."""
    line = "peerdisco doctor test-cs-svc-head"
    with on_terminal(line, dict(os.environ), PYTHONIOENCODING="ascii", PYTHONUTF8="0", NO_COLOR="1") as terminal:
        shown = terminal.read_all()

    assert "\n  x test-cs-svc-head" in shown
    assert shown.isascii()
    assert "\x1b" not in shown
