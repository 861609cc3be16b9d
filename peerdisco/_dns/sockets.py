"""Sockets to nameservers: a new one for each UDP query, and TCP connections that are kept between lookups.

Laws of this module:

- A UDP socket is connected, used for one query, and closed: a reply counts only if it comes from the server, to a port
  that nobody could know before the query was sent (RFC 5452 section 9.2).
- A TCP connection takes any number of queries until the server closes it or sends more than the reply, or until it is
  a second old: dnsmasq answers over a connection from its cache as it was when the connection was opened.
- A child of a fork shares no connection with its parent.
- Many threads use one pool, with the GIL or without, and nothing waits for a lock: each step on a list or dict is
  atomic, and what is counted is counted for each thread.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Callable
from threading import get_ident
from typing import NamedTuple

from peerdisco._dns import query
from peerdisco._dns.exchange import Exchange
from peerdisco._dns.nameserver import Nameserver

SLICE = 0.04
"""Seconds after which a thread that waits looks whether the pool was closed meanwhile."""

_LONGEST_LIFE = 1.0
"""Seconds after which a connection is not used again."""

IN_PROGRESS = (errno.EINPROGRESS, errno.EALREADY)
"""What `Connection.reach` returns where the connection has not come about yet."""

# Saves the system call by which a socket is told so later, where there is such a type.
_NEVER_WAITING = getattr(socket, "SOCK_NONBLOCK", 0)
_DATAGRAM = socket.SOCK_DGRAM | _NEVER_WAITING
_STREAM = socket.SOCK_STREAM | _NEVER_WAITING

MOST_IDLE = 2
"""Connections to one nameserver that are kept."""


def wait_until_writable(sock: socket.socket, seconds: float) -> bool:
    """Wait until a connection has come about or failed; False where neither happened in time."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        return bool(poll.poll(1000 * seconds))
    return bool(select.select((), (sock,), (), seconds)[1])  # eventlet takes `poll` away


class Connection(socket.socket):
    """A TCP socket.

    Attributes:
        opened_at: when it was opened, in seconds on the pool's clock.
        has_sent: whether a query has been sent over it: then it is connected.
    """

    opened_at = 0.0
    has_sent = False

    def reach(self, server: Nameserver) -> int:
        """Go on connecting, without waiting.

        Returns:
            The error: 0 where it is connected, one of `IN_PROGRESS` where that takes longer.
        """
        error = self.connect_ex(server)
        return 0 if error == errno.EISCONN else error

    def send_query(self, message: bytes) -> None:
        """Send a query without waiting: a connection whose last query was answered has room for one.

        Raises:
            OSError: It has not, or is closed.
        """
        framed = query.framed(message)
        _never_wait(self)
        if self.send(framed) < len(framed):
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        self.has_sent = True


class Sent(NamedTuple):
    """The query that a lookup begins with, and the socket that its reply comes to; who has it closes that.

    Attributes:
        exchange: the query.
        sock: a UDP socket, or a `Connection`.
    """

    exchange: Exchange
    sock: socket.SocketType


class SocketPool:
    """TCP connections that wait for their next use, by server.

    Args:
        most_idle: how many to keep for each server.
        clock: monotonic seconds.
    """

    def __init__(self, most_idle: int = MOST_IDLE, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_idle = most_idle
        self._clock = clock
        self._closed = False
        self._idle: dict[Nameserver, list[Connection]] = {}
        self._pid = os.getpid()
        # By the id of the thread, since `+=` from several threads at once loses some.
        self._ignored: dict[int, int] = {}

    @property
    def ignored(self) -> int:
        """How many replies over UDP were not to the query, since the pool was made."""
        return sum(self._ignored.copy().values())

    def on_ignored(self) -> None:
        """Count a reply that was not to the query."""
        thread = get_ident()
        self._ignored[thread] = self._ignored.get(thread, 0) + 1

    def send(self, exchange: Exchange) -> socket.SocketType:
        """Send a query over UDP, or over a TCP connection that is open, or begin to open one; and return the socket.

        Raises:
            OSError: There is no socket, or the query can't be sent over UDP.
        """
        if exchange.transport == "udp":
            return _sent_over_udp(exchange)
        sock = self.take(exchange.server)
        if sock is None:
            return self.open(exchange.server)
        try:
            sock.send_query(exchange.message)
        except OSError:  # the server has closed it (RFC 7766 section 6.2.4)
            sock.close()
            return self.open(exchange.server)
        except BaseException:
            sock.close()
            raise
        return sock

    def open(self, server: Nameserver) -> Connection:
        """Begin to connect, and return the socket.

        Raises:
            OSError: There is no socket.
        """
        self.check()
        sock = Connection(_family(server), _STREAM)
        try:
            _never_wait(sock)
            sock.opened_at = self._clock()
            sock.reach(server)
        except BaseException:
            sock.close()
            raise
        return sock

    def take(self, server: Nameserver) -> Connection | None:
        """Return a young connection, if there is one; the server may have closed it."""
        self.check()
        if self._pid != os.getpid():
            self._forget_parent()
        idle = self._idle.setdefault(server, [])
        while sock := _popped(idle):
            if self._clock() - sock.opened_at < _LONGEST_LIFE:
                return sock
            sock.close()
        return None

    def keep(self, sock: Connection, server: Nameserver, rest: bytes = b"") -> None:
        """Take a connection back whose last exchange went well; close any other, so that no late reply is taken.

        Args:
            sock: the connection.
            server: what it is connected to.
            rest: what came behind the reply. Then the next one might begin in the middle of a message.
        """
        if rest:
            sock.close()
            return
        idle = self._idle.setdefault(server, [])
        idle.append(sock)
        # Only now, since other threads may have kept theirs or closed the pool meanwhile.
        while len(idle) > (0 if self._closed else self._most_idle) and (extra := _popped(idle)):
            extra.close()

    def sleep(self, seconds: float) -> None:
        """Wait; hardly longer than the pool is open."""
        until = time.monotonic() + seconds
        while not self._closed and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, SLICE))

    def check(self) -> None:
        """Raise RuntimeError once the pool is closed."""
        if self._closed:
            raise RuntimeError("the resolver is closed")

    def close(self) -> None:
        """Close every connection that is not in use; what is in use finds the pool closed."""
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        every, self._idle = self._idle, {}
        for idle in every.copy().values():  # other threads may still take from these, and add to them
            while sock := _popped(idle):
                sock.close()

    def _forget_parent(self) -> None:
        # After a fork the connections are the parent's too, so that its replies could land here.
        self._close_idle()
        self._pid = os.getpid()


def _family(server: Nameserver) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in server.host else socket.AF_INET


def _never_wait(sock: socket.SocketType) -> None:
    if sock.gettimeout() != 0:
        sock.settimeout(0)


def _sent_over_udp(exchange: Exchange) -> socket.SocketType:
    """Send a query from a new UDP socket, connected to the nameserver, and return the socket."""
    # The type in C does without what `socket.socket` adds. Where a library has replaced that one, its own is taken.
    kind: type[socket.SocketType] = socket.SocketType if socket.socket.__module__ == "socket" else socket.socket
    sock = kind(_family(exchange.server), _DATAGRAM)
    try:
        _never_wait(sock)
        sock.connect(exchange.server)
        sock.send(exchange.message)
    except BaseException:
        sock.close()
        raise
    return sock


def _popped(idle: list[Connection]) -> Connection | None:
    try:
        return idle.pop() if idle else None
    except IndexError:  # another thread was faster
        return None
