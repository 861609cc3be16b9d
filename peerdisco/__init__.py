"""Peer Pod IPs from a Kubernetes headless Service's DNS name, kept current.

```python
from peerdisco import discover_peers

for peer in discover_peers("test-cs-svc"):  # everyone but me, right now
    requests.post(f"http://{peer.netloc(8080)}/invalidate")
```
"""

from typing import TYPE_CHECKING

from peerdisco._version import __version__
from peerdisco.answers import Answer, Outcome, Question, SrvTarget
from peerdisco.config import DiscoveryConfig
from peerdisco.errors import ConfigError, LookupFailed, NotHeadlessError, PeerDiscoError, PeersNotReady
from peerdisco.peers import Change, Peer, PeerSet, Status
from peerdisco.resolvers import AsyncResolver, DnsResolver, Resolver, StaticResolver
from peerdisco.sync import PeerWatcher, discover_peers

if TYPE_CHECKING:
    from peerdisco.aio import AsyncPeerWatcher, adiscover_peers

__all__ = [
    "Answer",
    "AsyncPeerWatcher",
    "AsyncResolver",
    "Change",
    "ConfigError",
    "DiscoveryConfig",
    "DnsResolver",
    "LookupFailed",
    "NotHeadlessError",
    "Outcome",
    "Peer",
    "PeerDiscoError",
    "PeerSet",
    "PeerWatcher",
    "PeersNotReady",
    "Question",
    "Resolver",
    "SrvTarget",
    "StaticResolver",
    "Status",
    "__version__",
    "adiscover_peers",
    "discover_peers",
]

_ASYNC = {"AsyncPeerWatcher", "adiscover_peers"}


def __getattr__(name: str) -> object:
    """Loads what needs asyncio when it is first used."""
    if name in _ASYNC:
        from peerdisco import aio

        return getattr(aio, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
