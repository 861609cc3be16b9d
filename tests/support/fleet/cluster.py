"""The cluster of a story: which Pods there are at each moment, and what its nameservers say, as bytes.

What is asked may come in any order of time: the cluster is a table of versions, and a cache knows since when it has an
answer.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from functools import cached_property, lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from peerdisco.testing._coredns import services
from peerdisco.testing._coredns.query import Query, parse
from peerdisco.testing._coredns.records import Reply, RRset, authority, labels
from peerdisco.testing._coredns.registry import Registry
from peerdisco.testing._coredns.render import Transport, render
from peerdisco.testing._coredns.services import Entry
from peerdisco.testing._coredns.zone import Zone
from tests.support.fleet.story import Event, Server, Story

SERVICE = "web.default.svc.cluster.local."
TTL = 30
_WHERE = labels("web.default.svc")
_BASES = {False: int(ip_address("10.1.0.0")), True: int(ip_address("fd00::1:0"))}


class Pod(NamedTuple):
    """A Pod: which of the fleet's addresses it has, and its number, which no other Pod ever has."""

    place: int
    number: int


Pods = tuple[Pod, ...]


@lru_cache(maxsize=20_000)
def address(place: int, ipv6: bool) -> bytes:
    """Return an address of the fleet, packed."""
    return (_BASES[ipv6] + 1 + place).to_bytes(16 if ipv6 else 4)


@lru_cache(maxsize=20_000)
def entry(pod: Pod, ipv6: bool, hostnames: bool, mixed_ports: bool) -> Entry:
    """Return what DNS knows of a Pod."""
    ip = address(pod.place, ipv6)
    endpoint = f"web-{pod.number}" if hostnames else services.endpoint_name(ip)
    port = 9090 if mixed_ports and pod.number % 2 else 8080
    return Entry(endpoint, ip, "http", "tcp", port, (endpoint.encode(), *_WHERE))


class Version:
    """The Pods from one moment on."""

    def __init__(self, since: float, pods: Pods, story: Story) -> None:
        self.since = since
        self._story = story
        self.pods = pods
        self.entries = tuple(entry(pod, story.ipv6, story.hostnames, story.mixed_ports) for pod in pods)
        self.addresses = frozenset(one.address for one in self.entries)

    @cached_property
    def by_label(self) -> dict[bytes, bytes]:
        """Return the address behind each endpoint's name."""
        return {one.endpoint.encode(): one.address for one in self.entries}

    @cached_property
    def named(self) -> dict[bytes, tuple[int, str]]:
        """Return the port and hostname of each address."""
        hostnames = self._story.hostnames
        return {one.address: (one.port, one.endpoint if hostnames else "") for one in self.entries}


class Cluster:
    """The versions of a cluster, and its replies.

    Args:
        story: what happens.
        rng: draws the order of records.

    Attributes:
        versions: the Pods from each moment on.
    """

    def __init__(self, story: Story, rng: random.Random) -> None:
        self._rng = rng
        self.versions = _versions(story)
        self._since = [version.since for version in self.versions]
        self._registry = Registry(labels("cluster.local"), "default")
        self._zone = Zone(self._registry, ttl=TTL, serial=1)
        self._rendered: dict[tuple[int, bytes, Transport, int], bytes] = {}

    def at(self, moment: float) -> int:
        """Return the number of the version of a moment."""
        return max(0, bisect_right(self._since, moment) - 1)

    def reply(self, number: int, query: Query) -> Reply:
        """Return what a version says to a question."""
        entries = self.versions[number].entries
        self._registry._services.clear()
        if entries:
            self._registry._services["default", "web"] = services.Service("default", "web", entries)
        return self._zone.answer(query.name, query.rtype)

    def denial(self) -> tuple[RRset, ...]:
        """Return the SOA record of a denial."""
        return (authority(labels("cluster.local"), 5, 1),)

    def bytes_of(self, number: int, message: bytes, transport: Transport) -> bytes:
        """Return the reply of a version; what is not cut is shuffled three times at most."""
        key = number, message[2:], transport, self._rng.randrange(3)
        kept = self._rendered.get(key)
        if kept is None:
            query = parse(message)
            assert isinstance(query, Query)
            kept = render(query, self.reply(number, query), transport, self._rng)
            if not kept[2] & 2 or query.rtype == 33 or transport == "udp":
                self._rendered[key] = kept
        return message[:2] + kept[2:]


class Cache:
    """A cache of one nameserver or node: which version it has of each question, and since when."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._kept: dict[bytes, tuple[int, float, float]] = {}

    def version(self, question: bytes, now: float, fresh: int, *, is_empty: bool) -> int:
        """Return the version that is said now, where the cluster's own would be `fresh`."""
        kept = self._kept.get(question)
        if kept and kept[1] <= now < kept[2]:
            return kept[0]
        ttl = self._server.denial_ttl if is_empty else self._server.ttl
        if ttl and (kept is None or kept[1] <= now):
            self._kept[question] = fresh, now, now + ttl
        if kept and self._server.stale_for and kept[2] <= now < kept[2] + self._server.stale_for:
            return kept[0]
        return fresh


def _versions(story: Story) -> list[Version]:
    pods = [Pod(n, n) for n in range(story.pods)]
    after = story.pods
    found = [Version(0.0, tuple(pods), story)]
    for at, kind, number in sorted(_steps(story.events), key=lambda step: step[0]):
        match kind:
            case "scale" if number > 0:
                pods += [Pod(n, n) for n in range(after, after + number)]
                after += number
            case "scale":
                del pods[max(0, len(pods) + number) :]
            case "crash" if pods:
                pods.pop(number % len(pods))
            case "reuse" if pods:
                place = number % len(pods)
                pods[place] = Pod(pods[place].place, after)
                after += 1
            case "roll" if pods:
                pods.pop(0)
                pods.append(Pod(after, after))
                after += 1
        found.append(Version(at, tuple(pods), story))
    return found


def _steps(events: tuple[Event, ...]) -> list[tuple[float, str, int]]:
    steps: list[tuple[float, str, int]] = []
    for event in events:
        if event.kind == "roll":
            steps += [(event.at + n * event.seconds, "roll", 0) for n in range(event.number)]
        elif event.kind in ("scale", "crash", "reuse"):
            steps.append((event.at, event.kind, event.number))
    return steps
