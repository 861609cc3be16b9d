"""A cluster's DNS on 127.0.0.1, for tests: `LocalCluster`. Declare Services, and ask with real packets.

What is answered is decided in `_coredns`, without sockets. One lock guards all that may change while questions come.
"""

import random
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Self, TypedDict

from peerdisco.testing._coredns import services
from peerdisco.testing._coredns.faults import Fault, Faults, checked_rule, spoiled
from peerdisco.testing._coredns.query import Query, parse
from peerdisco.testing._coredns.received import Received
from peerdisco.testing._coredns.registry import Registry
from peerdisco.testing._coredns.render import Transport, refused, render
from peerdisco.testing._coredns.server import Response, Server
from peerdisco.testing._coredns.services import Pod, Service, checked_domain, checked_label
from peerdisco.testing._coredns.zone import Zone

__all__ = ["Fault", "LocalCluster", "Options", "Pod", "Received", "Transport"]

_LONGEST_TTL = 3600


class Options(TypedDict):
    """What `discover_peers` needs to ask a `LocalCluster`."""

    nameservers: str
    namespace: str
    cluster_domain: str


class LocalCluster:
    """A DNS server that answers as CoreDNS would for the Services declared on it.

    It listens on one free port of 127.0.0.1, over UDP and TCP, from `start` to `close`, or inside a `with` block.
    Declare Services before or at any time, from any thread; the next question is answered accordingly. The names are
    those of https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/.

    Args:
        namespace: of Services that are declared without one.
        cluster_domain: the domain below which all names are.
        ttl: seconds that records may be kept, 0 to 3600.
        seed: makes the order of records the same in every run.
        tcp_idle: seconds without a question after which a TCP connection is closed.

    Raises:
        ValueError: an argument is out of its range or not a DNS name.
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
        self._zone = Zone(Registry(domain, namespace), ttl=ttl, serial=int(time.time()))
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
        """Listen, on a new port; does nothing if it listens already.

        Raises:
            OSError: no socket could be bound.
        """
        if self._server is None:
            self._server = Server(self._respond, tcp_idle=self._tcp_idle)
            self._address = self._server.address

    def close(self) -> None:
        """Stop listening and close every connection; what was declared stays."""
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
            name: the Service's name.
            pods: its Pods, each an IP address or a `Pod`.
            namespace: default: the cluster's.
            ports: TCP port numbers by name; a single one may be named `""`.
            publish_not_ready_addresses: whether Pods that are not ready are listed as well.

        Raises:
            ValueError: a name, address or port is invalid; the message says which.
        """
        unready = publish_not_ready_addresses
        self._declare(services.headless(self._where(namespace), name, pods, ports, publish_not_ready=unready))

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
            name: the Service's name.
            ips: its virtual IP, or one of each family.
            namespace: default: the cluster's.
            ports: TCP port numbers by name; default: port 80 without a name.

        Raises:
            ValueError: a name, address or port is invalid, or another Service has the address.
        """
        self._declare(services.cluster_ip(self._where(namespace), name, ips, ports))

    def external_name(self, name: str, target: str, *, namespace: str | None = None) -> None:
        """Declare a Service that is an alias, or replace the one with this name.

        Args:
            name: the Service's name.
            target: the absolute name that it stands for, with or without the final dot.
            namespace: default: the cluster's.

        Raises:
            ValueError: a name is invalid.
        """
        self._declare(services.external_name(self._where(namespace), name, target))

    def delete(self, name: str, *, namespace: str | None = None) -> None:
        """Delete a Service; its namespace stays.

        Raises:
            ValueError: no such Service is declared.
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
        """Answer questions wrongly from now on. Of several faults that apply, the oldest does.

        Args:
            fault: `"drop"` (no reply), `"delay"`, `"servfail"`, `"refused"`, `"wrong_id"`, `"wrong_question"`,
                `"garbage"` (a reply whose body can't be parsed), `"truncated"` (TC and about half of the answer, over
                TCP as well), `"tcp_closed"` (TCP connections end at the question; UDP goes on).
            seconds: how long a `"delay"` is; other questions don't wait for it.
            transport: only questions over this transport; default: any.
            rtype: only questions of this type, such as `"SRV"`; default: any.
            times: how many questions it applies to; default: all until `heal`.

        Raises:
            ValueError: an argument is unknown, or out of its range.
        """
        rule = checked_rule(fault, seconds, transport, rtype, times)
        with self._changed:
            self._faults.add(rule)

    def heal(self) -> None:
        """End all faults; replies that are being delayed still come late."""
        with self._changed:
            self._faults.clear()

    @property
    def nameserver(self) -> str:
        """The address that it listens on, or listened on last, for the option `nameservers`.

        Raises:
            RuntimeError: it was never started.
        """
        if self._address is None:
            raise RuntimeError("the cluster has no address before it is started")
        return self._address

    @property
    def options(self) -> Options:
        """Keyword arguments that make `discover_peers` ask this cluster."""
        return Options(nameservers=self.nameserver, namespace=self._namespace, cluster_domain=self._domain)

    @property
    def questions(self) -> tuple[Received, ...]:
        """Every question that came, in order, answered or not."""
        with self._changed:
            return tuple(self._questions)

    def wait_for_questions(self, count: int, *, timeout: float = 10.0) -> None:
        """Block until so many questions have come.

        Args:
            count: how many, in all.
            timeout: seconds to wait at most.

        Raises:
            TimeoutError: fewer came.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._questions) >= count, timeout):
                raise TimeoutError(f"{len(self._questions)} of {count} questions came within {timeout} s")

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
            self._questions.append(Received.of(query, transport))
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
