"""What a check-up has seen, before anything is concluded from it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from peerdisco._core.addresses import reverse_name
from peerdisco._core.listing import Listing
from peerdisco._dns.nameserver import Nameserver
from peerdisco.answers import Answer, Question
from peerdisco.errors import Attempt, ConfigError, LookupFailed, NotHeadlessError

HostsFile = Literal["none", "pod", "node"]
Verdict: TypeAlias = Listing | LookupFailed | NotHeadlessError | None
"""What a lookup came to; None where none was made."""


class Fact(NamedTuple):
    """Something that this host says.

    Attributes:
        value: what it is; empty where nothing says so.
        source: who says so.
    """

    value: str = ""
    source: str = ""


class Place(NamedTuple):
    """Where the check-up is made from.

    Attributes:
        service: the absolute name to look up; empty where it can't be made.
        kubernetes: the API server's address, which every Pod is told; empty elsewhere.
        hosts_file: who wrote /etc/hosts: nobody in particular, the kubelet, or the kubelet for a Pod on its node's
            network.
        resolv_conf: the path of resolv.conf.
        search: its search list.
        servers: the nameservers to ask, in order.
        servers_from: who says so.
        namespace: the namespace of a Service that is named without one.
        domain: the cluster domain.
        own: this Pod's addresses, with blanks between them.
        own_packed: the same, packed.
        static_ips: the fixed list that is configured instead of DNS.
        problems: what keeps the lookup from being made, by option.
    """

    service: str = ""
    kubernetes: str = ""
    hosts_file: HostsFile = "none"
    resolv_conf: str = "/etc/resolv.conf"
    search: tuple[str, ...] = ()
    servers: tuple[Nameserver, ...] = ()
    servers_from: str = ""
    namespace: Fact = Fact()
    domain: Fact = Fact()
    own: Fact = Fact()
    own_packed: tuple[bytes, ...] = ()
    static_ips: tuple[str, ...] = ()
    problems: tuple[ConfigError, ...] = ()

    @property
    def in_pod(self) -> bool:
        """Whether this is a Pod."""
        return bool(self.kubernetes) or self.hosts_file != "none"

    @property
    def has_cluster_search(self) -> bool:
        """Whether the search list is one that the kubelet writes."""
        return any(entry.startswith("svc.") for entry in self.search)


class Probe(NamedTuple):
    """One message to one nameserver, and what came back.

    Attributes:
        transport: `udp` or `tcp`.
        edns: whether the message had EDNS.
        seconds: until the reply, or until it was given up.
        lost: why there is no reply that can be read; None where there is one.
        rcode: of the reply, such as `NOERROR`.
        is_cut: whether the reply says that it does not hold everything (the TC bit).
        size: bytes of the reply.
        records: the data of the records that answer, as text.
        is_stale: whether the server says that the answer is older than it may be (RFC 8914 section 4.4).
    """

    transport: str = "udp"
    edns: bool = True
    seconds: float = 0.0
    lost: Attempt | None = None
    rcode: str = ""
    is_cut: bool = False
    size: int = 0
    records: tuple[str, ...] = ()
    is_stale: bool = False

    @property
    def is_answer(self) -> bool:
        """Whether the server said something about the name."""
        return self.rcode in ("NOERROR", "NXDOMAIN")

    @property
    def refuses_edns(self) -> bool:
        """Whether the reply refuses EDNS (RFC 6891 section 7)."""
        return self.edns and self.rcode in ("FORMERR", "NOTIMP", "BADVERS")


class ServerSight(NamedTuple):
    """What came of the probes of one nameserver, over UDP in order and over TCP."""

    server: Nameserver
    udp: tuple[Probe, ...]
    tcp: Probe

    @property
    def reply(self) -> Probe | None:
        """The reply over UDP that counts: the last one; None where none came."""
        return next((probe for probe in reversed(self.udp) if probe.lost is None), None)

    @property
    def is_usable(self) -> bool:
        """Whether it says over UDP what the name has."""
        return self.reply is not None and self.reply.is_answer


class Observations(NamedTuple):
    """Everything that a check-up has seen.

    Attributes:
        place: where it was made from.
        port: the port that peers are wanted with: a number, a name or None.
        timeout: seconds that a lookup may take.
        sights: the nameservers that were probed.
        asked: the nameserver that the rest was asked of; None where none replied.
        verdict: what a lookup comes to, as `discover_peers` makes it.
        named: what a lookup with ports and hostnames comes to.
        said: the answer to each question, or why there is none.
        schema: the reply to the question for the cluster domain's schema version.
        alias: the reply to the question whether the name is an alias.
    """

    place: Place
    port: int | str | None = None
    timeout: float = 5.0
    sights: tuple[ServerSight, ...] = ()
    asked: Nameserver | None = None
    verdict: Verdict = None
    named: Verdict = None
    said: Mapping[Question, Answer | LookupFailed] = {}
    schema: Probe | None = None
    alias: Probe | None = None


def namespace_question(service: str) -> Question:
    """Return the question whether a Service's namespace exists: NODATA where it does, NXDOMAIN where not."""
    return Question(service.partition(".")[2], "A")


def api_question(domain: str) -> Question:
    """Return the question for the API server, a Service that every cluster has."""
    return Question(f"kubernetes.default.svc.{domain}.", "A")


def own_question(packed: bytes) -> Question:
    """Return the question which Services list an address."""
    return Question(reverse_name(packed), "PTR")
