"""A cluster's DNS on 127.0.0.1, for tests: declare Services, and ask with real packets."""

import random
import threading
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self, TypedDict

import dns.name
import dns.rdatatype

from peerdisco.testing._coredns import services
from peerdisco.testing._coredns.faults import Fault, Faults, checked_rule, spoiled
from peerdisco.testing._coredns.query import Query, parse
from peerdisco.testing._coredns.registry import Registry
from peerdisco.testing._coredns.render import Transport, refused, render
from peerdisco.testing._coredns.server import Response, Server
from peerdisco.testing._coredns.services import Pod, Service, checked_domain, checked_label
from peerdisco.testing._coredns.zone import Zone

__all__ = ["Fault", "LocalCluster", "Options", "Pod", "Received", "Transport"]

_LONGEST_TTL = 3600


class Received(NamedTuple):
    """A question that came: its name absolute and as it was spelt, its type such as ``"A"``."""

    name: str
    rtype: str
    transport: Transport


class Options(TypedDict):
    """What ``discover_peers`` needs to ask a :class:`LocalCluster`."""

    nameservers: str
    namespace: str
    cluster_domain: str


class LocalCluster:
    """A DNS server that answers as CoreDNS would for the Services declared on it.

    It listens on one free port of 127.0.0.1, over UDP and TCP, from :meth:`start` to
    :meth:`close`, or inside a ``with`` block. Services may be declared before, and changed at any
    time from any thread; the next question is answered accordingly. The names are those of
    https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/.

    Args:
        namespace: Where Services are declared that name no other.
        cluster_domain: The domain below which all names are.
        ttl: Seconds that records may be kept, 0 to 3600.
        seed: Makes the order of records the same in every run.
        tcp_idle: Seconds without a question after which a TCP connection is closed.

    Raises:
        ValueError: An argument is out of its range or no DNS name.
    """

    def __init__(
        self,
        *,
        namespace: str = "default",
        cluster_domain: str = "cluster.local",
        ttl: int = 30,
        seed: int | None = None,
        tcp_idle: float = 10.0,
    ) -> None:
        if not 0 <= ttl <= _LONGEST_TTL:
            raise ValueError(f"ttl={ttl!r} is not within 0 to {_LONGEST_TTL} seconds")
        if not tcp_idle > 0:
            raise ValueError(f"tcp_idle={tcp_idle!r} is not above 0 seconds")
        self._namespace = checked_label(namespace, "namespace")
        domain = checked_domain(cluster_domain, "cluster domain")
        self._domain = cluster_domain.removesuffix(".")
        self._tcp_idle = tcp_idle
        registry = Registry(domain, namespace)
        self._zone = Zone(registry, ttl=ttl, serial=int(time.time()))
        self._faults = Faults()
        self._random = random.Random(seed)  # noqa: S311 - the order of records is no secret
        self._questions: list[Received] = []
        self._changed = threading.Condition()
        self._server: Server | None = None
        self._address: str | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Listen, on a new port; while it listens already, nothing happens.

        Raises:
            OSError: No socket could be bound.
        """
        if self._server is None:
            self._server = Server(self._respond, tcp_idle=self._tcp_idle)
            self._address = self._server.address

    def close(self) -> None:
        """Stop listening and close every connection; what was declared is kept."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def headless(
        self,
        name: str,
        pods: Iterable[str | Pod] = (),
        *,
        namespace: str | None = None,
        ports: Mapping[str, int] | None = None,
        publish_not_ready_addresses: bool = False,
    ) -> None:
        """Declare a headless Service, or scale the one with this name.

        Args:
            name: The Service's name.
            pods: Its Pods, each an IP address or a :class:`Pod`.
            namespace: The cluster's own if None.
            ports: TCP port numbers by name; a single one may be named ``""``.
            publish_not_ready_addresses: Whether Pods that are not ready are listed, too.

        Raises:
            ValueError: A name, address or port is invalid; it says which.
        """
        hidden = publish_not_ready_addresses
        where = self._where(namespace)
        self._declare(services.headless(where, name, pods, ports, publish_not_ready=hidden))

    def cluster_ip(
        self,
        name: str,
        ips: str | Iterable[str],
        *,
        namespace: str | None = None,
        ports: Mapping[str, int] | None = None,
    ) -> None:
        """Declare a Service with a virtual IP, or replace the one with this name.

        Args:
            name: The Service's name.
            ips: Its virtual IP, or one of each family.
            namespace: The cluster's own if None.
            ports: TCP port numbers by name; if None, port 80 without a name.

        Raises:
            ValueError: A name, address or port is invalid, or the address is another's.
        """
        self._declare(services.cluster_ip(self._where(namespace), name, ips, ports))

    def external_name(self, name: str, target: str, *, namespace: str | None = None) -> None:
        """Declare a Service that is an alias, or replace the one with this name.

        Args:
            name: The Service's name.
            target: The absolute name it stands for, with or without the final dot.
            namespace: The cluster's own if None.

        Raises:
            ValueError: A name is invalid.
        """
        self._declare(services.external_name(self._where(namespace), name, target))

    def delete(self, name: str, *, namespace: str | None = None) -> None:
        """Take a Service away; its namespace goes on existing.

        Raises:
            ValueError: No such Service is declared.
        """
        with self._changed:
            self._zone.delete(self._where(namespace), name)

    def fail(
        self,
        fault: Fault,
        *,
        seconds: float | None = None,
        transport: Transport | None = None,
        rtype: str | None = None,
        times: int | None = None,
    ) -> None:
        """Fail clients from now on; several faults may be in force, and the first made decides.

        Args:
            fault: ``"drop"`` (no reply), ``"delay"``, ``"servfail"``, ``"refused"``,
                ``"wrong_id"``, ``"wrong_question"``, ``"garbage"`` (a reply whose body can't be
                parsed), ``"truncated"`` (TC and about half of the answer, over TCP as well),
                ``"tcp_closed"`` (TCP connections end at the question; UDP goes on).
            seconds: How long a ``"delay"`` is; other questions don't wait for it.
            transport: Only questions over this one, if given.
            rtype: Only questions of this type, such as ``"SRV"``, if given.
            times: Heal after so many questions that it failed; None is not before
                :meth:`heal`.

        Raises:
            ValueError: An argument is unknown, or out of its range.
        """
        rule = checked_rule(fault, seconds, transport, rtype, times)
        with self._changed:
            self._faults.add(rule)

    def heal(self) -> None:
        """End all misbehaviour; replies that are being delayed still come late."""
        with self._changed:
            self._faults.clear()

    @property
    def nameserver(self) -> str:
        """Where it listens, or last did: ``"127.0.0.1:PORT"``.

        Raises:
            RuntimeError: It was never started.
        """
        if self._address is None:
            raise RuntimeError("the cluster has no address before it is started")
        return self._address

    @property
    def options(self) -> Options:
        """Keyword arguments that make ``discover_peers`` ask this cluster."""
        return Options(
            nameservers=self.nameserver,
            namespace=self._namespace,
            cluster_domain=self._domain,
        )

    @property
    def questions(self) -> tuple[Received, ...]:
        """All questions that came, in order, whether or not they were answered."""
        with self._changed:
            return tuple(self._questions)

    def wait_for_questions(self, count: int, *, timeout: float = 10.0) -> None:
        """Block until so many questions have come since the cluster was made.

        Args:
            count: How many, in all.
            timeout: Seconds to wait at most.

        Raises:
            TimeoutError: Fewer came.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._questions) >= count, timeout):
                came = len(self._questions)
                raise TimeoutError(f"{came} of {count} questions came within {timeout} s")

    def _where(self, namespace: str | None) -> str:
        return self._namespace if namespace is None else namespace

    def _declare(self, service: Service) -> None:
        with self._changed:
            self._zone.declare(service)

    def _respond(self, packet: bytes, transport: Transport) -> Response:
        query = parse(packet)
        if isinstance(query, bytes):
            return Response(query)
        with self._changed:
            self._questions.append(_received(query, transport))
            self._changed.notify_all()
            return self._answer(query, transport)

    def _answer(self, query: Query, transport: Transport) -> Response:
        rule = self._faults.take(transport, query.rtype)
        reply = refused(query) or self._zone.answer(query.name, query.rtype)
        if isinstance(reply, bytes):
            return Response(reply)
        if rule is None:
            return Response(render(query, reply, transport, self._random))
        packet = spoiled(rule.fault, query, reply, transport, self._random)
        return Response(packet, rule.seconds, hang_up=rule.fault == "tcp_closed")


def _received(query: Query, transport: Transport) -> Received:
    name = dns.name.Name((*query.name, b"")).to_text()
    return Received(name, dns.rdatatype.to_text(dns.rdatatype.RdataType.make(query.rtype)), transport)
