"""dnsmasq: hosts files and records on its command line, and a cache in front of CoreDNS.

See https://thekelleys.org.uk/dnsmasq/docs/dnsmasq-man.html.
"""

from collections.abc import Iterator
from pathlib import Path

import dns.rdatatype
import dns.zone

from tests.e2e.daemon import HOST
from tests.e2e.servers.site import Site


def authority(site: Site) -> list[str]:
    """Serves addresses from a hosts file, and all else from its configuration; it knows no zone files.

    The first name of an address is also its PTR record: a Pod's comes before its Service's.
    """
    hosts: list[str] = []
    lines: list[str] = []
    for zone, path in site.zones.items():
        lines.append(f"local=/{zone}/")
        for kind, owner, data in _records(zone, path):
            if kind in ("A", "AAAA"):
                hosts.append(f"{data} {owner}\n")
            elif kind == "SRV":
                _, weight, port, target = data.split()
                lines.append(f"srv-host={owner},{target},{port},0,{weight}")
            elif kind == "CNAME":
                lines.append(f"cname={owner},{data}")
            elif kind == "PTR":
                lines.append(f"ptr-record={owner},{data}")
    hosts.sort(key=lambda line: -line.count("."))
    lines.append(f"addn-hosts={site.write('hosts', ''.join(hosts))}")
    return _command(site, lines)


def hosts_file(site: Site) -> list[str]:
    """Serves the names of one hosts file, `hosts`, as most set-ups do."""
    return _command(site, [f"addn-hosts={site.zones['hosts']}", "local=/cluster.local/", "local=/internal/"])


def forwarder(site: Site) -> list[str]:
    """Asks CoreDNS."""
    return _command(site, [f"server={HOST}#{site.origin}"])


def _records(zone: str, path: Path) -> Iterator[tuple[str, str, str]]:
    """Type, owner and data of each record, names without their final dots."""
    for owner, _, rdata in dns.zone.from_file(str(path), zone, relativize=False).iterate_rdatas():
        yield dns.rdatatype.to_text(rdata.rdtype), owner.to_text(omit_final_dot=True), rdata.to_text().rstrip(".")


def _command(site: Site, lines: list[str]) -> list[str]:
    common = [
        f"port={site.port}",
        f"listen-address={HOST}",
        "bind-interfaces",
        "no-resolv",
        "no-hosts",
        "user=",
        "pid-file=",
        "log-facility=-",
    ]
    path = site.write("dnsmasq.conf", "\n".join([*common, *lines, ""]))
    return ["dnsmasq", "--keep-in-foreground", f"--conf-file={path}"]
