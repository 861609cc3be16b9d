"""What a cluster's DNS says of each kind of Service: SRV, ClusterIP, ExternalName and reverse names."""

from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype
import dns.reversename
import pytest

from peerdisco.testing._coredns.services import Pod
from peerdisco.testing._coredns.zone import Zone
from tests.support.zones import SVC, Asked, cluster_ip, external, headless, zone

__all__ = ["zone"]


def test_srv_of_a_headless_service(zone: Zone) -> None:
    """One target per endpoint name and port, with glue; a dual-stack hostname is one target."""
    dual = Pod(("10.0.0.2", "fd00::"), hostname="web-0")
    headless(zone, "web", "10.0.0.1", dual, "fd00::", http=80)
    asked = Asked(zone, f"_http._tcp.web.{SVC}", "SRV")
    head = f"_http._tcp.web.{SVC}. 30 SRV 0 25 80"
    assert asked.answer == [
        f"{head} 10-0-0-1.web.{SVC}.",
        f"{head} web-0.web.{SVC}.",
        f"{head} fd00--0.web.{SVC}.",
    ]
    assert asked.glue == [
        f"10-0-0-1.web.{SVC}. 30 A 10.0.0.1",
        f"web-0.web.{SVC}. 30 A 10.0.0.2",
        f"web-0.web.{SVC}. 30 AAAA fd00::",
        f"fd00--0.web.{SVC}. 30 AAAA fd00::",
    ]


@pytest.mark.parametrize(("count", "weight"), [(1, 100), (3, 33), (99, 1), (100, 1), (101, 1)])
def test_srv_weight_is_shared_and_never_zero(zone: Zone, count: int, weight: int) -> None:
    """All targets together weigh about 100."""
    headless(zone, "web", *(f"10.0.0.{n}" for n in range(1, count + 1)), http=80)
    assert Asked(zone, f"web.{SVC}", "SRV").answer[0].split()[4] == str(weight)


@pytest.mark.parametrize(
    ("ports", "bare", "named"),
    [
        ({}, "NODATA", "NXDOMAIN"),
        ({"unnamed": 80}, "ANSWER", "NXDOMAIN"),
        ({"http": 80}, "ANSWER", "ANSWER"),
        ({"grpc": 80}, "ANSWER", "NXDOMAIN"),
    ],
)
def test_srv_follows_the_ports(zone: Zone, ports: dict[str, Any], bare: str, named: str) -> None:
    """A port without a name answers for the bare name alone; without ports nothing does."""
    headless(zone, "web", "10.0.0.1", **ports)
    assert Asked(zone, f"web.{SVC}", "SRV").verdict == bare
    assert Asked(zone, f"_http._tcp.web.{SVC}", "SRV").verdict == named
    assert Asked(zone, f"_http._udp.web.{SVC}", "SRV").verdict == "NXDOMAIN"


def test_endpoint_names_answer(zone: Zone) -> None:
    """Each endpoint has a name of its own below the Service."""
    headless(zone, "web", "10.0.0.1", Pod("10.0.0.2", hostname="web-0"))
    assert Asked(zone, f"10-0-0-1.web.{SVC}", "A").answer == [f"10-0-0-1.web.{SVC}. 30 A 10.0.0.1"]
    assert Asked(zone, f"web-0.web.{SVC}", "A").answer == [f"web-0.web.{SVC}. 30 A 10.0.0.2"]
    assert Asked(zone, f"web-0.web.{SVC}", "AAAA").verdict == "NODATA"
    assert Asked(zone, f"10-0-0-2.web.{SVC}", "A").verdict == "NXDOMAIN"


def test_cluster_ip_answers_for_itself(zone: Zone) -> None:
    """The virtual IP is the only address, and the SRV target is the Service's own name."""
    cluster_ip(zone, "vip", ("10.96.0.5", "fd96::5"), http=80)
    assert Asked(zone, f"vip.{SVC}", "A").answer == [f"vip.{SVC}. 30 A 10.96.0.5"]
    asked = Asked(zone, f"vip.{SVC}", "SRV")
    assert asked.answer == [f"vip.{SVC}. 30 SRV 0 50 80 vip.{SVC}."]
    assert asked.glue == [f"vip.{SVC}. 30 A 10.96.0.5", f"vip.{SVC}. 30 AAAA fd96::5"]


def test_external_name_leads_on(zone: Zone) -> None:
    """Within the cluster the target's records follow; from outside only the alias is known."""
    headless(zone, "web", "10.0.0.1")
    external(zone, "one", f"web.{SVC}.")
    external(zone, "two", f"one.{SVC}")
    external(zone, "out", "www.example.com")
    assert Asked(zone, f"two.{SVC}", "A").answer == [
        f"two.{SVC}. 30 CNAME one.{SVC}.",
        f"one.{SVC}. 30 CNAME web.{SVC}.",
        f"web.{SVC}. 30 A 10.0.0.1",
    ]
    assert Asked(zone, f"two.{SVC}", "CNAME").answer == [f"two.{SVC}. 30 CNAME one.{SVC}."]
    assert Asked(zone, f"out.{SVC}", "A").answer == [f"out.{SVC}. 30 CNAME www.example.com."]
    assert [Asked(zone, f"one.{SVC}", rtype).verdict for rtype in ("SRV", "AAAA", "TXT")] == ["NODATA"] * 3
    assert Asked(zone, f"_http._tcp.one.{SVC}", "SRV").verdict == "NXDOMAIN"


def test_external_names_that_lead_nowhere(zone: Zone) -> None:
    """A loop, an absent target and a chain that is too long are NODATA, as in CoreDNS."""
    external(zone, "a", f"b.{SVC}")
    external(zone, "b", f"a.{SVC}")
    external(zone, "own", f"own.{SVC}")
    external(zone, "lost", f"absent.{SVC}")
    headless(zone, "c0", "10.0.0.1")
    for link in range(1, 13):
        external(zone, f"c{link}", f"c{link - 1}.{SVC}")
    for name in ("a", "own", "lost", "c12"):
        assert Asked(zone, f"{name}.{SVC}", "A").verdict == "NODATA"
    assert len(Asked(zone, f"c11.{SVC}", "A").answer) == 12


def test_reverse_names(zone: Zone) -> None:
    """A virtual IP has one name, a Pod one in each Service, and others none that is known."""
    cluster_ip(zone, "vip", "10.96.0.5")
    headless(zone, "web", "10.0.0.1", Pod("10.0.0.2", ready=False), "fd00::1")
    headless(zone, "db", Pod("10.0.0.1", hostname="db-0"))

    def names(ip: str) -> list[str]:
        asked = Asked(zone, str(dns.reversename.from_address(ip)), "PTR")
        return [line.split()[-1] for line in asked.answer] or [asked.verdict]

    assert names("10.96.0.5") == [f"vip.{SVC}."]
    assert names("10.0.0.1") == [f"10-0-0-1.web.{SVC}.", f"db-0.db.{SVC}."]
    assert names("fd00::1") == [f"fd00--1.web.{SVC}."]
    assert names("10.0.0.2") == ["SERVFAIL"]
    assert Asked(zone, "10.in-addr.arpa", "PTR").verdict == "SERVFAIL"
    assert Asked(zone, "in-addr.arpa", "A").verdict == "NODATA"
