"""The contenders: ways to turn a name into a list. Each is set up for one Service and then called again and again."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple, cast

import dns.asyncresolver
import dns.message
import dns.resolver

from peerdisco import (
    Answer,
    AsyncPeerWatcher,
    DiscoveryConfig,
    DnsResolver,
    PeerSet,
    PeerWatcher,
    Question,
    adiscover_peers,
    discover_peers,
)
from peerdisco._dns.query import UDP_PAYLOAD
from peerdisco.config import Options
from tests.benchmarks import raw
from tests.benchmarks.replies import DOMAIN, NAMESPACE, OWN, dressed_service, full_name, service

_LONGEST_WAIT = 10.0


class Setting(NamedTuple):
    """The servers that contenders ask.

    Attributes:
        server: the responder.
        apis: URLs of stub API servers, by their number of Pods.
        isolated: whether resolv.conf names the responder, and the host has this Pod's address.
    """

    server: tuple[str, int]
    apis: Mapping[int, str]
    isolated: bool


Call = Callable[[], Any]


class Contender(NamedTuple):
    """One way to look up a Service.

    Attributes:
        name: its name in tables.
        make: returns the call to measure, for the servers and a number of Pods.
        addresses: returns the addresses in a call's result, with or without this Pod's.
        is_async: whether the call returns an awaitable, and `make` runs in the event loop.
        can_run: whether the servers have what it needs.
    """

    name: str
    make: Callable[[Setting, int], Call]
    addresses: Callable[[Any], Iterable[str]]
    is_async: bool = False
    can_run: Callable[[Setting], bool] = lambda _: True


def _config(setting: Setting, pods: int, *, own_ips: str | None = OWN, refresh: float = 5.0) -> DiscoveryConfig:
    return DiscoveryConfig(
        service(pods),
        namespace=NAMESPACE,
        cluster_domain=DOMAIN,
        nameservers="{}:{}".format(*setting.server),
        own_ips=own_ips,
        refresh=refresh,
        max_fleet_qps=1e6,
    )


def _discover(setting: Setting, pods: int) -> Call:
    config = _config(setting, pods)
    return lambda: discover_peers(config)


def _keywords(setting: Setting, pods: int) -> Call:
    name, server = service(pods), "{}:{}".format(*setting.server)
    return lambda: discover_peers(
        name, nameservers=server, own_ips=OWN, namespace=NAMESPACE, cluster_domain=DOMAIN, timeout=3
    )


def _lists(setting: Setting, pods: int) -> Call:
    name, server = service(pods), "{}:{}".format(*setting.server)
    return lambda: discover_peers(
        name, nameservers=[server], own_ips=[OWN], namespace=NAMESPACE, cluster_domain=DOMAIN, timeout=3
    )


def _override(setting: Setting, pods: int) -> Call:
    config = _config(setting, pods)
    return lambda: discover_peers(config, timeout=3)


def _resolver(setting: Setting, pods: int) -> Call:
    config = _config(setting, pods)
    resolver = DnsResolver("{}:{}".format(*setting.server))
    return lambda: discover_peers(config, resolver=resolver)


def _networks(setting: Setting, pods: int) -> Call:
    name, server = service(pods), "{}:{}".format(*setting.server)
    return lambda: discover_peers(
        name,
        nameservers=server,
        own_ips=OWN,
        namespace=NAMESPACE,
        cluster_domain=DOMAIN,
        allowed_networks=["10.0.0.0/8", "fd00::/8"],
    )


def _resolv_conf(_: Setting, pods: int) -> Call:
    name = service(pods)
    return lambda: discover_peers(name, namespace=NAMESPACE, cluster_domain=DOMAIN)


def _dressed(setting: Setting, pods: int) -> Call:
    config = _config(setting, pods).with_options({"namespace": NAMESPACE})
    dressed = DiscoveryConfig(dressed_service(pods), **_given(config))
    return lambda: discover_peers(dressed)


def _given(config: DiscoveryConfig) -> Options:
    """Return the options of a config that are not defaults."""
    return cast("Options", config.model_dump(exclude_unset=True, exclude={"service"}))


def _named_port(setting: Setting, pods: int) -> Call:
    config = _config(setting, pods).with_options({"port": "http"})
    return lambda: discover_peers(config)


def _reading_ips(setting: Setting, pods: int) -> Call:
    config = _config(setting, pods)
    return lambda: discover_peers(config).ips


def _every_peer(setting: Setting, pods: int) -> Call:
    config = _config(setting, pods)
    return lambda: list(discover_peers(config))


def _own_unknown(setting: Setting, pods: int) -> Call:
    config = _config(setting, pods, own_ips=None)
    return lambda: discover_peers(config)


def _adiscover(setting: Setting, pods: int) -> Call:
    config = _config(setting, pods)
    return lambda: adiscover_peers(config)


def _watcher(setting: Setting, pods: int) -> Call:
    return PeerWatcher(_config(setting, pods)).refresh


def _async_watcher(setting: Setting, pods: int) -> Call:
    return AsyncPeerWatcher(_config(setting, pods)).refresh


class CountingResolver(DnsResolver):
    """A resolver whose lookups can be waited for."""

    def __init__(self, nameserver: str) -> None:
        super().__init__(nameserver)
        self._looked_up = threading.Semaphore(0)

    def lookup(self, question: Question, timeout: float, *, retry: bool = True) -> Answer:
        """Answer one question."""
        answer = super().lookup(question, timeout, retry=retry)
        self._looked_up.release()
        return answer

    def wait(self, lookups: int) -> None:
        """Return after so many more lookups.

        Raises:
            TimeoutError: One did not happen.
        """
        for _ in range(lookups):
            if not self._looked_up.acquire(timeout=_LONGEST_WAIT):
                raise TimeoutError(f"no lookup in {_LONGEST_WAIT} s")


def idle_watcher(setting: Setting, pods: int, resolver: DnsResolver) -> PeerWatcher:
    """Return a watcher that looks up its Service every second."""
    return PeerWatcher(_config(setting, pods, refresh=1.0), resolver=resolver)


def _dnspython(setting: Setting, pods: int) -> Call:
    resolver = dns.resolver.Resolver(configure=False)
    return _ask_dnspython(resolver, setting, pods)


def _async_dnspython(setting: Setting, pods: int) -> Call:
    resolver = dns.asyncresolver.Resolver(configure=False)
    return _ask_dnspython(resolver, setting, pods)


def _ask_dnspython(resolver: Any, setting: Setting, pods: int) -> Call:
    resolver.nameservers, resolver.port = [setting.server[0]], setting.server[1]
    resolver.use_edns(0, 0, UDP_PAYLOAD)
    name = full_name(pods)
    return lambda: resolver.resolve(name, "A")


def _aiodns(setting: Setting, pods: int) -> Call:
    host, port = setting.server
    resolver = import_module("aiodns").DNSResolver([host], udp_port=port, tcp_port=port, timeout=5)
    name = full_name(pods)
    return lambda: resolver.query_dns(name, "A")


def _cyares(setting: Setting, pods: int) -> Call:
    host, port = setting.server
    resolver = import_module("cyares.aio").DNSResolver([host], udp_port=port, tcp_port=port, timeout=5.0)
    name = full_name(pods)
    return lambda: resolver.query(name, "A")


def _getaddrinfo(_: Setting, pods: int) -> Call:
    name = full_name(pods)
    return lambda: socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)


def _kubernetes(setting: Setting, pods: int) -> Call:
    client = import_module("kubernetes.client")
    configuration = client.Configuration(host=setting.apis[pods])
    api = client.DiscoveryV1Api(client.ApiClient(configuration))
    chosen = f"kubernetes.io/service-name={service(pods)}"
    return lambda: api.list_endpoint_slice_for_all_namespaces(label_selector=chosen)


def _ips_of_raw(reply: bytes) -> Iterable[str]:
    return (rdata.address for rdata in dns.message.from_wire(reply).answer[0])


def _ips_of_peers(peers: PeerSet) -> Iterable[str]:
    return peers.ips


def _text(address: str | bytes) -> str:
    return address.decode() if isinstance(address, bytes) else address


def _ips_of_slices(found: Any) -> Iterable[str]:
    return (ip for piece in found.items for endpoint in piece.endpoints for ip in endpoint.addresses)


def _installed(module: str) -> Callable[[Setting], bool]:
    return lambda _: find_spec(module) is not None


def _isolated(setting: Setting) -> bool:
    return setting.isolated


RAW, RAW_REMEMBERING, RAW_KEPT = "raw sockets", "raw sockets, TCP remembered", "raw sockets, kept open"
DISCOVER, KEYWORDS, IPS, PEERS = "discover_peers", "… options as keywords", "… and .ips", "… and every Peer"
LISTS, NETWORKS = "… options as lists", "… allowed_networks set"
OVERRIDE, RESOLVER = "… an option over the config's", "… a DnsResolver given"
DRESSED, NAMED_PORT = "… NS records and EDNS options", "… a named port (two questions)"
RESOLV_CONF = "… nameserver and own address found"
OWN_UNKNOWN, ADISCOVER = "… own address found", "adiscover_peers"
WATCHER, ASYNC_WATCHER = "PeerWatcher.refresh", "AsyncPeerWatcher.refresh"
DNSPYTHON, ASYNC_DNSPYTHON = "dnspython Resolver", "dnspython asyncresolver"
AIODNS, CYARES, GETADDRINFO, KUBERNETES = "aiodns", "cyares", "getaddrinfo", "kubernetes client"

CONTENDERS = (
    Contender(RAW, lambda setting, pods: raw.Opened(setting.server, full_name(pods)), _ips_of_raw),
    Contender(RAW_REMEMBERING, lambda setting, pods: raw.Remembering(setting.server, full_name(pods)), _ips_of_raw),
    Contender(DISCOVER, _discover, _ips_of_peers),
    Contender(KEYWORDS, _keywords, _ips_of_peers),
    Contender(LISTS, _lists, _ips_of_peers),
    Contender(OVERRIDE, _override, _ips_of_peers),
    Contender(RESOLVER, _resolver, _ips_of_peers),
    Contender(NETWORKS, _networks, _ips_of_peers),
    Contender(DRESSED, _dressed, _ips_of_peers),
    Contender(NAMED_PORT, _named_port, _ips_of_peers),
    Contender(IPS, _reading_ips, tuple),
    Contender(PEERS, _every_peer, lambda peers: map(str, peers)),
    Contender(OWN_UNKNOWN, _own_unknown, _ips_of_peers, can_run=_isolated),
    Contender(RESOLV_CONF, _resolv_conf, _ips_of_peers, can_run=_isolated),
    Contender(ADISCOVER, _adiscover, _ips_of_peers, is_async=True),
    Contender(RAW_KEPT, lambda setting, pods: raw.Kept(setting.server, full_name(pods)), _ips_of_raw),
    Contender(WATCHER, _watcher, _ips_of_peers),
    Contender(ASYNC_WATCHER, _async_watcher, _ips_of_peers, is_async=True),
    Contender(DNSPYTHON, _dnspython, lambda answer: (rdata.address for rdata in answer)),
    Contender(ASYNC_DNSPYTHON, _async_dnspython, lambda answer: (rdata.address for rdata in answer), is_async=True),
    Contender(
        AIODNS,
        _aiodns,
        lambda result: (record.data.addr for record in result.answer),
        is_async=True,
        can_run=_installed("aiodns"),
    ),
    Contender(
        CYARES,
        _cyares,
        lambda result: (_text(record.data.addr) for record in result.answer),
        is_async=True,
        can_run=_installed("cyares"),
    ),
    Contender(GETADDRINFO, _getaddrinfo, lambda found: (info[4][0] for info in found), can_run=_isolated),
    Contender(KUBERNETES, _kubernetes, _ips_of_slices, can_run=_installed("kubernetes")),
)
