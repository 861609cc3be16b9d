"""Exchanges over blocking sockets, for threads."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Generator
from typing import TypeVar

from tenacity import Retrying

from peerdisco import wire
from peerdisco.errors import LookupFailed
from peerdisco.lookup import Exchange, Lookup
from peerdisco.models import Answer
from peerdisco.sockets import Pool

_Wanted = TypeVar("_Wanted")
_Given = TypeVar("_Given")
_Result = TypeVar("_Result")


def drive(
    steps: Generator[_Wanted, _Given, _Result], perform: Callable[[_Wanted], _Given], failure: type[Exception]
) -> _Result:
    """Does what a generator asks for, and hands back what comes of it; a `failure` is thrown in."""
    try:
        wanted = next(steps)
        while True:
            try:
                given = perform(wanted)
            except failure as error:
                wanted = steps.throw(error)
            else:
                wanted = steps.send(given)
    except StopIteration as done:
        result: _Result = done.value
        return result


def lookup(run: Lookup, pool: Pool) -> Answer:
    """Round after round, until a server answers or the time is up."""

    def one_round() -> Answer:
        return drive(run.round(), lambda wanted: exchange(run.in_time(wanted), pool), OSError)

    try:
        return one_round()
    except LookupFailed:
        if run.is_over:
            raise
    return Retrying(sleep=pool.sleep, **run.retry_policy())(one_round)


def exchange(wanted: Exchange, pool: Pool) -> bytes:
    """Sends a message and waits for its reply; what does not fit is ignored.

    Raises:
        OSError: none came.
    """
    server, transport, message, timeout = wanted
    sock = pool.take(server, transport)
    is_new = sock is None
    sock = sock or pool.open(server, transport)
    try:
        sock.settimeout(timeout)
        deadline = time.monotonic() + timeout
        if transport == "udp":
            reply = _over_udp(sock, message, deadline, pool)
        else:
            if is_new:
                sock.connect(server)
            reply = _over_tcp(sock, message, deadline, pool)
    except BaseException:
        pool.drop(sock)
        pool.check()
        raise
    pool.keep(sock, server, transport)
    return reply


def _over_udp(sock: socket.socket, message: bytes, deadline: float, pool: Pool) -> bytes:
    sock.send(message)
    while not wire.fits(message, reply := sock.recv(65535)):
        _wait_on(sock, deadline, pool)
    return reply


def _over_tcp(sock: socket.socket, message: bytes, deadline: float, pool: Pool) -> bytes:
    sock.sendall(wire.framed(message))
    incoming = wire.TcpReply(message)
    while (reply := incoming.feed(sock.recv(65537))) is None:
        _wait_on(sock, deadline, pool)
    return reply


def _wait_on(sock: socket.socket, deadline: float, pool: Pool) -> None:
    pool.check()
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)
