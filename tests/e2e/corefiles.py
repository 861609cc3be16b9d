"""Corefiles as clusters have them. `CoreDNS` finds the ports, and puts them in."""

HOST = "127.0.0.1"


def corefile(
    endpoint: str, *, ttl: int = 30, plugins: str = "", zone: str = "cluster.local", port: str = "{$PORT}"
) -> str:
    """One server for the zone, as kubeadm writes it; `plugins` are further lines of it."""
    pods = "verified" if "autopath" in plugins else "insecure"
    return f"""
.:{port} {{
    bind {HOST}
    errors
    ready {HOST}:{{$READY_PORT}}
    {plugins}
    kubernetes {zone} in-addr.arpa ip6.arpa {{
        endpoint {endpoint}
        pods {pods}
        fallthrough in-addr.arpa ip6.arpa
        ttl {ttl}
        startup_timeout 1ms
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
