"""A real CoreDNS on 127.0.0.1, and knowing that it has seen what was declared."""

import contextlib
import http.client
import itertools
from pathlib import Path

import dns.message
import dns.query

from tests.e2e.api_server import ApiServer, Endpoint
from tests.e2e.coredns_binary import CoreDNSUnavailable, binary
from tests.e2e.daemon import DEADLINE, HOST, Daemon, free_ports

__all__ = ["CoreDNS", "CoreDNSUnavailable", "binary", "settled"]


class CoreDNS(Daemon):
    """A CoreDNS process on one port of 127.0.0.1, UDP and TCP; a context manager.

    Args:
        path: The binary.
        corefile: Its Corefile.
        synced: Wait until the API server's objects have come; else only until the port answers.
    """

    def __init__(self, path: Path, corefile: str, *, synced: bool = True) -> None:
        self._synced = synced
        port, self._ready_port, origin_port = free_ports(3)
        ports = {"PORT": port, "READY_PORT": self._ready_port, "ORIGIN_PORT": origin_port}
        env = {name: str(number) for name, number in ports.items()}
        super().__init__([str(path), "-conf", "stdin"], port, stdin=corefile, env=env)

    def is_ready(self) -> bool:
        """Whether it answers and, if that is wanted, has every object."""
        return super().is_ready() and (not self._synced or self._has_synced())

    def _has_synced(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self._ready_port, timeout=DEADLINE)
        with contextlib.closing(connection), contextlib.suppress(OSError):
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        return False


_markers = itertools.count()


def settled(coredns: CoreDNS, api: ApiServer, *, zone: str = "cluster.local") -> None:
    """Block until CoreDNS knows all that has been declared to `api` so far.

    Watches of different kinds are separate streams, but each keeps its order. So a fresh Service
    with endpoints in a fresh Namespace that CoreDNS answers for means that all three have arrived.
    """
    namespace = f"marker-{next(_markers)}"
    # each poll asks a name of its own, else a cache would repeat the first NXDOMAIN
    names = (f"h{n}.marker.{namespace}.svc.{zone}" for n in itertools.count())
    pods = [Endpoint("192.0.2.1", hostname=f"h{n}") for n in range(1000)]
    api.headless("marker", pods, namespace=namespace)

    def seen() -> bool:
        question = dns.message.make_query(next(names), "A")
        reply = dns.query.udp(question, HOST, port=coredns.port, timeout=DEADLINE)
        return bool(reply.answer)

    coredns.wait_until(seen, f"CoreDNS has not seen {namespace}")
    api.delete("marker", namespace=namespace)
