"""`peerdisco wait`: block until enough peers are listed, as an init container or a script does.

Laws of this module:

- `--timeout` covers everything, the connections included; without it, the wait takes as long as it takes.
- A peer that has accepted a connection is not tried again; a peer that has left is no longer waited for.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable

from peerdisco.cli import options
from peerdisco.cli._connect import unreachable
from peerdisco.cli._interrupts import interruptible
from peerdisco.errors import ConfigError, PeersNotReady
from peerdisco.peers import Peer, PeerSet
from peerdisco.sync import PeerWatcher

HELP = "wait until enough other Pods are listed, and print them, one per line"

_ATTEMPT = 2.0
_BRIEF = 0.01
_PAUSE = 0.5
_DAY = 86_400.0


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    options.declare(parser, timeout="--lookup-timeout")
    enough = parser.add_mutually_exclusive_group()
    enough.add_argument("--min", metavar="N", type=_at_least(0), help="so many peers, at least; default: 1")
    enough.add_argument("--replicas", metavar="N", type=_at_least(1), help="so many Pods, this one listed among them")
    parser.add_argument(
        "--stable", metavar="SECONDS", type=_seconds, default=0.0, help="the list must not have changed for so long"
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=_seconds, dest="patience", help="for the whole wait; default: no limit"
    )
    parser.add_argument(
        "--connect", metavar="PORT", type=_port, help="each peer must also accept a TCP connection on this port"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the peers once there are enough; return 0.

    Raises:
        ConfigError: An option is invalid.
        PeersNotReady: There are not enough within the timeout.
    """
    if arguments.patience is not None and arguments.stable > arguments.patience:
        raise ConfigError(
            "--stable", arguments.stable, f"is longer than the whole wait, --timeout {arguments.patience:g}"
        )
    watcher = PeerWatcher(options.config_of(arguments))
    with interruptible(watcher.close), watcher:
        peers = _wait(watcher, arguments)
    if arguments.json:
        print(json.dumps(peers.to_dict(), indent=2))
    else:
        for peer in peers:
            print(peer.netloc())
    return 0


def _wait(watcher: PeerWatcher, arguments: argparse.Namespace) -> PeerSet:
    """Wait for the list, and for connections where they are wanted."""
    patience: float | None = arguments.patience
    port: int | None = arguments.connect
    deadline = math.inf if patience is None else time.monotonic() + patience
    accepted: set[Peer] = set()
    while True:
        peers = watcher.wait_for(
            arguments.min, replicas=arguments.replicas, timeout=_left(deadline), stable_for=arguments.stable
        )
        if port is None:
            return peers
        untried = [peer for peer in peers if peer not in accepted]
        attempt = min(_ATTEMPT, max(_BRIEF, deadline - time.monotonic()))
        failed = unreachable([peer.ip for peer in untried], port, attempt)
        accepted.update(peer for peer in untried if peer.ip not in failed)
        if not failed:
            return peers
        left = deadline - time.monotonic()
        if left <= 0:
            raise PeersNotReady(_refusal(peers, port, failed, patience), "not-accepting")
        time.sleep(min(_PAUSE, left))


def _left(deadline: float) -> float | None:
    """Return the seconds that are left, as an error message may show them; None for no limit."""
    return None if math.isinf(deadline) else round(max(0.0, deadline - time.monotonic()), 2)


def _refusal(peers: PeerSet, port: int, failed: dict[str, str], patience: float | None) -> str:
    """Return what to say where peers are listed, but do not accept connections."""
    shown = "; ".join(f"{Peer(ip).netloc(port)}: {why}" for ip, why in list(failed.items())[:5])
    more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
    return (
        f"{len(peers) - len(failed)} of {len(peers)} peers of {peers.service} accept connections on port {port} after "
        f"{patience:g} s: {shown}{more}. Does the program listen there, on the Pod's address, and does a NetworkPolicy "
        "allow it?"
    )


def _at_least(least: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, {least} or more")
        return int(text)

    return count


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} must be a port's number, 1 to 65535")
    return port


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _DAY:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of seconds, 0 to {_DAY:g}")
    return seconds
