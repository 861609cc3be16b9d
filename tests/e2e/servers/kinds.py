"""Every server of these tests, by the name that the documentation gives it."""

import re
import subprocess

from tests.e2e.coredns_binary import binary
from tests.e2e.servers import bind, coredns, dnsmasq, knot, nsd, powerdns, unbound
from tests.e2e.servers.site import Configure, find

REFERENCE = "CoreDNS kubernetes"
"""What the others are held against."""

AUTHORITIES: dict[str, Configure] = {
    "CoreDNS file": coredns.authority,
    "dnsmasq": dnsmasq.authority,
    "unbound auth-zone": unbound.authority,
    "BIND": bind.authority,
    "Knot DNS": knot.authority,
    "NSD": nsd.authority,
    "PowerDNS": powerdns.authority,
}

FORWARDERS: dict[str, Configure] = {
    "CoreDNS forward": coredns.forwarder,
    "dnsmasq forward": dnsmasq.forwarder,
    "unbound": unbound.forwarder,
    "unbound, with glue": unbound.talkative,
    "BIND forward": bind.forwarder,
    "BIND forward, unlimited": bind.unlimited,
    "Knot Resolver": knot.forwarder,
    "PowerDNS Recursor": powerdns.forwarder,
    "PowerDNS Recursor, unlimited": powerdns.unlimited,
}

_VERSION = {
    "dnsmasq": ["dnsmasq", "--version"],
    "unbound": ["unbound", "-V"],
    "BIND": ["named", "-v"],
    "Knot DNS": ["knotd", "-V"],
    "Knot Resolver": ["kresd", "-V"],
    "NSD": ["nsd", "-v"],
    "PowerDNS": ["pdns_server", "--version"],
    "PowerDNS Recursor": ["pdns_recursor", "--version"],
}


def version(name: str) -> str:
    """Return the version of an installed server."""
    known = [program for program in _VERSION if name.startswith(program)]
    program, flag = _VERSION[max(known, key=len)] if known else [str(binary()), "-version"]
    done = subprocess.run([find(program), flag], capture_output=True, text=True, check=False)  # noqa: S603 - from above
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "unknown"
