"""Writes stories by chance: small fleets mostly, across each border now and then, and everything that can happen."""

from __future__ import annotations

import random
from typing import Any

from tests.support.fleet.fleet import BORDERS
from tests.support.fleet.story import FAULTS, LIES, Event, Server, Story

# How often a story's fleet is small, or at a border: 29, 73, 252, about 1100, 4093 Pods (IPv6: 16, 41, 144, 2338).
_SIZES = (0.931, 0.03, 0.02, 0.007, 0.008, 0.004)


def write(seed: int) -> Story:
    """Return the story of a seed."""
    rng = random.Random(f"story {seed}")
    ipv6 = rng.random() < 0.2
    (which,) = rng.choices(range(6), _SIZES)
    border = BORDERS[ipv6][which - 1] if which else 0
    pods = border + rng.randint(-2, 3) if which else rng.randint(1, 8)
    if which == 5 and rng.random() < 0.3:
        pods += rng.choice([500, 1500])
    is_large = which > 3
    options = _options(rng, is_border=which > 0, is_huge=which == 5)
    servers = tuple(_server(rng, small=which == 1) for _ in range(1 if is_large else rng.choice([1, 1, 2, 3])))
    story = Story(
        seed=seed,
        pods=pods,
        replicas=1 if which > 1 else rng.choice([1, 1, 2, 3]),
        ipv6=ipv6,
        hostnames=rng.random() < 0.4,
        mixed_ports=rng.random() < 0.3,
        knows_own=rng.random() < 0.7,
        rude=rng.random() < 0.3,
        broken_log=rng.random() < 0.05,
        options=options,
        servers=servers,
        node_ttl=0.0 if is_large else rng.choice([0.0, 0.0, 0.0, 5.0, 30.0]),
    )
    events = [_event(rng, story, which) for _ in range(rng.randint(1, 3 if is_large else 7))]
    if which:  # over the border and back
        there = 4 if pods <= border else -4
        events += [Event(3.0, "scale", there), Event(9.0, "scale", -there)]
    return story.with_events(tuple(sorted(events, key=lambda event: event.at)))


# How often an option is given, and what it may be.
_CHOICES: dict[str, tuple[float, tuple[float, ...]]] = {
    "refresh": (0.5, (1.0, 5.0, 20.0)),
    "removal_confirmations": (0.5, (1, 2, 3)),
    "max_stale": (0.3, (5.0, 20.0, 60.0)),
    "max_backoff": (0.5, (2.0, 10.0)),
    "max_fleet_qps": (0.2, (2.0, 1000.0)),
    "jitter": (0.2, (0.0, 0.5)),
    "timeout": (0.2, (1.0, 2.0)),
}


def _options(rng: random.Random, *, is_border: bool, is_huge: bool) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, (chance, choices) in _CHOICES.items():
        if rng.random() < chance:
            options[name] = rng.choice(choices)
    port = rng.random()
    if port < 0.3 and not is_huge:
        options["port"] = "http"
    elif port < 0.4 and not is_huge:
        options["hostnames"] = True
    elif port < 0.5:
        options["port"] = 8080
    if is_border:
        options["refresh"] = rng.choice([1.0, 2.0])
    if is_huge:
        options["max_fleet_qps"] = 2000.0
    return options


def _server(rng: random.Random, *, small: bool) -> Server:
    ttl = rng.choice([0.0, 0.0, 5.0, 30.0])
    return Server(
        lag=rng.choice([0.0, 0.0, 0.0, 1.0, 10.0]),
        ttl=ttl,
        denial_ttl=rng.choice([0.0, 5.0, 30.0]) if ttl else 0.0,
        stale_for=rng.choice([0.0, 0.0, 60.0]) if ttl else 0.0,
        edns=rng.random() < (0.3 if small else 0.9),
    )


def _event(rng: random.Random, story: Story, which: int) -> Event:
    at = round(rng.uniform(0, 30), 3)
    kind = rng.choices(
        ("fault", "scale", "roll", "crash", "reuse", "suspend", "jump", "no_resolv_conf", "environment", "hurry"),
        (40, 20, 6, 8, 8, 4, 3, 3, 3, 3),
    )[0]
    number = rng.randrange(100)
    seconds = round(rng.choice([0.5, 3.0, 10.0, 40.0]) * (0.5 + rng.random()), 3)
    match kind:
        case "fault":
            name = rng.choice(LIES if rng.random() < 0.2 else FAULTS)
            server = -1 if rng.random() < 0.5 else rng.randrange(len(story.servers))
            return Event(at, kind, server, seconds, name, rng.choice([1.0, 1.0, 0.5, 0.2]))
        case "scale":
            return Event(at, kind, rng.choice([-6, -3, -1, 1, 3, 6, *([-100] if which == 0 else [])]))
        case "roll":
            return Event(at, kind, 2 if which > 3 else rng.randint(1, min(6, story.pods)), rng.choice([0.5, 5.0]))
        case "no_resolv_conf" if rng.random() < 0.5:
            return Event(at, "resolv_conf", number, seconds)
    return Event(at, kind, number, seconds if kind not in ("crash", "reuse", "hurry") else 0.0)
