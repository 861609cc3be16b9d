"""`peerdisco lookup`: one lookup, now."""

from __future__ import annotations

import argparse
import json
import sys

from peerdisco._service import one_shot
from peerdisco.answers import Outcome
from peerdisco.cli import options
from peerdisco.peers import Peer, PeerSet
from peerdisco.sync import run_lookup

HELP = "look up a headless Service once and print the other Pods, one per line"


def declare(parser: argparse.ArgumentParser) -> None:
    """Says which arguments there are."""
    options.declare(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(arguments: argparse.Namespace) -> int:
    """Prints the peers; returns 0, or 1 where there are none.

    Raises:
        ConfigError: An option is invalid.
        LookupFailed: DNS could not say.
        NotHeadlessError: the Service has a ClusterIP.
    """
    lookup = one_shot(options.config_of(arguments), None, {}, "lookup")
    peers = lookup.peers(run_lookup(lookup.begin()))
    if arguments.json:
        print(json.dumps(_as_json(peers, lookup.answered_by), indent=2))
    else:
        for peer in peers:
            print(peer.netloc())
        print(_summary(peers, lookup.answered_by), file=sys.stderr)
    return 0 if peers else 1


def _as_json(peers: PeerSet, server: str) -> dict[str, object]:
    return {
        "service": peers.service,
        "outcome": peers.outcome.value,
        "complete": peers.complete,
        "self_listed": peers.self_listed,
        "own": _peer_as_json(peers.own) if peers.own else None,
        "ttl": peers.ttl,
        "nameserver": server or None,
        "peers": [_peer_as_json(peer) for peer in peers],
    }


def _peer_as_json(peer: Peer) -> dict[str, object]:
    return {"ip": peer.ip, "port": peer.port, "name": peer.name, "ordinal": peer.ordinal}


def _summary(peers: PeerSet, server: str) -> str:
    said = f", says {server}" if server and peers.outcome is not Outcome.FOUND else ""
    count = "1 peer" if len(peers) == 1 else f"{len(peers)} peers"
    told = [f"{count} of {peers.service} ({peers.outcome.value}{said})"]
    told.append(f"this Pod is listed as {peers.own}" if peers.own else "this Pod is not listed")
    if not peers.complete:
        told.append("the list is not complete")
    return "; ".join(told)
