"""A Pod that looks Services up, in one of both worlds."""

from typing import Unpack

from peerdisco import PeerSet
from peerdisco.config import Options
from tests.e2e.cases import ZONE
from tests.e2e.coredns import CoreDNS
from tests.support.both import Discover

OWN = "10.0.0.1"
PATIENCE = 20.0  # seconds; so long a lookup may take where the machine is busy


class Pod:
    """The Pod that looks, in one of both worlds."""

    def __init__(self, discover: Discover, server: CoreDNS) -> None:
        self._discover = discover
        self._server = server

    def look(self, service: str, *, own: str = OWN, **options: Unpack[Options]) -> PeerSet:
        """One lookup of a Service in `default`, or of an absolute name."""
        name = service if service.endswith(".") else f"{service}.default.svc.{ZONE}"
        known: Options = {"nameservers": self._server.address, "own_ips": own, "timeout": PATIENCE}
        return self._discover(name, **(known | options))
