"""Exchanges over blocking sockets, for threads."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

from tenacity import Retrying

from peerdisco._dns import query
from peerdisco._dns.lookup import Exchange, Lookup
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.sockets import SLICE, SocketPool
from peerdisco.answers import Answer
from peerdisco.errors import LookupFailed

_Wanted = TypeVar("_Wanted")
_Given = TypeVar("_Given")
_Result = TypeVar("_Result")


def drive(
    steps: Generator[_Wanted, _Given, _Result],
    perform: Callable[[_Wanted], _Given],
    failure: type[Exception] | tuple[()],
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


def lookup(run: Lookup, pool: SocketPool) -> Answer:
    """Round after round, until a server answers or the time is up."""
    perform = partial(exchange, pool)
    try:
        return drive(run.round(), perform, OSError)
    except LookupFailed:
        if run.is_over:
            raise
    pool.sleep(run.wait())
    again = Retrying(sleep=pool.sleep, **run.retry_policy())
    return again(lambda: drive(run.round(), perform, OSError))


def exchange(pool: SocketPool, wanted: Exchange) -> bytes:
    """Sends a message and waits for its reply; what does not fit is ignored.

    Raises:
        OSError: none came.
        RuntimeError: the pool was closed meanwhile.
    """
    server, transport, message, timeout = wanted
    deadline = time.monotonic() + timeout
    sock = pool.take(server, transport)
    is_new = sock is None
    sock = sock or pool.open(server, transport)
    try:
        if transport == "udp":
            reply = _over_udp(sock, message, deadline, pool)
        else:
            if is_new:
                _connect(sock, server, deadline, pool)
            reply = _over_tcp(sock, message, deadline, pool)
    except BaseException:
        sock.close()
        raise
    pool.keep(sock, server, transport)
    return reply


def _over_udp(sock: socket.socket, message: bytes, deadline: float, pool: SocketPool) -> bytes:
    sock.send(message)
    while not query.fits(message, reply := _receive(sock, deadline, pool)):
        continue
    return reply


def _over_tcp(sock: socket.socket, message: bytes, deadline: float, pool: SocketPool) -> bytes:
    sock.sendall(query.framed(message))
    incoming = query.TcpReply(message)
    while (reply := incoming.feed(_receive(sock, deadline, pool))) is None:
        continue
    return reply


def _connect(sock: socket.socket, server: Nameserver, deadline: float, pool: SocketPool) -> None:
    sock.settimeout(0)
    error = sock.connect_ex(server)
    if error == errno.EINPROGRESS:
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        while not poll.poll(1000 * _slice(deadline, pool)):
            continue
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))


def _receive(sock: socket.socket, deadline: float, pool: SocketPool) -> bytes:
    while True:
        sock.settimeout(_slice(deadline, pool))
        try:
            return sock.recv(query.LARGEST_MESSAGE + 2)
        except TimeoutError:
            continue


def _slice(deadline: float, pool: SocketPool) -> float:
    """Seconds to wait in one go."""
    pool.check()
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(SLICE, left)
