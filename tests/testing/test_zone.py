"""What the zone says to each kind of question."""

from collections.abc import Callable
from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype
import dns.reversename
import pytest
from dns.rcode import NOERROR, NXDOMAIN, REFUSED, SERVFAIL

from peerdisco.testing._coredns import services
from peerdisco.testing._coredns.records import RRset, labels
from peerdisco.testing._coredns.registry import Registry
from peerdisco.testing._coredns.services import Pod
from peerdisco.testing._coredns.zone import Zone

SVC = "default.svc.cluster.local"


class Asked:
    """A reply in text: ``answer`` and ``glue`` as sets of "type ttl data"."""

    def __init__(self, zone: Zone, name: str, rtype: str) -> None:
        reply = zone.answer(labels(name), dns.rdatatype.from_text(rtype))
        self.rcode = dns.rcode.Rcode.make(reply.rcode)
        self.authoritative = reply.authoritative
        self.answer = [line for rrset in reply.answer for line in lines(rrset)]
        self.authority = [line for rrset in reply.authority for line in lines(rrset)]
        self.glue = [line for rrset in reply.additional for line in lines(rrset)]

    @property
    def verdict(self) -> str:
        """Whether there is an answer, and why not."""
        if self.answer:
            return "ANSWER"
        return "NODATA" if self.rcode == NOERROR else self.rcode.name


def lines(rrset: RRset) -> list[str]:
    """Let dnspython read what was packed."""
    owner, number, ttl, rdatas, names, tail = rrset
    rtype = dns.rdatatype.RdataType.make(number)
    found = []
    for rdata in rdatas:
        data = rdata + b"".join(names) + tail
        read = dns.rdata.from_wire("IN", rtype, data, 0, len(data))
        name = dns.name.from_wire(owner, 0)[0]
        found.append(f"{name} {ttl} {dns.rdatatype.to_text(rtype)} {read}")
    return found


@pytest.fixture
def zone() -> Zone:
    """A zone where nothing is declared."""
    return Zone(Registry(labels("cluster.local"), "default"), ttl=30, serial=7)


def headless(zone: Zone, name: str, *pods: str | Pod, namespace: str = "default", **ports: int) -> None:
    """Declare a headless Service; ``unnamed=80`` is a port without a name."""
    by_name = {"" if name == "unnamed" else name: port for name, port in ports.items()}
    zone.declare(services.headless(namespace, name, pods, by_name, publish_not_ready=False))


def one_string() -> services.Service:
    """Pods given as one string."""
    return services.headless("default", "web", "1.2.3.4", None, publish_not_ready=False)


def cluster_ip(zone: Zone, name: str, ips: str | tuple[str, ...], **ports: int) -> None:
    """Declare a Service with a virtual IP."""
    zone.declare(services.cluster_ip("default", name, ips, ports or None))


def external(zone: Zone, name: str, target: str) -> None:
    """Declare an alias."""
    zone.declare(services.external_name("default", name, target))


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
