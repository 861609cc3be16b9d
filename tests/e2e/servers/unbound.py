"""unbound: an `auth-zone`, and a cache in front of CoreDNS, with and without `minimal-responses`.

See https://unbound.docs.nlnetlabs.nl/en/latest/manpages/unbound.conf.html.
"""

from tests.e2e.daemon import HOST
from tests.e2e.servers.site import Site


def authority(site: Site) -> list[str]:
    """Serves zone files; what they lack it asks CoreDNS, lest it go to the root servers."""
    zones = "".join(f'auth-zone:\n  name: "{zone}"\n  zonefile: "{path}"\n' for zone, path in site.zones.items())
    return _command(site, "", zones + _forward(site))


def forwarder(site: Site) -> list[str]:
    """Asks CoreDNS, and leaves out what was not asked for (its default)."""
    return _command(site, "  minimal-responses: yes", _forward(site))


def talkative(site: Site) -> list[str]:
    """Asks CoreDNS, and passes glue on."""
    return _command(site, "  minimal-responses: no", _forward(site))


def _forward(site: Site) -> str:
    return f'forward-zone:\n  name: "."\n  forward-addr: {HOST}@{site.origin}\n'


def _command(site: Site, options: str, zones: str) -> list[str]:
    text = f"""
server:
  interface: {HOST}
  port: {site.port}
  directory: "{site.folder}"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  unblock-lan-zones: yes
  insecure-lan-zones: yes
  module-config: "iterator"
{options}
remote-control:
  control-enable: no
{zones}"""
    return ["unbound", "-d", "-c", site.write("unbound.conf", text)]
