"""A zone, Services to declare in it, and its answers as text."""

import dns.message
import dns.rcode
import dns.rdatatype
import dns.reversename
import pytest
from dns.rcode import NOERROR

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
