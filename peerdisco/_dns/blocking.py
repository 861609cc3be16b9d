"""Exchanges over blocking sockets, for threads."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

from tenacity import Retrying

from peerdisco._dns import query
from peerdisco._dns.exchange import Exchange
from peerdisco._dns.lookup import Lookup
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.sockets import IN_PROGRESS, SLICE, Connection, Sent, SocketPool, wait_until_writable
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
    """Do what a generator asks for, and give it the results; a `failure` is thrown in.

    Raises:
        RuntimeError: `perform` raised StopIteration, which is not the end of the steps (PEP 479).
    """
    try:
        wanted = next(steps)
        while True:
            try:
                given = perform(wanted)
            except failure as error:
                wanted = steps.throw(error)
            except StopIteration as error:
                raise RuntimeError("StopIteration was raised in the middle of a lookup") from error
            else:
                wanted = steps.send(given)
    except StopIteration as done:
        result: _Result = done.value
        return result


def lookup(run: Lookup, pool: SocketPool, sent: Sent | None = None) -> Answer:
    """Ask round after round, until a server answers or the time is up.

    Args:
        run: the lookup.
        pool: the connections that are open.
        sent: the lookup's first query, where that is on its way.
    """
    try:
        exchange(pool, run.open(), run.hears, sent)
    except OSError as error:
        run.reject(error)
    else:
        answer = run.accept()
        if answer is not None:
            return answer
    perform = partial(exchange, pool)
    try:
        return drive(run.round(), perform, OSError)
    except LookupFailed:
        if run.is_over:
            raise
    pool.sleep(run.wait())
    again = Retrying(sleep=pool.sleep, **run.retry_policy())
    try:
        return again(lambda: drive(run.round(), perform, OSError))
    except LookupFailed as error:
        error.__context__ = None  # tenacity's frames hold the error, and are held by this and by the traceback
        raise error.with_traceback(None) from None


def exchange(
    pool: SocketPool, wanted: Exchange, hears: Callable[[bytes], bool] | None = None, sent: Sent | None = None
) -> bytes:
    """Send a message and wait for its reply; what is no reply is ignored.

    Args:
        pool: the connections that are open.
        wanted: what to send.
        hears: whether a message is the reply; None for any that fits.
        sent: what was done of it already.

    Raises:
        OSError: None came.
        RuntimeError: The pool was closed meanwhile.
    """
    server, _, message, timeout = wanted
    if hears is None:
        hears = partial(query.fits, message)
    deadline = time.monotonic() + timeout
    sock = pool.send(wanted) if sent is None else sent.sock
    if not isinstance(sock, Connection):
        return _reply_over_udp(sock, message, deadline, pool, hears)
    if sock.has_sent:
        try:
            return _reply_over_tcp(sock, server, deadline, pool, hears)
        except ConnectionError:  # the server has closed it (RFC 7766 section 6.2.4)
            sock = pool.open(server)
    try:
        _connect(sock, server, deadline, pool)
        sock.send_query(message)
    except BaseException:
        sock.close()
        raise
    return _reply_over_tcp(sock, server, deadline, pool, hears)


def _reply_over_udp(
    sock: socket.SocketType, message: bytes, deadline: float, pool: SocketPool, hears: Callable[[bytes], bool]
) -> bytes:
    """Wait for the reply to a query, and close its socket."""
    try:
        room = query.udp_room(message) + 1
        while not hears(reply := _receive(sock, room, deadline, pool)):
            pool.on_ignored()
    finally:
        sock.close()
    return reply


def _reply_over_tcp(
    sock: Connection, server: Nameserver, deadline: float, pool: SocketPool, hears: Callable[[bytes], bool]
) -> bytes:
    """Wait for the reply to a query, and keep its connection where it came."""
    try:
        incoming = query.TcpReply(hears)
        while (reply := incoming.feed(_receive(sock, query.LARGEST_MESSAGE + 2, deadline, pool))) is None:
            continue
    except BaseException:
        sock.close()
        raise
    pool.keep(sock, server, incoming.rest)
    return reply


def _connect(sock: Connection, server: Nameserver, deadline: float, pool: SocketPool) -> None:
    error = sock.reach(server)
    if error in IN_PROGRESS:
        while not wait_until_writable(sock, _slice(deadline, pool)):
            continue
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))


def _receive(sock: socket.SocketType, size: int, deadline: float, pool: SocketPool) -> bytes:
    seconds = _slice(deadline, pool)
    if not sock.gettimeout():  # nothing was waited for yet
        try:
            return sock.recv(size)
        except BlockingIOError:
            pass
    while True:
        sock.settimeout(seconds)
        try:
            return sock.recv(size)
        except TimeoutError:
            seconds = _slice(deadline, pool)


def _slice(deadline: float, pool: SocketPool) -> float:
    """Return the seconds to wait in one go."""
    pool.check()
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(SLICE, left)
