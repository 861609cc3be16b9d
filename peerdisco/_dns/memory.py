"""What lookups learn of nameservers and keep for those that come after them. No I/O; times are passed in.

Laws of this module:

- Nothing here changes an answer, only the order in which servers are asked and how they are asked.
- Everything is bounded in size, and what may stop being true is forgotten after some time.
"""

from __future__ import annotations

from collections.abc import Sequence

from peerdisco._dns.nameserver import Nameserver
from peerdisco.answers import Question

_DEAD_FOR = 30.0
"""Seconds for which a nameserver that did not answer is asked last."""

_NO_EDNS_FOR = 600.0
"""Seconds for which a nameserver that refused EDNS is asked without it (RFC 6891 section 7)."""

_MOST = 1000


class ServerMemory:
    """Which nameservers are dead or refuse EDNS, and which answers need TCP; shared by every lookup of a process.

    Attributes:
        version: a new object each time something is learnt.
    """

    def __init__(self) -> None:
        self.version = object()
        self._needs_tcp: set[tuple[Nameserver, Question]] = set()
        self._dead_until: dict[Nameserver, float] = {}
        self._no_edns_until: dict[Nameserver, float] = {}

    @property
    def is_dated(self) -> bool:
        """Whether something is known that is forgotten after some time."""
        return bool(self._dead_until or self._no_edns_until)

    def in_order(self, servers: Sequence[Nameserver], now: float) -> Sequence[Nameserver]:
        """Return the servers as they are to be asked: the dead ones last."""
        if not self._dead_until or len(servers) < 2:
            return servers
        return sorted(servers, key=lambda server: self._dead_until.get(server, now) > now)

    def on_silence(self, server: Nameserver, now: float) -> None:
        """Take in that a server did not answer."""
        _bound(self._dead_until)
        self._dead_until[server] = now + _DEAD_FOR
        self.version = object()

    def on_reply(self, server: Nameserver) -> None:
        """Take in that a server answered, whatever it said."""
        if self._dead_until and server in self._dead_until:
            self._dead_until.pop(server, None)  # another thread may have been faster
            self.version = object()

    def takes_edns(self, server: Nameserver, now: float) -> bool:
        """Return whether a server is to be asked with EDNS."""
        if self._no_edns_until and self._no_edns_until.get(server, now) > now:
            return False
        self._no_edns_until.pop(server, None)
        return True

    def on_plain_answer(self, server: Nameserver, now: float) -> None:
        """Take in that a server refused EDNS and answered the same question without it."""
        _bound(self._no_edns_until)
        self._no_edns_until[server] = now + _NO_EDNS_FOR
        self.version = object()

    def needs_tcp(self, server: Nameserver, question: Question) -> bool:
        """Return whether the answer is known not to fit UDP."""
        return bool(self._needs_tcp) and (server, question) in self._needs_tcp

    def set_needs_tcp(self, server: Nameserver, question: Question, *, needed: bool) -> None:
        """Remember whether an answer needs TCP."""
        if needed is ((server, question) in self._needs_tcp):
            return
        if needed:
            _bound(self._needs_tcp)
            self._needs_tcp.add((server, question))
        else:
            self._needs_tcp.discard((server, question))
        self.version = object()

    def clear(self) -> None:
        """Forget everything."""
        for kept in (self._needs_tcp, self._dead_until, self._no_edns_until):
            kept.clear()
        self.version = object()


def _bound(kept: set[tuple[Nameserver, Question]] | dict[Nameserver, float]) -> None:
    if len(kept) >= _MOST:
        kept.clear()
