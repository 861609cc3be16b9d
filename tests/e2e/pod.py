"""A Pod that looks Services up."""

from typing import Protocol, Unpack

from peerdisco import PeerSet
from peerdisco.config import LookupOptions
from tests.e2e.cases import ZONE
from tests.support.both import Discover

OWN = "10.0.0.1"
PATIENCE = 20.0  # seconds; so long a lookup may take where the machine is busy
FAILING = 2.0  # seconds that a lookup takes to fail: on a busy machine, too, the server answers within them


class Server(Protocol):
    """A DNS server."""

    @property
    def address(self) -> str:
        """Its address and port."""


class Pod:
    """The Pod that looks, by one of the ways to a list."""

    def __init__(self, discover: Discover, server: Server) -> None:
        self._discover = discover
        self._server = server

    def look(self, service: str, *, own: str = OWN, **options: Unpack[LookupOptions]) -> PeerSet:
        """One lookup of a Service in `default`, or of an absolute name."""
        name = service if service.endswith(".") else f"{service}.default.svc.{ZONE}"
        known: LookupOptions = {"nameservers": self._server.address, "own_ips": own, "timeout": PATIENCE}
        return self._discover(name, **(known | options))
