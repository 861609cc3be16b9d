"""Makes the observations of a check-up: threads, and the order in which things are asked.

First each nameserver is probed, all at once, over UDP and over TCP; then one that replied is asked the rest, again all
at once. Where none replied, nothing more is asked. Both together take no longer than `timeout`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from peerdisco._core import names
from peerdisco._core.discovery import Discovery
from peerdisco._core.listing import Limits
from peerdisco._core.srv_discovery import SrvDiscovery
from peerdisco._dns.blocking import drive
from peerdisco._dns.nameserver import Nameserver
from peerdisco.answers import Answer, Question
from peerdisco.cli._doctor_asker import Asker
from peerdisco.cli._doctor_observations import (
    Observations,
    Place,
    Probe,
    ServerSight,
    Verdict,
    api_question,
    namespace_question,
    own_question,
)
from peerdisco.config import DiscoveryConfig
from peerdisco.environment import DEFAULT_DOMAIN, HOST_ENVIRONMENT, Environment
from peerdisco.errors import LookupFailed, NotHeadlessError

MOST_SERVERS = 5
"""Nameservers that are probed; with four messages each, half of the questions are left for the rest."""

_PROBING = 0.6
# With EDNS, without it, and with it again: tells a lost reply from a server or a firewall that drops EDNS. The last
# one waits longest, for a server that is slow.
_UDP = ((True, 0.25), (False, 0.25), (True, 0.5))
_LIMITS = Limits(samples=3, targets=4)


def observe(config: DiscoveryConfig, place: Place, environment: Environment = HOST_ENVIRONMENT) -> Observations:
    """Ask everything that a check-up is made of.

    Args:
        config: the options.
        place: where it is made from.
        environment: the same, as a lookup takes it.
    """
    asker = Asker(config.timeout)
    observed = Observations(place, config.port, config.timeout)
    discovery: Discovery | None = None
    opening = Question(f"{place.domain.value or DEFAULT_DOMAIN}.", "A")
    if place.service and not place.problems:
        searched = config.with_options({"port": None, "hostnames": False, "static_ips": None})
        discovery = Discovery(searched, environment)
        opening = discovery.opening.question
    sights = _probe(asker, place.servers[:MOST_SERVERS], opening, config.timeout * _PROBING)
    replied = [sight.server for sight in sights if sight.reply]
    servers = [sight.server for sight in sights if sight.is_usable] or replied
    if not servers:
        return observed._replace(sights=sights)
    observed = observed._replace(sights=sights, asked=servers[0])
    if discovery is None:
        return observed._replace(schema=_schema(asker, place, servers[0]))
    wanted = SrvDiscovery(config.with_options({"hostnames": True, "static_ips": None}), environment)
    return _ask(asker, observed, servers[:2], (discovery, wanted))


def _probe(asker: Asker, servers: Sequence[Nameserver], question: Question, window: float) -> tuple[ServerSight, ...]:
    if not servers:
        return ()
    with ThreadPoolExecutor(2 * len(servers)) as pool:
        over_udp = [pool.submit(_over_udp, asker, server, question, window) for server in servers]
        over_tcp = [pool.submit(asker.probe, server, *question, transport="tcp", timeout=window) for server in servers]
        return tuple(
            ServerSight(server, udp.result(), tcp.result())
            for server, udp, tcp in zip(servers, over_udp, over_tcp, strict=True)
        )


def _over_udp(asker: Asker, server: Nameserver, question: Question, window: float) -> tuple[Probe, ...]:
    probes: list[Probe] = []
    for edns, share in _UDP:
        probe = asker.probe(server, *question, edns=edns, timeout=window * share)
        probes.append(probe)
        if probe.lost is not None:
            if probe.lost.reason == "refused":
                break  # a closed port stays closed
        elif not probe.refuses_edns and (edns or probes[0].refuses_edns):
            break
    return tuple(probes)


def _ask(
    asker: Asker, observed: Observations, servers: Sequence[Nameserver], discoveries: tuple[Discovery, Discovery]
) -> Observations:
    place = observed.place
    ask: Callable[[Question], Answer] = partial(asker.lookup, servers)
    with ThreadPoolExecutor(8) as pool:
        verdict, named = (pool.submit(_verdict, discovery, ask) for discovery in discoveries)
        schema = pool.submit(_schema, asker, place, servers[0])
        alias = pool.submit(_raw, asker, servers[0], place.service, "CNAME")
        for question in _questions(place):
            pool.submit(ask, question)
    return observed._replace(
        verdict=verdict.result(),
        named=named.result(),
        said=asker.said(),
        schema=schema.result(),
        alias=alias.result(),
    )


def _questions(place: Place) -> list[Question]:
    """Return what is asked besides the questions of a lookup."""
    questions = [Question(place.service, "A"), Question(place.service, "AAAA")]
    if names.is_service(place.service):
        questions += [namespace_question(place.service), api_question(place.domain.value)]
    return questions + [own_question(ip) for ip in place.own_packed[:2]]


def _verdict(discovery: Discovery, ask: Callable[[Question], Answer]) -> Verdict:
    try:
        return drive(discovery.steps(_LIMITS), lambda timed: ask(timed.question), LookupFailed)
    except (LookupFailed, NotHeadlessError) as error:
        return error


def _schema(asker: Asker, place: Place, server: Nameserver) -> Probe:
    return _raw(asker, server, f"dns-version.{place.domain.value or DEFAULT_DOMAIN}.", "TXT")


def _raw(asker: Asker, server: Nameserver, name: str, rtype: str) -> Probe:
    probe = asker.probe(server, name, rtype, timeout=asker.left / 2)
    if probe.lost is None and not probe.refuses_edns:
        return probe
    return asker.probe(server, name, rtype, edns=False, timeout=asker.left)
