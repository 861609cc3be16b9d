"""Check-ups for the tests of the doctor: observations that are made up, and checks by code."""

from peerdisco._core.addresses import pack_ips
from peerdisco._core.listing import Listing
from peerdisco._dns.nameserver import Nameserver
from peerdisco.answers import Answer, Outcome, Question
from peerdisco.cli._doctor_observations import Fact, Observations, Place, Probe, ServerSight, namespace_question
from peerdisco.cli._doctor_report import GOOD, PAGE, PROBLEMS, Check, Report
from peerdisco.cli.doctor import report_of
from peerdisco.errors import Attempt, Reason

FIRST = Nameserver("10.96.0.10", 53)
SECOND = Nameserver("10.96.0.11", 53)
WEB = "web.default.svc.cluster.local."

IN_A_POD = Place(
    service=WEB,
    kubernetes="10.96.0.1",
    hosts_file="pod",
    search=("default.svc.cluster.local", "svc.cluster.local", "cluster.local"),
    servers=(FIRST,),
    servers_from="/etc/resolv.conf",
    namespace=Fact("default", "POD_NAMESPACE"),
    domain=Fact("cluster.local", "the search list"),
    own=Fact("10.0.0.1", "POD_IPS"),
    own_packed=pack_ips("10.0.0.1"),
)
REPLY = Probe(rcode="NOERROR", seconds=0.001, size=100, records=("10.0.0.1", "10.0.0.2"))
DENIAL = Probe(rcode="NXDOMAIN", seconds=0.001, size=100)
OVER_TCP = REPLY._replace(transport="tcp")
SCHEMA = Probe(rcode="NOERROR", records=('"1.1.0"',))
NO_ALIAS = Probe(rcode="NOERROR")


def addresses(*ips: str) -> frozenset[bytes]:
    """Addresses, packed."""
    return frozenset(pack_ips(" ".join(ips))) if ips else frozenset()


def listing(*peers: str, own: str = "10.0.0.1", ttl: int = 30) -> Listing:
    """What a lookup comes to that lists these peers and this Pod."""
    return Listing(Outcome.FOUND, addresses(*peers), addresses(own), ttl)


def healthy() -> Observations:
    """What is seen in a Pod where all is well."""
    answer = Answer(Outcome.FOUND, addresses("10.0.0.1", "10.0.0.2"), 30)
    return Observations(
        IN_A_POD,
        sights=(ServerSight(FIRST, (REPLY,), OVER_TCP),),
        asked=FIRST,
        verdict=listing("10.0.0.2"),
        named=listing("10.0.0.2"),
        said={namespace_question(WEB): Answer(Outcome.NODATA), Question(WEB, "A"): answer},
        schema=SCHEMA,
        alias=NO_ALIAS,
    )


def lost(reason: Reason, *, seconds: float = 1.0, edns: bool = True, server: Nameserver = FIRST) -> Probe:
    """A message that got no reply that can be read."""
    return Probe(edns=edns, seconds=seconds, lost=Attempt(str(server), "udp", reason, "did not answer"))


def problems(seen: Observations, group: str) -> list[tuple[str, str]]:
    """The codes and results of the checks of a group that are not well."""
    return [(check.code, check.result) for check in checks(seen, group) if check.result != "success"]


def checks(seen: Observations, *groups: str) -> list[Check]:
    """The checks of some groups, or of all."""
    return checked(report_of(seen, groups))


def checked(report: Report) -> list[Check]:
    """The checks of a report, each of which keeps the laws of codes and hints."""
    found = [check for category in report.categories for check in category.checks]
    for check in found:
        assert check.code in (GOOD if check.result == "success" else PROBLEMS)
        assert check.hint == "" if check.result == "success" else check.hint.endswith(f"See {PAGE}#{check.code}")
    return found


def described(seen: Observations, code: str) -> str:
    """What the check with this code has seen."""
    return next(check.description for check in checks(seen) if check.code == code)
