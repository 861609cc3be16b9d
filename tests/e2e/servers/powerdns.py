"""PowerDNS's authoritative server, and its Recursor in front of CoreDNS.

See https://doc.powerdns.com/authoritative/settings.html and https://doc.powerdns.com/recursor/settings.html.
"""

from tests.e2e.daemon import HOST
from tests.e2e.servers.site import Site


def authority(site: Site) -> list[str]:
    """Serves zone files."""
    zones = "".join(f'zone "{zone}" {{ type master; file "{path}"; }};\n' for zone, path in site.zones.items())
    text = f"""
launch=bind
bind-config={site.write("named.conf", zones)}
local-address={HOST}
local-port={site.port}
socket-dir={site.folder}
daemon=no
guardian=no
disable-syslog=yes
security-poll-suffix=
"""
    site.write("pdns.conf", text)
    return ["pdns_server", f"--config-dir={site.folder}"]


def forwarder(site: Site) -> list[str]:
    """Asks CoreDNS; it takes up to 256 records of one name and type, unless told otherwise."""
    return _recursor(site, "")


def unlimited(site: Site) -> list[str]:
    """Asks CoreDNS, and takes as many records as a message has."""
    return _recursor(site, "max-rrset-size=8192")


def _recursor(site: Site, option: str) -> list[str]:
    text = f"""
forward-zones-recurse=.={HOST}:{site.origin}
local-address={HOST}
local-port={site.port}
socket-dir={site.folder}
dont-query=
dnssec=off
serve-rfc1918=no
daemon=no
disable-syslog=yes
security-poll-suffix=
{option}
"""
    site.write("recursor.conf", text)
    return ["pdns_recursor", f"--config-dir={site.folder}"]
