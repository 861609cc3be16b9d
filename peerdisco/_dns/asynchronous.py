"""Exchanges over asyncio, on the same sockets and by the same rules as `peerdisco._dns.blocking`."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, TypeVar

from tenacity import AsyncRetrying

from peerdisco._dns import query
from peerdisco._dns.exchange import Exchange
from peerdisco._dns.lookup import Lookup
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.sockets import IN_PROGRESS, Connection, Sent, SocketPool
from peerdisco.answers import Answer
from peerdisco.errors import LookupFailed

_Wanted = TypeVar("_Wanted")
_Given = TypeVar("_Given")
_Result = TypeVar("_Result")


async def drive(
    steps: Generator[_Wanted, _Given, _Result],
    perform: Callable[[_Wanted], Awaitable[_Given]],
    failure: type[Exception] | tuple[()],
) -> _Result:
    """Do what a generator asks for, and give it the results; a `failure` is thrown in."""
    try:
        wanted = next(steps)
        while True:
            try:
                given = await perform(wanted)
            except failure as error:
                wanted = steps.throw(error)
            else:
                wanted = steps.send(given)
    except StopIteration as done:
        result: _Result = done.value
        return result


async def lookup(run: Lookup, pool: SocketPool, sent: Sent | None = None) -> Answer:
    """Ask round after round, as `blocking.lookup` does."""

    async def one_round() -> Answer:
        return await drive(run.round(), partial(exchange, pool), OSError)

    try:
        await exchange(pool, run.open(), run.hears, sent)
    except OSError as error:
        run.reject(error)
    else:
        answer = run.accept()
        if answer is not None:
            return answer
    try:
        return await one_round()
    except LookupFailed:
        if run.is_over:
            raise
    await asyncio.sleep(run.wait())
    try:
        return await AsyncRetrying(sleep=asyncio.sleep, **run.retry_policy())(one_round)
    except LookupFailed as error:
        error.__context__ = None  # tenacity's frames hold the error, and are held by this and by the traceback
        raise error.with_traceback(None) from None


async def exchange(
    pool: SocketPool, wanted: Exchange, hears: Callable[[bytes], bool] | None = None, sent: Sent | None = None
) -> bytes:
    """Send a message and wait for its reply, as `blocking.exchange` does.

    Raises:
        OSError: None came.
    """
    server, _, message, timeout = wanted
    if hears is None:
        hears = partial(query.fits, message)
    deadline = asyncio.get_running_loop().time() + timeout
    sock = pool.send(wanted) if sent is None else sent.sock
    if not isinstance(sock, Connection):
        return await _reply_over_udp(sock, message, deadline, pool, hears)
    if sock.has_sent:
        try:
            return await _reply_over_tcp(sock, server, deadline, pool, hears)
        except ConnectionError:  # the server has closed it (RFC 7766 section 6.2.4)
            sock = pool.open(server)
    try:
        await _connect(sock, server, deadline)
        sock.send_query(message)
    except BaseException:
        sock.close()
        raise
    return await _reply_over_tcp(sock, server, deadline, pool, hears)


async def _connect(sock: Connection, server: Nameserver, deadline: float) -> None:
    error = sock.reach(server)
    if error in IN_PROGRESS:
        loop = asyncio.get_running_loop()
        await _until(deadline, sock.fileno(), loop.add_writer, loop.remove_writer, _end)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))


async def _reply_over_udp(
    sock: socket.SocketType, message: bytes, deadline: float, pool: SocketPool, hears: Callable[[bytes], bool]
) -> bytes:
    """Wait for the reply to a query, and close its socket."""

    def take(reply: bytes) -> bytes | None:
        if hears(reply):
            return reply
        pool.on_ignored()
        return None

    try:
        return await _receive(sock, query.udp_room(message) + 1, deadline, pool, take)
    finally:
        sock.close()


async def _reply_over_tcp(
    sock: Connection, server: Nameserver, deadline: float, pool: SocketPool, hears: Callable[[bytes], bool]
) -> bytes:
    """Wait for the reply to a query, and keep its connection where it came."""
    incoming = query.TcpReply(hears)
    try:
        reply = await _receive(sock, query.LARGEST_MESSAGE + 2, deadline, pool, incoming.feed)
    except BaseException:
        sock.close()
        raise
    pool.keep(sock, server, incoming.rest)
    return reply


async def _receive(
    sock: socket.SocketType, size: int, deadline: float, pool: SocketPool, take: Callable[[bytes], bytes | None]
) -> bytes:
    """Read until `take` makes a reply of what came."""
    await asyncio.sleep(0)  # other tasks have their turn, also where the reply comes from this host, at once
    pool.check()
    try:
        reply = take(sock.recv(size))
    except BlockingIOError:
        reply = None
    if reply is not None:
        return reply
    loop = asyncio.get_running_loop()
    read = partial(_read, sock, size, pool, take)
    replied: bytes = await _until(deadline, sock.fileno(), loop.add_reader, loop.remove_reader, read)
    return replied


async def _until(
    deadline: float,
    fd: int,
    watch: Callable[..., None],
    unwatch: Callable[[int], bool],
    on_event: Callable[[asyncio.Future[Any]], None],
) -> Any:
    """Watch a socket until a call of `on_event` brings a future to its end, and return the future's result."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    watch(fd, on_event, future)
    timer = loop.call_at(deadline, _expire, future)
    try:
        return await future
    finally:
        timer.cancel()
        unwatch(fd)
        del future  # it holds what is raised, and that holds this frame


def _read(
    sock: socket.SocketType,
    size: int,
    pool: SocketPool,
    take: Callable[[bytes], bytes | None],
    replied: asyncio.Future[bytes],
) -> None:
    """Read once: the loop has its turn between two, so that a flood does not keep it."""
    if replied.done():
        return
    try:
        pool.check()
        reply = take(sock.recv(size))
    except BlockingIOError:
        return  # a datagram with a wrong checksum is dropped when it is read
    except Exception as error:  # noqa: BLE001 - it is raised where the future is awaited
        replied.set_exception(error)
        del replied  # it holds the error, and that holds this frame
    else:
        if reply is not None:
            replied.set_result(reply)


def _end(connected: asyncio.Future[None]) -> None:
    if not connected.done():
        connected.set_result(None)


def _expire(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())
