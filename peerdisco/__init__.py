"""Peer Pod IPs from a Kubernetes headless Service's DNS name, kept current.

```python
from peerdisco import discover_peers

for peer in discover_peers("test-cs-svc"):  # every Pod but this one, right now
    requests.post(f"http://{peer.netloc(8080)}/invalidate")
```
"""

from typing import TYPE_CHECKING

from peerdisco._version import __version__

if TYPE_CHECKING:
    from peerdisco._dns.nameserver import Nameserver
    from peerdisco.aio import AsyncPeerWatcher, adiscover_peers
    from peerdisco.answers import Answer, Outcome, Question, RecordType, SrvTarget
    from peerdisco.clock import Clock
    from peerdisco.config import DiscoveryConfig, Family
    from peerdisco.environment import Environment
    from peerdisco.errors import (
        Attempt,
        ConfigError,
        LookupFailed,
        NotHeadlessError,
        PeerDiscoError,
        PeersNotReady,
        Reason,
    )
    from peerdisco.fanout import Broadcast, abroadcast, broadcast
    from peerdisco.peers import Change, Peer, PeerSet, Status
    from peerdisco.resolvers import AsyncResolver, DnsResolver, Resolver, StaticResolver
    from peerdisco.sync import PeerWatcher, discover_peers

__all__ = [
    "Answer",
    "AsyncPeerWatcher",
    "AsyncResolver",
    "Attempt",
    "Broadcast",
    "Change",
    "Clock",
    "ConfigError",
    "DiscoveryConfig",
    "DnsResolver",
    "Environment",
    "Family",
    "LookupFailed",
    "Nameserver",
    "NotHeadlessError",
    "Outcome",
    "Peer",
    "PeerDiscoError",
    "PeerSet",
    "PeerWatcher",
    "PeersNotReady",
    "Question",
    "Reason",
    "RecordType",
    "Resolver",
    "SrvTarget",
    "StaticResolver",
    "Status",
    "__version__",
    "abroadcast",
    "adiscover_peers",
    "broadcast",
    "discover_peers",
]

# The module of each name: it is loaded when the name is first used (PEP 562), so that an import of one costs no other.
_MODULES = {
    "_dns.nameserver": ("Nameserver",),
    "aio": ("AsyncPeerWatcher", "adiscover_peers"),
    "answers": ("Answer", "Outcome", "Question", "RecordType", "SrvTarget"),
    "clock": ("Clock",),
    "config": ("DiscoveryConfig", "Family"),
    "environment": ("Environment",),
    "errors": (
        "Attempt",
        "ConfigError",
        "LookupFailed",
        "NotHeadlessError",
        "PeerDiscoError",
        "PeersNotReady",
        "Reason",
    ),
    "fanout": ("Broadcast", "abroadcast", "broadcast"),
    "peers": ("Change", "Peer", "PeerSet", "Status"),
    "resolvers": ("AsyncResolver", "DnsResolver", "Resolver", "StaticResolver"),
    "sync": ("PeerWatcher", "discover_peers"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load what is first used."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
