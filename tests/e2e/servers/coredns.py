"""CoreDNS with its `file` plugin, and with `forward`, each behind its `cache`."""

from tests.e2e.coredns_binary import binary
from tests.e2e.daemon import HOST
from tests.e2e.servers.site import Site


def authority(site: Site) -> list[str]:
    """Serves zone files."""
    files = "".join(f"    file {path} {zone}\n" for zone, path in site.zones.items())
    return _command(site, files)


def forwarder(site: Site) -> list[str]:
    """Asks CoreDNS."""
    return _command(site, f"    forward . {HOST}:{site.origin}\n")


def _command(site: Site, plugins: str) -> list[str]:
    corefile = f".:{site.port} {{\n    bind {HOST}\n    errors\n    cache\n{plugins}}}\n"
    return [str(binary()), "-conf", site.write("Corefile", corefile)]
