"""What the zone says to each kind of question."""

from collections.abc import Callable
from typing import cast

import pytest
from dns.rcode import NOERROR, NXDOMAIN, REFUSED, SERVFAIL

from peerdisco import Peer
from peerdisco.testing._coredns import services
from peerdisco.testing._coredns.records import labels
from peerdisco.testing._coredns.registry import Registry
from peerdisco.testing._coredns.services import Pod
from peerdisco.testing._coredns.zone import Zone
from tests.support.zones import SVC, Asked, cluster_ip, external, headless, one_string, zone

__all__ = ["zone"]


def test_headless_lists_each_ready_address_once(zone: Zone) -> None:
    """Duplicates and Pods that are not ready are left out; the owner is spelt as asked."""
    headless(
        zone,
        "web",
        "10.0.0.1",
        Pod("10.0.0.1"),
        Pod("10.0.0.2", ready=False),
        Pod(("10.0.0.3", "fd00::3")),
        http=80,
        grpc=90,
    )
    asked = Asked(zone, f"WEB.{SVC}", "A")
    assert asked.answer == [f"WEB.{SVC}. 30 A 10.0.0.1", f"WEB.{SVC}. 30 A 10.0.0.3"]
    assert asked.authoritative
    assert Asked(zone, f"web.{SVC}", "AAAA").answer == [f"web.{SVC}. 30 AAAA fd00::3"]


def test_publish_not_ready_addresses_lists_everyone(zone: Zone) -> None:
    """With publishNotReadyAddresses a Pod's readiness is of no account."""
    pods = [Pod("10.0.0.1", ready=False)]
    zone.declare(services.headless("default", "web", pods, None, publish_not_ready=True))
    assert Asked(zone, f"web.{SVC}", "A").answer == [f"web.{SVC}. 30 A 10.0.0.1"]


@pytest.mark.parametrize(
    ("name", "rtype", "verdict"),
    [
        (f"web.{SVC}", "AAAA", "NODATA"),
        (f"web.{SVC}", "TXT", "NODATA"),
        (f"web.{SVC}", "HTTPS", "NODATA"),
        (f"web.{SVC}", "ANY", "NODATA"),
        (f"web.{SVC}", "CNAME", "NODATA"),
        (f"web.{SVC}", "PTR", "NODATA"),
        (f"empty.{SVC}", "A", "NXDOMAIN"),
        (f"empty.{SVC}", "AAAA", "NXDOMAIN"),
        (f"empty.{SVC}", "SRV", "NXDOMAIN"),
        (f"absent.{SVC}", "A", "NXDOMAIN"),
        (f"absent.{SVC}", "TXT", "NXDOMAIN"),
        (f"absent.{SVC}", "SOA", "NODATA"),
        ("web.absent.svc.cluster.local", "A", "NXDOMAIN"),
        (SVC, "A", "NODATA"),
        (SVC, "TXT", "NXDOMAIN"),
        ("absent.svc.cluster.local", "A", "NXDOMAIN"),
        ("svc.cluster.local", "A", "NODATA"),
        ("cluster.local", "A", "NODATA"),
        ("cluster.local", "SOA", "ANSWER"),
        ("other.cluster.local", "A", "NXDOMAIN"),
        ("ns.dns.cluster.local", "A", "NODATA"),
        ("dns-version.cluster.local", "A", "NXDOMAIN"),
        ("www.example.com", "A", "SERVFAIL"),
        ("web", "A", "SERVFAIL"),
        ("", "A", "SERVFAIL"),
        (f"web.{SVC}", "AXFR", "REFUSED"),
        (f"1.web.{SVC}", "A", "NXDOMAIN"),
        (f"a.b.c.web.{SVC}", "A", "NXDOMAIN"),
        ("10-1-0-1.default.pod.cluster.local", "A", "ANSWER"),
        ("fd00--1.default.pod.cluster.local", "AAAA", "ANSWER"),
        ("10-1-0.default.pod.cluster.local", "A", "NXDOMAIN"),
        ("10-1-0-1.absent.pod.cluster.local", "A", "NXDOMAIN"),
    ],
)
def test_absence_has_its_kinds(zone: Zone, name: str, rtype: str, verdict: str) -> None:
    """NODATA where the name exists, NXDOMAIN where not, and neither for what is foreign."""
    headless(zone, "web", "10.0.0.1", http=80)
    headless(zone, "empty")
    assert Asked(zone, name, rtype).verdict == verdict


def test_a_denial_carries_the_soa(zone: Zone) -> None:
    """Its owner is the zone as the question spelt it, and each change counts its serial up."""
    headless(zone, "web", "10.0.0.1")
    soa = "30 SOA ns.dns.CLUSTER.local. hostmaster.CLUSTER.local. 8 7200 1800 86400 30"
    for name, rcode in ((f"absent.{SVC}", NXDOMAIN), (SVC, NOERROR)):
        asked = Asked(zone, name.replace("cluster", "CLUSTER"), "A")
        assert (asked.rcode, asked.authority) == (rcode, [f"CLUSTER.local. {soa}"])
        assert asked.authoritative


