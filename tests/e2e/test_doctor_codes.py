"""The doctor against CoreDNS and against the imitation of kube-dns, for every code: the JSON is compared.

What is expected is in `doctor.json`, by case: one report for both servers, or one for each. After a change that is
meant, `python -m tests.e2e.doctor_reports` writes it again; then read the difference.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from peerdisco.cli import _parser, options
from peerdisco.cli._doctor_host import look_around
from peerdisco.cli._doctor_observe import observe
from peerdisco.cli._doctor_print import Style, render
from peerdisco.cli._doctor_report import GOOD, PROBLEMS
from peerdisco.cli.doctor import report_of
from tests.e2e.api_server import ApiServer
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import UPSTREAM, corefile, upstream
from tests.e2e.daemon import free_ports
from tests.e2e.doctor_cases import CASES, NOT_SEEN, Case, declare
from tests.e2e.doctor_reports import EXPECTED, KINDS, WRITE
from tests.support.kube_dns import KubeDns
from tests.support.middlebox import Middlebox


@pytest.fixture(scope="module")
def coredns_address(coredns_binary: Path) -> Iterator[str]:
    """A CoreDNS with the Services of the cases, which knows of nothing outside the cluster."""
    with ApiServer() as api:
        declare(api)
        api.external_name("ext-web", "web.default.svc.cluster.local")
        api.external_name("ext-abroad", "db.example.com")
        with CoreDNS(coredns_binary, corefile(api.url, plugins=UPSTREAM) + upstream()) as server:
            settled(server, api)
            yield server.address


@pytest.fixture(scope="module")
def kube_dns_address() -> Iterator[str]:
    """The imitation of kube-dns with the same Services."""
    with KubeDns() as server:
        declare(server)
        yield server.address


# Times, and which of 5,000 Pods are in a reply, change from one run to the next.
MASKED = {r"\d+\.\d ms": "N ms", r"\b4\d{3}\b": "N", r"10\.200\.\d+\.\d+": "10.200.N.N"}


def cases_of(kind: str) -> list[str]:
    """The names of the cases for a kind of server."""
    return [name for name, case in CASES.items() if case.lacks != kind]


@pytest.fixture
def pod(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the Pod of a case is told, and nothing else."""
    for key in os.environ:
        if key.startswith(("PEERDISCO_", "POD_")):
            monkeypatch.delenv(key)
    for key, value in ({"KUBERNETES_SERVICE_HOST": "10.96.0.1"} | dict(CASES[name].environ)).items():
        monkeypatch.setenv(key, value)


def told(case: Case, server: str, folder: Path) -> Any:
    """What the doctor prints, without ports and what else is by chance."""
    resolv_conf, hosts = folder / "resolv.conf", folder / "hosts"
    resolv_conf.write_text(case.resolv_conf)
    hosts.write_text(case.hosts)
    with ExitStack() as stack:
        asked = list(addresses(stack, case, server))
        given = [("--nameserver", address) for address in asked] + [("--only", group) for group in case.groups]
        given += [("--own-ips", case.own)] if case.own else []
        flags = [word for pair in given for word in pair]
        arguments = ["doctor", case.service, "--resolv-conf", str(resolv_conf), "--timeout", "10", *flags]
        parsed = _parser().parse_args([*arguments, *case.options, "--output", "json"])
        config = options.config_of(parsed)
        # As the command does it, but for the path of /etc/hosts.
        report = report_of(observe(config, look_around(config, hosts=hosts)), parsed.only, parsed.fail_on)
    printed = render(report, parsed.output, Style()).replace(str(resolv_conf), "/etc/resolv.conf")
    for number, address in enumerate(asked, 1):
        printed = printed.replace(address, f"NAMESERVER-{number}")
    for pattern, word in MASKED.items():
        printed = re.sub(pattern, word, printed)
    return json.loads(printed)


def addresses(stack: ExitStack, case: Case, server: str) -> Iterator[str]:
    """The nameservers of a case."""
    closed = iter(free_ports(case.servers.count("closed")))
    for which in case.servers:
        if which == "other":
            yield stack.enter_context(KubeDns()).address
        elif which == "closed":
            yield f"127.0.0.1:{next(closed)}"
        else:
            yield stack.enter_context(Middlebox(server, case.way)).address if case.way else server


def expected(kind: str) -> dict[str, Any]:
    """What is expected of a kind of server, by case."""
    reports = json.loads(EXPECTED.read_text("utf-8"))
    return {name: by_kind.get(kind, by_kind.get("both")) for name, by_kind in reports.items()}


def codes(reports: Iterable[Any]) -> set[str]:
    """The codes of some reports."""
    return {check["code"] for report in reports for category in report["categories"] for check in category["checks"]}


def check(kind: str, name: str, server: str, folder: Path) -> None:
    """Run a case, and compare what the doctor prints."""
    report = told(CASES[name], server, folder)
    if written := os.environ.get(WRITE):
        Path(written, f"{kind} {name}.json").write_text(json.dumps(report), "utf-8")

    assert report == expected(kind).get(name)


@pytest.mark.usefixtures("pod")
@pytest.mark.parametrize("name", cases_of("coredns"))
def test_coredns(name: str, coredns_address: str, tmp_path: Path) -> None:
    """Each check of the report about CoreDNS is the expected one, with its words."""
    check("coredns", name, coredns_address, tmp_path)


@pytest.mark.usefixtures("pod")
@pytest.mark.parametrize("name", cases_of("kube-dns"))
def test_kube_dns(name: str, kube_dns_address: str, tmp_path: Path) -> None:
    """Each check of the report about kube-dns is the expected one, with its words."""
    check("kube-dns", name, kube_dns_address, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_code_is_seen(kind: str) -> None:
    """The cases of each server have every code of the doctor, but for those that are known to be impossible."""
    seen = codes(report for name, report in expected(kind).items() if report and CASES[name].lacks != kind)

    assert seen == {*GOOD, *PROBLEMS} - set(NOT_SEEN[kind])


def test_every_expectation_has_its_case() -> None:
    """`doctor.json` holds the cases, and no others."""
    assert list(json.loads(EXPECTED.read_text("utf-8"))) == list(CASES)
