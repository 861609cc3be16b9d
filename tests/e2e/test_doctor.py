"""The doctor against a real CoreDNS: a Service of each kind has its codes, and the JSON is compared."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peerdisco.cli import main
from tests.e2e.api_server import ApiServer
from tests.e2e.cases import ZONE, declare
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import UPSTREAM, corefile, upstream

PAGE = "https://github.com/peerdisco/peerdisco/blob/main/docs/how-to/no-peers.md"
OWN = "10.0.0.1"
NOT_LISTED = {"me": ["self-not-listed"]}
TIMEOUT = "10"  # seconds; so long a check-up may take where the machine is busy


class Doctor:
    """Runs `peerdisco doctor` in a Pod that asks one server."""

    def __init__(self, server: CoreDNS, capsys: pytest.CaptureFixture[str]) -> None:
        self._server = server
        self._capsys = capsys

    def told(self, service: str, *arguments: str, own: str = OWN, timeout: str = TIMEOUT) -> dict[str, Any]:
        """The JSON about a Service in `default`, or about an absolute name."""
        name = service if service.endswith(".") else f"{service}.default.svc.{ZONE}"
        options = ["--nameserver", self._server.address, "--own-ips", own, "--timeout", timeout, "--output", "json"]
        code = main(["doctor", name, *options, *arguments])
        told: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        assert told["success"] is (code == 0)
        return told

    def problems(self, service: str, *arguments: str, **options: str) -> dict[str, list[str]]:
        """The codes of what is not well, by group."""
        categories = self.told(service, *arguments, **options)["categories"]
        found = {
            category["name"]: [check["code"] for check in category["checks"] if check["result"] != "success"]
            for category in categories
        }
        return {name: codes for name, codes in found.items() if codes}


@pytest.fixture(autouse=True)
def pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a Pod is told."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")


@pytest.fixture(scope="module")
def server(coredns_binary: Path) -> Iterator[CoreDNS]:
    """A CoreDNS that serves one Service of each kind and size, and knows of nothing outside the cluster."""
    with ApiServer() as api:
        outside = corefile(api.url, plugins=UPSTREAM) + upstream()
        with CoreDNS(coredns_binary, outside) as server:
            declare(api)
            settled(server, api)
            yield server


@pytest.fixture
def doctor(server: CoreDNS, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """The doctor of a Pod that asks that CoreDNS."""
    return Doctor(server, capsys)


@pytest.mark.parametrize(
    ("service", "own"),
    [
        ("web", OWN),
        ("portless", OWN),
        ("dual", "10.1.0.1"),
        ("sts", "10.3.0.0"),
        ("v6", "fd00:6::1"),
        ("ext-web", OWN),
        ("size-4-74", "10.200.100.100"),
        ("size-4-1000", "10.200.100.100"),
    ],
)
def test_healthy(doctor: Doctor, service: str, own: str) -> None:
    """A headless Service that lists this Pod has nothing to complain of, whatever its size and family."""
    assert doctor.problems(service, own=own) == {}


@pytest.mark.parametrize("service", ["empty", "unready", "nope"])
def test_nobody(doctor: Doctor, service: str) -> None:
    """A Service that is empty, not ready or missing is told alike, as DNS does."""
    assert doctor.problems(service) == {
        "is it headless": ["no-ready-pods-or-typo"],
        "who is there": ["no-ready-pods-or-typo"],
        "me": ["self-not-listed"],
    }


@pytest.mark.parametrize("service", ["vip", "vip-dual", "vip-v6"])
def test_cluster_ips(doctor: Doctor, service: str) -> None:
    """A ClusterIP of any family is named."""
    groups = ("is it headless", "who is there", "me")

    assert doctor.problems(service) == {group: ["not-headless"] for group in groups}


@pytest.mark.parametrize(
    ("service", "arguments", "expected"),
    [
        ("published", [], NOT_LISTED),
        ("sts-dual", [], NOT_LISTED),
        ("web", ["--port", "metrics"], {}),
        ("web", ["--port", "grpc"], {"who is there": ["no-data"]}),
        (
            "web",
            ["--family", "ipv6"],
            {"is it headless": ["no-data"], "who is there": ["no-data"], **NOT_LISTED},
        ),
        ("size-4-5000", ["--only", "who"], {"who is there": ["incomplete"]}),
        (
            f"web.nope.svc.{ZONE}",
            [],
            {"is it headless": ["no-such-namespace"], "who is there": ["no-such-namespace"], **NOT_LISTED},
        ),
        ("ext-abroad", ["--only", "headless"], {"is it headless": ["foreign-alias"]}),
        ("web.default.svc.other.example.", ["--only", "where"], {"where am I": ["wrong-cluster-domain"]}),
    ],
)
def test_what_is_wrong(doctor: Doctor, service: str, arguments: list[str], expected: dict[str, list[str]]) -> None:
    """What is wrong has its code, in the group that it belongs to."""
    assert doctor.problems(service, *arguments) == expected


def test_why_this_pod_is_not_listed(doctor: Doctor) -> None:
    """A Pod that other Services list is ready, and not selected; one that none lists is not ready."""
    selected = doctor.told("sts", "--only", "me")["categories"][0]["checks"][0]["description"]
    unready = doctor.told("web", "--only", "me", own="10.2.0.2")["categories"][0]["checks"][0]["description"]

    assert "DNS lists 10.0.0.1 in " in selected
    assert "web.default" in selected
    assert "DNS lists 10.2.0.2 in published.default" in unready


def test_the_json(doctor: Doctor) -> None:
    """All fields of every check are those that are documented."""
    told = doctor.told("vip", "--only", "headless", "--only", "who")

    cure = "Set `clusterIP: None` on a new Service (the field can't be changed), and look that up."
    hint = f"{cure} See {PAGE}#not-headless"
    name = f"vip.default.svc.{ZONE}"
    assert told == {
        "success": False,
        "categories": [
            {
                "name": "is it headless",
                "checks": [
                    {
                        "code": "not-headless",
                        "result": "error",
                        "description": f"{name} has the ClusterIP 10.96.0.1, one virtual address that stands for all "
                        "its Pods",
                        "hint": hint,
                    }
                ],
            },
            {
                "name": "who is there",
                "checks": [
                    {
                        "code": "not-headless",
                        "result": "error",
                        "description": "not known: there is no list of Pods",
                        "hint": hint,
                    }
                ],
            },
        ],
    }


def test_unsynced(coredns_binary: Path, api: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A CoreDNS that has not heard from the API server is the cause, and not the Service."""
    with api.paused(), CoreDNS(coredns_binary, corefile(api.url), synced=False) as unsynced:
        found = Doctor(unsynced, capsys).problems("web")

    assert (found["can I ask"], found["is it headless"]) == (["servfail"], ["servfail"])


