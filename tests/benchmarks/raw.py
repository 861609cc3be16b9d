"""Lookups with sockets alone: the floor that contenders are compared with. They do not parse the reply."""

import os
import socket
from types import TracebackType
from typing import Self

from peerdisco._dns import query
from peerdisco.answers import Question


def _over_udp(sock: socket.socket, message: bytes) -> bytes:
    sock.send(message)
    return sock.recv(query.UDP_PAYLOAD)


def _over_tcp(sock: socket.socket, message: bytes) -> bytes:
    sock.sendall(len(message).to_bytes(2) + message)
    reply = sock.recv(query.LARGEST_MESSAGE + 2)
    while len(reply) < 2 or len(reply) < 2 + int.from_bytes(reply[:2]):
        reply += sock.recv(query.LARGEST_MESSAGE + 2)
    return reply[2:]


def _udp(server: tuple[str, int]) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(server)
    return sock


def _tcp(server: tuple[str, int]) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.connect(server)
    return sock


class _Closing:
    """A context manager, so that all are used in the same way."""

    def close(self) -> None:
        """Close what is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Opened(_Closing):
    """Opens its sockets for each lookup."""

    def __init__(self, server: tuple[str, int], name: str) -> None:
        self._server = server
        self._question = query.encode(Question(name, "A"))[2:]

    def __call__(self) -> bytes:
        """Look up once."""
        message = os.urandom(2) + self._question
        reply = self._over_udp(message)
        return self._over_tcp(message) if reply[2] & 2 else reply

    def _over_udp(self, message: bytes) -> bytes:
        with _udp(self._server) as sock:
            return _over_udp(sock, message)

    def _over_tcp(self, message: bytes) -> bytes:
        with _tcp(self._server) as sock:
            return _over_tcp(sock, message)


class Remembering(Opened):
    """Opens its sockets for each lookup, but remembers that TCP is needed."""

    _needs_tcp = False

    def __call__(self) -> bytes:
        """Look up once."""
        message = os.urandom(2) + self._question
        if not self._needs_tcp:
            reply = self._over_udp(message)
            self._needs_tcp = bool(reply[2] & 2)
        return self._over_tcp(message) if self._needs_tcp else reply


class Kept(_Closing):
    """Keeps its sockets open, and remembers that TCP is needed."""

    def __init__(self, server: tuple[str, int], name: str) -> None:
        self._question = query.encode(Question(name, "A"))[2:]
        self._over = _over_udp
        self._sock = _udp(server)
        self._server = server

    def __call__(self) -> bytes:
        """Look up once."""
        message = os.urandom(2) + self._question
        reply = self._over(self._sock, message)
        if reply[2] & 2:
            self._sock.close()
            self._sock, self._over = _tcp(self._server), _over_tcp
            reply = self._over(self._sock, message)
        return reply

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