def test_what_no_plugin_answers_is_bare(zone: Zone) -> None:
    """SERVFAIL and REFUSED come without authority."""
    for name, rtype, rcode in (("a.test", "A", SERVFAIL), ("cluster.local", "AXFR", REFUSED)):
        asked = Asked(zone, name, rtype)
        assert (asked.rcode, asked.authoritative, asked.authority) == (rcode, False, [])


def test_the_schema_version(zone: Zone) -> None:
    """It says whose zone this is, and may be kept for eight hours."""
    asked = Asked(zone, "dns-version.cluster.local", "TXT")
    assert asked.answer == ['dns-version.cluster.local. 28800 TXT "1.1.0"']


def test_a_namespace_lasts_once_a_service_was_in_it(zone: Zone) -> None:
    """Deleting the Service leaves the namespace."""
    headless(zone, "web", "10.0.0.1", namespace="other")
    assert Asked(zone, "web.other.svc.cluster.local", "A").verdict == "ANSWER"
    zone.delete("other", "web")
    assert Asked(zone, "web.other.svc.cluster.local", "A").verdict == "NXDOMAIN"
    assert Asked(zone, "other.svc.cluster.local", "A").verdict == "NODATA"


def test_declaring_again_replaces(zone: Zone) -> None:
    """That is how a Service scales, or becomes another kind."""
    headless(zone, "web", "10.0.0.1")
    headless(zone, "web", "10.0.0.2")
    assert Asked(zone, f"web.{SVC}", "A").answer == [f"web.{SVC}. 30 A 10.0.0.2"]
    cluster_ip(zone, "web", "10.96.0.5")
    cluster_ip(zone, "web", "10.96.0.5", http=80)
    assert Asked(zone, f"web.{SVC}", "A").answer == [f"web.{SVC}. 30 A 10.96.0.5"]


@pytest.mark.parametrize(
    ("declare", "named"),
    [
        (lambda zone: headless(zone, "Web"), "'Web'"),
        (lambda zone: headless(zone, "w" * 64), "'www"),
        (lambda zone: headless(zone, "web", namespace=""), "namespace ''"),
        (lambda zone: headless(zone, "web", "10.0.0.256"), "'10.0.0.256'"),
        (lambda zone: headless(zone, "web", "fe80::1%eth0"), "'fe80::1%eth0'"),
        (lambda zone: headless(zone, "web", "::ffff:10.0.0.1"), "'::ffff:10.0.0.1'"),
        (lambda zone: headless(zone, "web", Pod(("10.0.0.1", "10.0.0.2"))), "'10.0.0.2'"),
        (lambda zone: headless(zone, "web", Pod(())), r"\(\)"),
        (lambda zone: headless(zone, "web", cast("Pod", Peer("10.0.0.1"))), "Peer.* is not one IP address"),
        (lambda zone: headless(zone, "web", Pod("10.0.0.1", hostname="a.b")), "'a.b'"),
        (lambda zone: headless(zone, "web", http=0), "0"),
        (lambda zone: headless(zone, "web", http=65536), "65536"),
        (lambda zone: headless(zone, "web", unnamed=1, http=2), "port name ''"),
        (lambda zone: zone.declare(one_string()), "'1.2.3.4' is a string"),
        (lambda zone: cluster_ip(zone, "vip", "None"), "'None'"),
        (lambda zone: cluster_ip(zone, "vip", ()), r"\(\)"),
        (lambda zone: cluster_ip(zone, "vip", "10.96.0.1"), f"10.96.0.1 .*'taken.{SVC}'"),
        (lambda zone: external(zone, "ext", "10.0.0.1"), "'10.0.0.1'"),
        (lambda zone: external(zone, "ext", "a..b"), "'a..b'"),
        (lambda zone: external(zone, "ext", ""), "''"),
        (lambda zone: zone.delete("default", "web"), "'web'"),
    ],
)
def test_bad_input_is_named(zone: Zone, declare: Callable[[Zone], None], named: str) -> None:
    """A mistake is told at once, with the value that was wrong."""
    cluster_ip(zone, "taken", "10.96.0.1")
    with pytest.raises(ValueError, match=named):
        declare(zone)


def test_names_that_dns_can_not_hold_are_refused() -> None:
    """All labels together must fit into 255 bytes."""
    zone = Zone(Registry(labels("x" * 60 + ".local"), "n" * 63), ttl=30, serial=1)
    with pytest.raises(ValueError, match="too long"):
        headless(zone, "s" * 63, Pod("10.0.0.1", hostname="h" * 63), namespace="n" * 63)
