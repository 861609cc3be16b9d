"""BIND's named: an authority, and a cache in front of CoreDNS, with its default limit of records and without.

See https://bind9.readthedocs.io/en/stable/reference.html.
"""

from tests.e2e.daemon import HOST
from tests.e2e.servers.site import Site


def authority(site: Site) -> list[str]:
    """Serves zone files, with as many records of one name as they have."""
    zones = "".join(
        f'zone "{zone}" {{ type primary; file "{path}"; check-names ignore; max-records-per-type 0; }};\n'
        for zone, path in site.zones.items()
    )
    return _command(site, "recursion no;", zones)


def forwarder(site: Site) -> list[str]:
    """Asks CoreDNS; its cache takes up to 100 records of one name and type, unless told otherwise."""
    return _command(site, _forward(site), "")


def unlimited(site: Site) -> list[str]:
    """Asks CoreDNS, and takes any number of records."""
    return _command(site, f"{_forward(site)} max-records-per-type 0;", "")


def _forward(site: Site) -> str:
    return f"recursion yes; forward only; forwarders {{ {HOST} port {site.origin}; }}; empty-zones-enable no;"


def _command(site: Site, options: str, zones: str) -> list[str]:
    text = f"""
options {{
  directory "{site.folder}";
  listen-on port {site.port} {{ {HOST}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile none;
  dnssec-validation no;
  notify no;
  {options}
}};
controls {{ }};
{zones}"""
    return ["named", "-g", "-n", "1", "-c", site.write("named.conf", text)]
