"""The table of `docs/explanation/servers.md`, measured again."""

from pathlib import Path

import dns.edns
import dns.rdatatype
import pytest

from tests.e2e.cases import ZONE
from tests.e2e.changing import Told
from tests.e2e.servers.cluster import COUNTS, sized
from tests.e2e.servers.conftest import Server
from tests.e2e.servers.kinds import version
from tests.e2e.servers.wire import Said, ask, says

PAGE = Path(__file__).parents[3] / "docs/explanation/servers.md"
OUTSIDE = "9.9.168.192.in-addr.arpa."  # no Service has that address


def said(server: Server, name: str, rtype: str) -> Said:
    """What a server says about a name below `default`."""
    return says(server.port, f"{name}.default.svc.{ZONE}", rtype)


def largest(server: Server, prefix: str, ip_version: int, rtype: str) -> str:
    """How many Pods a whole answer holds, and what is said of more."""
    whole, told = 0, ""
    for count in COUNTS:
        found = said(server, prefix + sized(ip_version, count), rtype)
        if found.rcode == "NXDOMAIN":  # this cluster has no Service of that size
            break
        if found.is_whole and found.records == count:
            whole = count
        elif found.records == count:
            told += f"; {count}: glue cut"
        else:
            told += f"; {count}: " + (f"cut to {found.records}" if found.rcode == "NOERROR" else found.rcode)
            break
    return f"{whole}{told}"


def authority_of(found: Said) -> str:
    """Which records come with an answer that has none of its own."""
    assert found.reply is not None
    return ", ".join(dns.rdatatype.to_text(rrset.rdtype) for rrset in found.reply.authority) or "nothing"


def edns_of(server: Server) -> str:
    """How large a UDP message the server takes, and what else its replies carry."""
    reply = ask(server.port, f"vip.default.svc.{ZONE}", "A")
    refusal = ask(server.port, OUTSIDE, "PTR")
    options = {dns.edns.OptionType.to_text(option.otype) for option in (*reply.options, *refusal.options)}
    cut = ask(server.port, f"{sized(4, 100)}.default.svc.{ZONE}", "A")
    left_out = "" if cut.edns == 0 else ", none in cut replies"
    return ", ".join([str(reply.payload), *sorted(options)]) + left_out


def row(server: Server) -> list[str]:
    """The server's row."""
    cut = ask(server.port, f"{sized(4, 100)}.default.svc.{ZONE}", "A")
    return [
        server.name,
        version(server.name),
        largest(server, "", 4, "A"),
        largest(server, "", 6, "AAAA"),
        largest(server, "_http._tcp.", 4, "SRV"),
        "yes" if said(server, "_http._tcp.sts", "SRV").glue else "no",
        str(sum(map(len, cut.answer))),
        authority_of(said(server, sized(4, 3), "AAAA")),
        authority_of(said(server, "alias", "A")),
        says(server.port, OUTSIDE, "PTR").rcode,
        edns_of(server),
    ]


def test_the_table(server: Server, record_property: Told) -> None:
    """Each row is what was measured, unless another version was."""
    measured = row(server)
    record_property("servers", f"| {' | '.join(measured)} |")
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in PAGE.read_text().splitlines()]
    documented = {cells[0]: cells for cells in rows}[server.name]
    if documented[1] != measured[1]:
        pytest.skip(f"the table is about {server.name} {documented[1]}, and this is {measured[1]}")

    assert measured == documented
