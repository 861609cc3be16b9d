"""The command line, against a cluster's DNS on 127.0.0.1: what is printed where, and the exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from peerdisco import __version__
from peerdisco.cli import main
from peerdisco.testing import LocalCluster, Pod

PODS = ["200.96.1.50", "200.96.0.59", "200.96.2.24"]
FULL_NAME = "test-cs-svc.default.svc.cluster.local."


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """The story's Services."""
    with LocalCluster() as cluster:
        cluster.headless("test-cs-svc", PODS, ports={"80-80": 80})
        cluster.cluster_ip("test-cs-svc-head", "200.68.238.114")
        yield cluster


@pytest.fixture(autouse=True)
def pod(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the Pod `rjdm9`, and nothing else that the command reads."""
    for key in os.environ:
        if key.startswith(("PEERDISCO_", "POD_")):
            monkeypatch.delenv(key)
    monkeypatch.setenv("POD_IPS", "200.96.0.59")
    monkeypatch.setenv("POD_NAMESPACE", "default")
    monkeypatch.setenv("PEERDISCO_CLUSTER_DOMAIN", "cluster.local")
    monkeypatch.setenv("PEERDISCO_NAMESERVERS", cluster.nameserver)


def test_lookup_prints_the_peers_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The peers are on stdout, what there is to say of them on stderr, and the exit code is 0."""
    code = main(["lookup", "test-cs-svc"])

    out, err = capsys.readouterr()
    assert (code, out) == (0, "200.96.1.50\n200.96.2.24\n")
    assert f"2 peers of {FULL_NAME} (found); this Pod is listed as 200.96.0.59\n" == err


def test_lookup_attaches_a_port(capsys: pytest.CaptureFixture[str]) -> None:
    """With a port's number each line is a URL's host and port."""
    main(["lookup", "test-cs-svc", "--port", "8080"])

    assert capsys.readouterr().out == "200.96.1.50:8080\n200.96.2.24:8080\n"


def test_lookup_finds_a_named_port(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """With a port's name it is looked up."""
    cluster.headless("test-cs-svc", PODS, ports={"http": 80})

    main(["lookup", "test-cs-svc", "--port", "http"])

    assert capsys.readouterr().out == "200.96.1.50:80\n200.96.2.24:80\n"


def test_lookup_prints_json(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints one object with everything that is known."""
    cluster.headless("db", [Pod("200.96.0.59", "db-0"), Pod("200.96.1.50", "db-1")], ports={"sql": 5432})

    code = main(["lookup", "db", "--json", "--port", "sql"])

    own = {"ip": "200.96.0.59", "port": 5432, "name": "db-0", "ordinal": 0}
    peer = {"ip": "200.96.1.50", "port": 5432, "name": "db-1", "ordinal": 1}
    out, err = capsys.readouterr()
    assert {
        "service": "db.default.svc.cluster.local.",
        "outcome": "found",
        "complete": True,
        "self_listed": True,
        "own": own,
        "ttl": 30,
        "nameserver": cluster.nameserver,
        "peers": [peer],
    } == json.loads(out)
    assert (code, err) == (0, "")


def test_lookup_without_peers_is_1(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that DNS does not know prints nothing on stdout, and says on stderr which server does not know it."""
    code = main(["lookup", "tset-cs-svc"])

    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    said = f"(nxdomain, says {cluster.nameserver}); this Pod is not listed"
    assert f"0 peers of tset-cs-svc.default.svc.cluster.local. {said}" in err


def test_json_without_peers_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints an object where nobody is there, too."""
    code = main(["lookup", "tset-cs-svc", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert (code, told["outcome"], told["peers"], told["own"]) == (1, "nxdomain", [], None)


def test_an_incomplete_list_is_said_to_be(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Where DNS could not fit all Pods, stderr says so."""
    cluster.fail("truncated")

    main(["lookup", "test-cs-svc", "--timeout", "1"])

    assert "the list is not complete" in capsys.readouterr().err


def test_a_bad_option_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    """An invalid option is named."""
    code = main(["lookup", "test-cs-svc", "--timeout", "soon"])

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("peerdisco: --timeout='soon': ")


def test_a_bad_name_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is none is called as the usage calls it."""
    code = main(["lookup", "http://test-cs-svc"])

    err = capsys.readouterr().err
    assert code == 2
    assert err == "peerdisco: NAME='http://test-cs-svc': is a URL; give the headless Service's name alone\n"


def test_no_name_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name, it is said to be missing, and the variable that would give it is named."""
    code = main(["lookup"])

    assert (code, *capsys.readouterr()) == (
        2,
        "",
        "peerdisco: NAME='': is missing; give the headless Service's name, or set PEERDISCO_SERVICE\n",
    )


def test_failing_dns_is_3(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """DNS that can't say is an error with its reason, and no empty list."""
    cluster.fail("servfail")

    code = main(["lookup", "test-cs-svc", "--timeout", "0.2"])

    out, err = capsys.readouterr()
    assert (code, out) == (3, "")
    assert err.startswith(f"peerdisco: no answer to {FULL_NAME} A: {cluster.nameserver} over UDP answered SERVFAIL")


def test_a_service_with_a_head_is_4(capsys: pytest.CaptureFixture[str]) -> None:
    """A ClusterIP is refused, with the cure."""
    code = main(["lookup", "test-cs-svc-head"])

    out, err = capsys.readouterr()
    assert (code, out) == (4, "")
    assert "test-cs-svc-head.default.svc.cluster.local. is not headless: DNS answers with 200.68.238.114" in err
    assert "clusterIP: None" in err


def test_the_environment_gives_what_arguments_leave_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """PEERDISCO_ variables are defaults, and an argument goes first."""
    monkeypatch.setenv("PEERDISCO_SERVICE", "test-cs-svc")
    monkeypatch.setenv("PEERDISCO_PORT", "9090")

    main(["lookup", "--own-ips", "200.96.1.50,200.96.2.24"])

    assert capsys.readouterr().out == "200.96.0.59:9090\n"


def test_every_option_reaches_the_lookup(
    cluster: LocalCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All options together do what they say."""
    cluster.headless("web", ["10.0.0.1", "10.0.0.2", "10.9.0.3", "fd00::1"], namespace="shop")
    (tmp_path / "resolv.conf").write_text("search shop.svc.cluster.local svc.cluster.local\n")

    line = "lookup web --namespace shop --cluster-domain cluster.local --family ipv4 --own-ips 10.0.0.1 --timeout 2"
    servers = f"--nameserver {cluster.nameserver} --nameserver [::1]:53 --allowed-networks 10.0.0.0/24"
    code = main([*line.split(), *servers.split(), "--resolv-conf", str(tmp_path / "resolv.conf")])

    out, err = capsys.readouterr()
    assert (code, out) == (0, "10.0.0.2\n")
    assert "1 peer of web.shop.svc.cluster.local." in err


def test_resolv_conf_gives_namespace_and_domain(
    cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What neither arguments nor environment give is read from the Pod's resolv.conf."""
    cluster.headless("web", ["10.0.0.1"], namespace="shop")
    monkeypatch.delenv("POD_NAMESPACE")
    monkeypatch.delenv("PEERDISCO_CLUSTER_DOMAIN")
    (tmp_path / "resolv.conf").write_text("search shop.svc.cluster.local svc.cluster.local cluster.local\n")

    main(["lookup", "web", "--resolv-conf", str(tmp_path / "resolv.conf")])

    assert capsys.readouterr().out == "10.0.0.1\n"


def test_python_m_is_the_same(cluster: LocalCluster) -> None:
    """`python -m peerdisco` runs the command and exits with its code."""
    done = subprocess.run(
        [sys.executable, "-m", "peerdisco", "lookup", "test-cs-svc-head"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (4, "")


def test_a_library_warning_reaches_the_user(cluster: LocalCluster) -> None:
    """Why nobody may be there is said on stderr, without any logging being set up."""
    done = subprocess.run(
        [sys.executable, "-m", "peerdisco", "lookup", "tset-cs-svc"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "a typo in Service, namespace or cluster domain, or no Pod is ready" in done.stderr


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints the package's."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert (0, f"peerdisco {__version__}\n") == (ended.value.code, capsys.readouterr().out)
