"""Knot DNS as authority, and Knot Resolver in front of CoreDNS.

See https://www.knot-dns.cz/docs/3.2/html/reference.html and https://knot-resolver.readthedocs.io/en/v5.6.0/.
"""

from tests.e2e.daemon import HOST
from tests.e2e.servers.site import Site


def authority(site: Site) -> list[str]:
    """Serves zone files."""
    zones = "".join(f"  - domain: {zone}\n    file: {path}\n" for zone, path in site.zones.items())
    text = f"""
server:
    listen: {HOST}@{site.port}
    rundir: {site.folder}
    pidfile: {site.folder}/knot.pid
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {site.folder}
template:
  - id: default
    storage: {site.folder}
    zonefile-sync: -1
    semantic-checks: off
zone:
{zones}
log:
  - target: stderr
    any: info
"""
    return ["knotd", "-c", site.write("knot.conf", text)]


def forwarder(site: Site) -> list[str]:
    """Asks CoreDNS."""
    text = f"""
net.listen('{HOST}', {site.port}, {{ kind = 'dns' }})
trust_anchors.remove('.')
for _, name in ipairs({{ 'ta_update', 'ta_signal_query', 'priming', 'detect_time_skew' }}) do
  modules.unload(name)  -- each would ask the root servers
end
cache.open(50 * MB, 'lmdb://{site.folder}/cache')
cache.min_ttl(0)  -- instead of 5 seconds
modules = {{ 'policy' }}
policy.add(policy.all(policy.STUB('{HOST}@{site.origin}')))
"""
    return ["kresd", "-n", "-q", "-c", site.write("kresd.conf", text), str(site.folder)]
