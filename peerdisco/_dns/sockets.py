"""Sockets to nameservers, kept open between lookups and shared by threads and asyncio alike.

A connected UDP socket hears at once that nothing listens, and the kernel drops what comes from anyone else. A TCP
connection takes any number of questions until the server closes it, as CoreDNS does after 10 idle seconds.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections import defaultdict

from peerdisco._dns.nameserver import Nameserver

SLICE = 0.04
"""Seconds after which a thread that waits looks whether the pool was closed meanwhile."""

_MOST_IDLE = 2
# After so many exchanges a socket gives way to one with another port, lest the port be learnt (RFC 5452 section 9.2).
_MOST_EXCHANGES = 100


class PooledSocket(socket.socket):
    """A socket that counts its exchanges."""

    exchanges = 0


class SocketPool:
    """Sockets that wait for their next use; by server and transport."""

    def __init__(self) -> None:
        self._closed = False
        self._idle: defaultdict[tuple[Nameserver, str], list[PooledSocket]] = defaultdict(list)
        self._pid = os.getpid()

    def take(self, server: Nameserver, transport: str) -> PooledSocket | None:
        """A socket that is connected already, if there is one that still can be used."""
        self.check()
        if self._pid != os.getpid():
            self._forget_parent()
        idle = self._idle[server, transport]
        while sock := _popped(idle):
            if transport == "udp" or not _has_something_to_read(sock):
                return sock
            sock.close()  # the server has closed it; nothing else comes unasked
        return None

    def open(self, server: Nameserver, transport: str) -> PooledSocket:
        """A new socket; a UDP one is connected."""
        family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
        sock = PooledSocket(family, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        try:
            if transport == "udp":
                sock.connect(server)
        except OSError:
            sock.close()
            raise
        return sock

    def keep(self, sock: PooledSocket, server: Nameserver, transport: str) -> None:
        """Takes a socket back whose last exchange went well; any other is to be closed, lest a late reply be taken."""
        idle = self._idle[server, transport]
        sock.exchanges += 1
        if self._closed or len(idle) >= _MOST_IDLE or sock.exchanges >= _MOST_EXCHANGES:
            sock.close()
        else:
            idle.append(sock)

    def sleep(self, seconds: float) -> None:
        """Waits; hardly longer than the pool is open."""
        until = time.monotonic() + seconds
        while not self._closed and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, SLICE))

    def check(self) -> None:
        """Raises RuntimeError once the pool is closed."""
        if self._closed:
            raise RuntimeError("the resolver is closed")

    def close(self) -> None:
        """Closes every socket that is not in use; what is in use finds the pool closed."""
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        every, self._idle = self._idle, defaultdict(list)
        for idle in tuple(every.values()):  # other threads may still take from these
            while sock := _popped(idle):
                sock.close()

    def _forget_parent(self) -> None:
        # After a fork the sockets are the parent's too, so that its replies could land here.
        self._close_idle()
        self._pid = os.getpid()


def _popped(idle: list[PooledSocket]) -> PooledSocket | None:
    try:
        return idle.pop() if idle else None
    except IndexError:  # another thread was faster
        return None


def _has_something_to_read(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
