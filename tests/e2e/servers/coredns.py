"""CoreDNS with its `file` plugin, and with `forward`, each behind its `cache`."""

from tests.e2e.coredns_binary import binary
from tests.e2e.daemon import HOST
from tests.e2e.servers.site import Site


def authority(site: Site) -> list[str]:
    """Serves zone files."""
    files = "".join(f"    file {path} {zone}\n" for zone, path in site.zones.items())
    return _command(site, files)


def forwarder(site: Site) -> list[str]:
    """Asks CoreDNS. What it hears it keeps for as long as the TTL says, where the default is 5 seconds or more."""
    return _command(site, f"    forward . {HOST}:{site.origin}\n")


def _command(site: Site, plugins: str) -> list[str]:
    text = f"""
.:{site.port} {{
    bind {HOST}
    errors
    cache {{
        success 9984 3600 0
        denial 9984 1800 0
    }}
{plugins}}}
"""
    return [str(binary()), "-conf", site.write("Corefile", text)]
