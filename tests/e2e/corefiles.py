"""Corefiles as clusters have them. `CoreDNS` finds the ports, and puts them in."""

from tests.e2e.daemon import HOST

UPSTREAM = f"forward . {HOST}:{{$ORIGIN_PORT}}"
"""The line that sends all names outside the cluster to `upstream`."""


CLUSTERSET = "clusterset.local"


def corefile(
    endpoint: str,
    *,
    ttl: int = 30,
    plugins: str = "",
    zone: str = "cluster.local",
    port: str = "{$PORT}",
    multicluster: bool = False,
    startup_timeout: str = "1ms",
) -> str:
    """One server for the zone, as kubeadm writes it; `plugins` are further lines of it.

    CoreDNS waits for the objects of the API server before it answers, for `startup_timeout` at most; its default is 5s.
    """
    pods = "verified" if "autopath" in plugins else "insecure"
    others, option = (CLUSTERSET, f"multicluster {CLUSTERSET}") if multicluster else ("", "")
    return f"""
.:{port} {{
    bind {HOST}
    errors
    ready {HOST}:{{$READY_PORT}}
    {plugins}
    kubernetes {zone} {others} in-addr.arpa ip6.arpa {{
        endpoint {endpoint}
        pods {pods}
        {option}
        fallthrough in-addr.arpa ip6.arpa
        ttl {ttl}
        startup_timeout {startup_timeout}
    }}
    loadbalance
}}
"""


def cached(seconds: int) -> str:
    """The line of older Corefiles that keeps every answer, of absence too, for so many seconds."""
    return f"cache {seconds}"


def node_cache(origin: str, *, success: int = 30, denial: int = 5) -> str:
    """A cache with nodelocaldns's settings alone, which asks `origin` (an address and port) over TCP."""
    return f"""
.:{{$PORT}} {{
    bind {HOST}
    errors
    cache {{
        success 9984 {success}
        denial 9984 {denial}
    }}
    forward . {origin} {{
        force_tcp
    }}
}}
"""


def node_local(endpoint: str, *, ttl: int = 30, success: int = 30, denial: int = 5) -> str:
    """A server for the zone behind a cache with nodelocaldns's settings, both in one process."""
    origin = f"{HOST}:{{$ORIGIN_PORT}}"
    server = corefile(endpoint, ttl=ttl, port="{$ORIGIN_PORT}")
    return node_cache(origin, success=success, denial=denial) + server


def upstream(wildcard: str = "", address: str = "") -> str:
    """The network's own nameserver: every name below `wildcard` has that address, and no other name exists."""
    record = f'answer "{{{{ .Name }}}} 60 IN A {address}"'
    found = f"template IN A {wildcard} {{\n{record}\n}}"
    return _denying(".", "NXDOMAIN") + (_denying(wildcard, "NOERROR", found) if wildcard else "")


def _denying(zone: str, rcode: str, but: str = "") -> str:
    return f"""
{zone}:{{$ORIGIN_PORT}} {{
    bind {HOST}
    {but}
    template ANY ANY {{
        rcode {rcode}
        authority "{zone} 60 IN SOA ns. hostmaster. 1 60 60 60 60"
    }}
}}
"""