def test_gone(coredns: CoreDNS, capsys: pytest.CaptureFixture[str]) -> None:
    """Where CoreDNS has gone, nothing listens."""
    coredns.stop()

    assert Doctor(coredns, capsys).problems("web") == {
        group: ["refused"] for group in ("can I ask", "is it headless", "who is there", "me")
    }


def test_autopath(coredns_binary: Path, api: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where autopath finds a foreign host for an empty Service, that is what is told."""
    search = tmp_path / "resolv.conf"
    search.write_text("search default.svc.cluster.local svc.cluster.local cluster.local corp.example\n")
    autopath = corefile(api.url, plugins=f"autopath {search}\n{UPSTREAM}")
    with CoreDNS(coredns_binary, autopath + upstream("corp.example", "192.0.2.80")) as server:
        api.headless("empty", [])
        settled(server, api)
        found = Doctor(server, capsys).problems("empty")

    assert (found["is it headless"], found["who is there"]) == (["foreign-alias"], ["foreign-alias"])


def test_until_healthy(api: ApiServer, coredns: CoreDNS, capsys: pytest.CaptureFixture[str]) -> None:
    """With `--wait`, a Service that is there at once is not waited for, and one that is not is told of."""
    api.headless("web", [OWN, "10.0.0.2"])
    settled(coredns, api)
    doctor = Doctor(coredns, capsys)

    assert doctor.problems("web", "--wait", "60") == {}
    assert doctor.problems("nope", "--wait", "0.5")["is it headless"] == ["no-ready-pods-or-typo"]
