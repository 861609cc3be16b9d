"""The doctor in a Pod of a cluster on 127.0.0.1, as fixtures."""

import json
import os
from collections.abc import Iterator
from typing import Protocol

import pytest

from peerdisco.cli import main
from peerdisco.testing import LocalCluster


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
