"""What happens to a fleet, written down: a story is a few numbers, and gives the same run each time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

FAULTS = (
    "timeout",
    "slow",
    "port_closed",
    "unreachable",
    "no_descriptor",
    "raises",
    "servfail",
    "refused",
    "garbage",
    "wrong_id",
    "wrong_question",
    "truncated",
    "tcp_refused",
    "tcp_closed",
    "referral",
    "stranger",
    "cut_empty",
    "nxdomain",
    "empty",
    "half",
    "frozen",
)
"""What a nameserver can do wrong."""

LIES = ("nxdomain", "empty", "half", "frozen")
"""Those that a client can't tell from an answer."""


@dataclass(frozen=True)
class Server:
    """A nameserver.

    Attributes:
        lag: seconds that it is behind the cluster.
        ttl: seconds that its cache keeps an answer; 0 where it has no cache.
        denial_ttl: seconds that its cache keeps a denial.
        stale_for: seconds after which an answer that has run out is no longer given away once more.
        edns: False where it refuses EDNS, so that a UDP reply has 512 bytes.
    """

    lag: float = 0.0
    ttl: float = 0.0
    denial_ttl: float = 0.0
    stale_for: float = 0.0
    edns: bool = True


@dataclass(frozen=True)
class Event:
    """Something that happens.

    Attributes:
        at: seconds from the start.
        kind: `scale` (by `number`), `roll` (`number` Pods, one each `seconds`), `crash` (the Pod at place `number`),
            `reuse` (so does its address, given to a new Pod), `fault` (`name`, at server `number`, at all where it is
            -1, for `seconds`, with a `chance` for each exchange), `no_resolv_conf` (for `seconds`), `resolv_conf` (the
            servers begin with `number` for `seconds`), `suspend` and `jump` (of replica `number`, by `seconds`),
            `environment` (raises for `seconds`), `hurry` (someone waits for peers at replica `number`).
        number: see above.
        seconds: see above.
        name: see above.
        chance: see above.
    """

    at: float
    kind: str
    number: int = 0
    seconds: float = 0.0
    name: str = ""
    chance: float = 1.0


@dataclass(frozen=True)
class Story:
    """A fleet and what happens to it.

    Attributes:
        seed: of all that is left to chance.
        pods: how many there are at the start.
        replicas: how many of them run a watcher.
        ipv6: whether the addresses are IPv6.
        hostnames: whether the Pods have hostnames.
        mixed_ports: whether the named port differs from Pod to Pod.
        knows_own: whether the environment says from the start which address is this Pod's.
        rude: whether subscribers raise.
        broken_log: whether a handler of the log raises.
        options: of the watchers.
        servers: the nameservers.
        node_ttl: seconds that the cache of each replica's node keeps an answer; 0 where there is none.
        events: what happens, in order.
        quiet_at: when the last of it is over, in seconds.
    """

    seed: int
    pods: int
    replicas: int = 1
    ipv6: bool = False
    hostnames: bool = False
    mixed_ports: bool = False
    knows_own: bool = True
    rude: bool = False
    broken_log: bool = False
    options: dict[str, Any] | None = None
    servers: tuple[Server, ...] = (Server(),)
    node_ttl: float = 0.0
    events: tuple[Event, ...] = ()
    quiet_at: float = 0.0

    @property
    def is_named(self) -> bool:
        """Whether the watchers ask for SRV."""
        return isinstance((self.options or {}).get("port"), str)

    def with_events(self, events: tuple[Event, ...]) -> Self:
        """Return the story with these events alone; it ends when they are over."""
        ends = (event.at + event.seconds * (event.number if event.kind == "roll" else 1) for event in events)
        return replace(self, events=events, quiet_at=max(ends, default=0.0))

    def to_json(self) -> str:
        """Return the story as text, without what is as usual."""
        return json.dumps(_without_defaults(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the story of a text."""
        read = json.loads(text)
        servers = tuple(Server(**server) for server in read.pop("servers", [{}]))
        events = tuple(Event(**event) for event in read.pop("events", []))
        return cls(**read, servers=servers, events=events)


def _without_defaults(story: Story) -> dict[str, Any]:
    usual = asdict(Story(story.seed, -1))
    told = {key: value for key, value in asdict(story).items() if value != usual[key]}
    told["seed"] = story.seed
    for key, default in (("servers", asdict(Server())), ("events", asdict(Event(-1.0, "")))):
        if key in told:
            told[key] = [{name: value for name, value in one.items() if value != default[name]} for one in told[key]]
    return told
