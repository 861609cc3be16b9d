"""`peerdisco watch`: what happens to a Service's list, as it happens.

Laws of this module:

- Every Pod that is there is printed first, as ADDED; after that, each event is printed once.
- A REMOVED stands before an ADDED, so that a Pod whose port has changed is not lost.
- It ends without a word when it is told to, or when nobody reads what it prints, though there is nothing to print.
"""

from __future__ import annotations

import argparse
import json
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from io import UnsupportedOperation
from typing import Any, Literal, NamedTuple, cast

from peerdisco._core.counters import code_of
from peerdisco._core.subscribers import ChangeCursor
from peerdisco.answers import Outcome
from peerdisco.cli import options
from peerdisco.cli._interrupts import interruptible
from peerdisco.cli._on_change import CommandRunner
from peerdisco.config import DiscoveryConfig, Options
from peerdisco.errors import ConfigError
from peerdisco.peers import Peer, PeerSet
from peerdisco.sync import PeerWatcher

HELP = "print the other Pods, then each event: ADDED, REMOVED, STALE, FRESH"

_LINE = "{:<8} {:<24} {:<15} {:<15} {:<5} {}"
_HEADER = _LINE.format("EVENT", "TIME", "ADDRESS", "NAME", "PORT", "REASON")


class Event(NamedTuple):
    """Something that happened to the list.

    Attributes:
        type: `ADDED` and `REMOVED` have a peer; `STALE` begins when a lookup fails, and `FRESH` ends it.
        peer: the Pod; None where it is about the whole list.
        error: why the list is stale, where that is known.
    """

    type: Literal["ADDED", "REMOVED", "STALE", "FRESH"]
    peer: Peer | None = None
    error: Exception | None = None

    def to_dict(self, time: str, service: str) -> dict[str, Any]:
        """Return the event, ready for JSON."""
        told: dict[str, Any] = {"type": self.type, "time": time, "service": service}
        if self.peer:
            told |= self.peer.to_dict()
        if self.error:
            told |= {"reason": code_of(self.error), "message": str(self.error)}
        return told

    def to_line(self, time: str) -> str:
        """Return the event as a line of the table."""
        reason = code_of(self.error) if self.error else ""
        ip, name, port = (self.peer.ip, self.peer.name, self.peer.port) if self.peer else (None, None, None)
        return _LINE.format(self.type, time, ip or "-", name or "-", port or "-", reason).rstrip()


class EventStream:
    """Turns snapshots of the list into events."""

    def __init__(self) -> None:
        self._cursor = ChangeCursor()
        self._is_stale = False

    def events(self, peers: PeerSet, error: Exception | None) -> Iterator[Event]:
        """Return what happened since the last snapshot.

        Args:
            peers: the list as it is.
            error: why the last lookup failed, if it did.
        """
        if peers.stale is not self._is_stale:
            self._is_stale = peers.stale
            yield Event("STALE", error=error) if peers.stale else Event("FRESH")
        change = self._cursor.catch_up(peers)
        if change:
            yield from (Event("REMOVED", peer) for peer in change.removed)
            yield from (Event("ADDED", peer) for peer in change.added)


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    options.declare(parser)
    parser.set_defaults(flags={**parser.get_default("flags"), "refresh": "--refresh", "hostnames": "--hostnames"})
    parser.add_argument("--refresh", metavar="SECONDS", help="between lookups; default: 5")
    parser.add_argument("--hostnames", action="store_true", default=None, help="look up every Pod's hostname as well")
    parser.add_argument("--json", action="store_true", help="print each event as a JSON object on a line of its own")
    parser.add_argument(
        "--exec",
        metavar="CMD",
        help="run a shell command at the start and at each change, with all peers on its standard input, one per line; "
        "one run at a time, the newest list wins",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print events until the watch is ended; return 0.

    Raises:
        BrokenPipeError: Nobody reads any more.
        ConfigError: An option is invalid.
    """
    if arguments.exec is not None and not arguments.exec.strip():
        raise ConfigError("--exec", arguments.exec, "is empty; give a shell command")
    watcher = PeerWatcher(_config_of(arguments))
    try:
        with ExitStack() as stack:
            stack.enter_context(interruptible(watcher.close))
            command = None
            if arguments.exec is not None:
                command = CommandRunner(arguments.exec, _report)
                stack.callback(command.close)
            stack.enter_context(watcher)
            _close_with_stdout(watcher)
            _follow(watcher, command, as_json=arguments.json)
    except KeyboardInterrupt:
        return 0
    raise BrokenPipeError  # nothing else closes the watcher


def _config_of(arguments: argparse.Namespace) -> DiscoveryConfig:
    given = {"refresh": arguments.refresh, "hostnames": arguments.hostnames}
    extra = {name: value for name, value in given.items() if value is not None}
    return DiscoveryConfig.of(options.config_of(arguments), cast("Options", extra))


def _follow(watcher: PeerWatcher, command: CommandRunner | None, *, as_json: bool) -> None:
    stream = EventStream()
    service = watcher.peers.service
    sent: PeerSet | None = None
    if not as_json:
        print(_HEADER, flush=True)
    for peers in watcher._snapshots():
        # First, since a reader that takes its time must not hold the command up.
        if command and peers.outcome is not Outcome.PENDING and peers != sent:
            command.submit("".join(f"{peer.netloc()}\n" for peer in peers))
            sent = peers
        for event in stream.events(peers, watcher.status.last_error):
            time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            print(json.dumps(event.to_dict(time, service)) if as_json else event.to_line(time), flush=True)


def _report(problem: str) -> None:
    with suppress(OSError):  # without standard error there is nowhere to say so
        print(f"peerdisco: {problem}", file=sys.stderr)


def _close_with_stdout(watcher: PeerWatcher) -> None:
    """Close the watcher when the pipe that it prints to is closed, though nothing happens that it could print."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)  # only what is always told: an error or the end
    except (UnsupportedOperation, AttributeError, OSError):
        return  # standard output is no file, or there is none

    def wait() -> None:
        poll.poll()
        watcher.close()

    threading.Thread(target=wait, name="peerdisco stdout", daemon=True).start()
