"""`peerdisco demo`: the story of a headless Service, told with real packets on 127.0.0.1, and checked as it is told."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping

from peerdisco.cli._doctor_host import look_around
from peerdisco.cli._doctor_observe import observe
from peerdisco.cli._doctor_print import render
from peerdisco.cli.demo_watchers import tell_of_watchers
from peerdisco.cli.doctor import report_of, style_of
from peerdisco.cli.narrator import NotAsTold, check, join, quiet, show, tell
from peerdisco.config import DiscoveryConfig
from peerdisco.errors import LookupFailed, NotHeadlessError
from peerdisco.sync import discover_peers
from peerdisco.testing import LocalCluster

HELP = "tell the story of a headless Service, with real packets on 127.0.0.1"

PODS = {
    "test-deploy-7bff8c5f84-hxcfw": "200.96.1.50",
    "test-deploy-7bff8c5f84-rjdm9": "200.96.0.59",
    "test-deploy-7bff8c5f84-w5l8j": "200.96.2.24",
}
MORE_PODS = {"test-deploy-7bff8c5f84-9xk2d": "200.96.3.7", "test-deploy-7bff8c5f84-tq6vz": "200.96.0.81"}
SERVICE = "test-cs-svc"
FULL_NAME = "test-cs-svc.default.svc.cluster.local."
HEADED = "test-cs-svc-head"
CLUSTER_IP = "200.68.238.114"
_OWN = PODS["test-deploy-7bff8c5f84-rjdm9"]
_PATIENCE = 0.5


def declare(parser: argparse.ArgumentParser) -> None:
    """Has no arguments."""


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - every command is called alike
    """Tells the story; returns 0 only if everything came out as it says, else 1."""
    began = time.monotonic()
    try:
        with LocalCluster() as cluster, quiet():
            _introduce(cluster)
            _each_in_turn(cluster)
            _with_a_head(cluster)
            _without_dns(cluster)
            tell_of_watchers(cluster, _short(PODS), _short(MORE_PODS))
            _ask_the_doctor(cluster)
    except NotAsTold as error:
        print(f"peerdisco: the demo did not go as the story says: {error}", file=sys.stderr)
        return 1
    print(f"All of it came out as told, in {time.monotonic() - began:.1f} s.")
    return 0


def _short(pods: Mapping[str, str]) -> dict[str, str]:
    """The Pods by their names without the ReplicaSet's."""
    return {pod.rpartition("-")[2]: ip for pod, ip in pods.items()}


def _introduce(cluster: LocalCluster) -> None:
    tell(
        f"A DNS server on {cluster.nameserver} now answers as a Kubernetes cluster's would. The packets are real; "
        "only the Pods are made up."
    )
    tell(
        "1. A Deployment runs three Pods: three copies of one program. Each has an IP, but Pods come and go and their "
        "IPs with them, so the program can't have one inside. How does a copy find the others?"
    )
    show(*(f"{pod}  {ip}" for pod, ip in PODS.items()))


def _each_in_turn(cluster: LocalCluster) -> None:
    cluster.headless(SERVICE, PODS.values(), ports={"80-80": 80})
    tell(
        f"2. The Service {SERVICE} selects these Pods and is headless (clusterIP: None): it has no IP of its own, so "
        f"DNS answers with the Pods'. Each Pod calls discover_peers({SERVICE!r}), which leaves the Pod itself out:"
    )
    lines = []
    for pod, own in _short(PODS).items():
        peers = discover_peers(SERVICE, own_ips=own, **cluster.options)
        others = sorted(ip for ip in PODS.values() if ip != own)
        check(f"the peers of {pod}", (peers.service, list(peers.ips), peers.self_listed), (FULL_NAME, others, True))
        lines.append(f"in {pod} ({own}): peers {join(peers.ips)}")
    check("what DNS was asked for", [question.name for question in cluster.questions], [FULL_NAME] * len(PODS))
    show(*lines, f"DNS was asked once for each, for {FULL_NAME}")


def _with_a_head(cluster: LocalCluster) -> None:
    cluster.cluster_ip(HEADED, CLUSTER_IP)
    tell(
        f"3. The Service {HEADED} selects the same Pods, but has a head: a virtual IP, its ClusterIP, behind which "
        "each connection goes to one of them. DNS answers with that IP. It is no Pod, and whoever takes it for the "
        "one peer there is misses the others. So peerdisco refuses it:"
    )
    try:
        peers = discover_peers(HEADED, own_ips=_OWN, **cluster.options)
    except NotHeadlessError as error:
        check("the ClusterIP", error.address, CLUSTER_IP)
        show(f"NotHeadlessError: {error}")
    else:
        raise NotAsTold(f"{HEADED} was taken for headless: {peers!r}")
    tell(
        f"curl would not notice: `curl {SERVICE}:80` and `curl {HEADED}:80` look the same, since curl uses one "
        "address, and one Pod answers either way. That a name resolves does not mean that it reaches everyone."
    )


def _without_dns(cluster: LocalCluster) -> None:
    tell("4. DNS goes down: no question is answered any more, as behind a firewall.")
    cluster.fail("drop")
    began = time.monotonic()
    try:
        peers = discover_peers(SERVICE, own_ips=_OWN, timeout=_PATIENCE, **cluster.options)
    except LookupFailed as error:
        check("the reason", error.reason, "timeout")
        show(f"LookupFailed after {time.monotonic() - began:.1f} s: {error}")
    else:
        raise NotAsTold(f"DNS was down, and yet there are peers: {peers!r}")
    cluster.heal()
    again = discover_peers(SERVICE, own_ips=_OWN, **cluster.options)
    check("the peers after DNS came back", len(again), len(PODS) - 1)
    tell(
        "That is an error, not an empty list: DNS did not say that nobody is there, it said nothing. Once DNS answers "
        f"again, so does discover_peers: {join(again.ips)}."
    )


def _ask_the_doctor(cluster: LocalCluster) -> None:
    tell(
        "8. At 3 a.m. somebody asks why a Pod has no peers. `peerdisco doctor` says so: of what is left of the story, "
        f"of a name with a typo in it, and of {HEADED}. Each finding has a code, which the documentation explains:"
    )
    expected = {SERVICE: (), "tset-cs-svc": ("no-ready-pods-or-typo",), HEADED: ("not-headless",)}
    for service, codes in expected.items():
        config = DiscoveryConfig(service, own_ips=_OWN, **cluster.options)
        report = report_of(observe(config, look_around(config)), ("headless",))
        check(f"what the doctor finds of {service}", report.problems("error", "warning"), codes)
        found = render(report, "short", style_of(sys.stdout, os.environ)) or "(it prints nothing: nothing is wrong)"
        show(f"$ peerdisco doctor {service} --only headless --output short", *found.splitlines())
