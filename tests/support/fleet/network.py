"""What a replica's queries come to: the nameservers of a story with their faults and caches, without a socket.

Beside the bytes, the network keeps what DNS truly told: the laws are held against that, not against what the library
read.
"""

from __future__ import annotations

import errno
import random
from functools import partial

import dns.rcode
from dns.rdatatype import NS, A

from peerdisco._dns import query as wire
from peerdisco._dns.exchange import Exchange
from peerdisco._dns.nameserver import Nameserver
from peerdisco.testing._coredns.faults import spoiled
from peerdisco.testing._coredns.query import Query, parse
from peerdisco.testing._coredns.records import Reply, RRset, labels, packed
from peerdisco.testing._coredns.render import Transport, render
from tests.support.fleet.cluster import Cache, Cluster
from tests.support.fleet.story import Event, Server, Story
from tests.support.fleet.time import ReplicaClock
from tests.support.fleet.told import Told, told_by

_SPOILT = ("servfail", "refused", "garbage", "wrong_id", "wrong_question", "truncated")
_STRANGER = packed(labels("stranger.default.svc.cluster.local"))


class Network:
    """What stands between one replica and the nameservers.

    Args:
        story: what happens.
        cluster: the Pods.
        caches: of the servers, shared by all replicas.
        clock: of the replica.
        rng: draws which exchanges a fault meets.

    Attributes:
        told: what the replies of the lookup under way told, in order.
        troubles: how many exchanges of it met a fault.
        exchanges: how many there have been.
    """

    def __init__(
        self, story: Story, cluster: Cluster, caches: list[Cache], clock: ReplicaClock, rng: random.Random
    ) -> None:
        self._story = story
        self._cluster = cluster
        self._caches = caches
        self._node = Cache(Server(ttl=story.node_ttl, denial_ttl=min(5.0, story.node_ttl)))
        self._clock = clock
        self._rng = rng
        self._faults = [event for event in story.events if event.kind == "fault"]
        self.told: list[Told] = []
        self.troubles = 0
        self.exchanges = 0

    def exchange(self, wanted: Exchange) -> bytes:
        """Send a message and return the reply.

        Raises:
            OSError: None came.
        """
        self.exchanges += 1
        number = wanted.server.port - 1
        fault = self._fault_of(number)
        name = fault.name if fault else ""
        began = self._clock()
        self._clock.sleep(0.0005 + 0.001 * self._rng.random())
        if name:
            self.troubles += 1
            self._break_down(name, wanted, began)
        reply = self._reply(number, fault, wanted)
        return self._received(wanted, reply, began)

    def _fault_of(self, number: int) -> Event | None:
        now = self._clock.real
        for event in self._faults:
            if event.at <= now < event.at + event.seconds and event.number in (-1, number):
                return event if self._rng.random() < event.chance else None
        return None

    def _break_down(self, name: str, wanted: Exchange, began: float) -> None:
        """Raise what a broken network raises."""
        match name:
            case "timeout":
                self._time_out(wanted, began)
            case "slow":
                delay = self._rng.choice([0.1, 0.5, 3.0])
                if delay >= wanted.timeout:
                    self._time_out(wanted, began)
                self._clock.sleep(delay)
            case "port_closed":
                raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
            case "unreachable":
                raise OSError(errno.ENETUNREACH, "Network is unreachable")
            case "no_descriptor":
                raise OSError(errno.EMFILE, "Too many open files")
            case "raises":
                raise self._rng.choice([RuntimeError, MemoryError, StopIteration, ValueError, KeyError])("planned")
            case "tcp_refused" if wanted.transport == "tcp":
                raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
            case "tcp_closed" if wanted.transport == "tcp":
                wire.TcpReply(partial(wire.fits, wanted.message)).feed(b"")

    def _time_out(self, wanted: Exchange, began: float) -> None:
        self._clock.sleep(began + wanted.timeout - self._clock())
        raise TimeoutError

    def _received(self, wanted: Exchange, reply: bytes, began: float) -> bytes:
        """Let in what fits, as the sockets do."""
        if wanted.transport == "udp":
            if not wire.fits(wanted.message, reply):
                self._time_out(wanted, began)
            return reply
        whole = wire.TcpReply(partial(wire.fits, wanted.message)).feed(wire.framed(reply))
        if whole is None:
            self._time_out(wanted, began)
        assert whole is not None
        return whole

    def _reply(self, number: int, fault: Event | None, wanted: Exchange) -> bytes:
        name = fault.name if fault else ""
        transport: Transport = "udp" if wanted.transport == "udp" else "tcp"
        message = wanted.message
        if not self._story.servers[number].edns and message[11]:
            query = parse(message)
            assert isinstance(query, Query)
            return render(query, Reply(dns.rcode.FORMERR), transport, self._rng)
        version = self._version(number, fault, message)
        if name in ("", "slow", "frozen"):
            reply = self._cluster.bytes_of(version, message, transport)
            self._note(version, message, reply, transport)
            return reply
        query = parse(message)
        assert isinstance(query, Query)
        said = self._cluster.reply(version, query)
        if name in ("tcp_refused", "tcp_closed"):
            name = "truncated"
        if name in _SPOILT:
            reply = spoiled(name, query, said, transport, self._rng)  # type: ignore[arg-type] # is one of them
            if name == "truncated":
                self._note(version, message, reply, transport)
            return reply
        reply = render(query, self._changed(name, query, said), transport, self._rng)
        if name in ("nxdomain", "empty", "half"):
            self._note(version, message, reply, transport, half=name == "half")
        return reply

    def _version(self, number: int, fault: Event | None, message: bytes) -> int:
        """Return which version of the cluster a server shows now."""
        now = self._clock.real
        server = self._story.servers[number]
        moment = now - server.lag
        if fault and fault.name == "frozen":
            moment = min(moment, fault.at)
        fresh = self._cluster.at(moment)
        is_empty = not self._cluster.versions[fresh].pods
        shown = self._caches[number].version(message[12:], now, fresh, is_empty=is_empty)
        if self._story.node_ttl:
            is_empty = not self._cluster.versions[shown].pods
            shown = self._node.version(message[12:], now, shown, is_empty=is_empty)
        return shown

    def _changed(self, name: str, query: Query, said: Reply) -> Reply:
        """Return what a server says that is wrong."""
        soa = said.authority or self._cluster.denial()
        match name:
            case "nxdomain":
                return Reply(dns.rcode.NXDOMAIN, authoritative=True, authority=soa)
            case "empty":
                return Reply(dns.rcode.NOERROR, authority=soa)
            case "half":
                return said._replace(answer=_half(said.answer, self._rng))
            case "referral":
                zone = packed(labels("cluster.local"))
                return Reply(dns.rcode.NOERROR, authority=(RRset(zone, NS, 30, (b"",), (_STRANGER,)),))
            case "stranger":
                return Reply(dns.rcode.NOERROR, answer=(RRset(_STRANGER, A, 30, (b"\x0a\x63\x63\x63",)),))
            case _:
                return Reply(dns.rcode.NOERROR, authoritative=True, truncated=True)

    def _note(self, number: int, message: bytes, reply: bytes, transport: Transport, *, half: bool = False) -> None:
        """Keep what a reply tells."""
        version = self._cluster.versions[number]
        told = told_by(version, message, reply, is_udp=transport == "udp", is_whole=not half, ipv6=self._story.ipv6)
        if told is not None:
            self.told.append(told)


def _half(answer: object, rng: random.Random) -> list[RRset]:
    """Return half of the records, rounded up."""
    assert isinstance(answer, (list, tuple))
    if len(answer) > 1:
        return rng.sample(list(answer), (len(answer) + 1) // 2)
    return [one._replace(rdatas=rng.sample(list(one.rdatas), (len(one.rdatas) + 1) // 2)) for one in answer]


def server_of(number: int) -> Nameserver:
    """Return the address of a story's server."""
    return Nameserver("10.96.0.10", number + 1)
