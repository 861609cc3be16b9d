"""NSD, an authority alone. See https://nsd.docs.nlnetlabs.nl/en/latest/manpages/nsd.conf.html."""

from tests.e2e.daemon import HOST
from tests.e2e.servers.site import Site


def authority(site: Site) -> list[str]:
    """Serves zone files."""
    zones = "".join(f'zone:\n  name: "{zone}"\n  zonefile: "{path}"\n' for zone, path in site.zones.items())
    text = f"""
server:
  ip-address: {HOST}
  port: {site.port}
  server-count: 1
  username: ""
  chroot: ""
  pidfile: ""
  zonesdir: "{site.folder}"
  xfrdfile: ""
  xfrdir: "{site.folder}"
  zonelistfile: "{site.folder}/zone.list"
  logfile: "/dev/stderr"
remote-control:
  control-enable: no
{zones}"""
    return ["nsd", "-d", "-c", site.write("nsd.conf", text)]
