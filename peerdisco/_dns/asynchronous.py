"""Exchanges over asyncio, on the same sockets and by the same rules as `peerdisco._dns.blocking`."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import TypeVar

from tenacity import AsyncRetrying

from peerdisco._dns import query
from peerdisco._dns.lookup import Exchange, Lookup
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.sockets import Connection, SocketPool, open_udp
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


async def lookup(run: Lookup, pool: SocketPool) -> Answer:
    """Ask round after round, until a server answers or the time is up."""

    async def one_round() -> Answer:
        return await drive(run.round(), partial(exchange, pool), OSError)

    try:
        reply = await exchange(pool, run.open())
    except OSError as error:
        run.reject(error)
    else:
        answer = run.accept(reply)
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


async def exchange(pool: SocketPool, wanted: Exchange) -> bytes:
    """Send a message and wait for its reply; what does not fit is ignored.

    Raises:
        OSError: None came.
    """
    server, transport, message, timeout = wanted
    async with asyncio.timeout(timeout):
        if transport == "udp":
            return await _over_udp(server, message, pool)
        if kept := pool.take(server):
            try:
                return await _over_tcp(kept, server, message, pool)
            except ConnectionError:
                pass  # the server closed it just now (RFC 7766 section 6.2.4)
        sock = pool.open(server)
        try:
            await _connect(sock, server)
        except BaseException:
            sock.close()
            raise
        return await _over_tcp(sock, server, message, pool)


async def _connect(sock: socket.socket, server: Nameserver) -> None:
    sock.settimeout(0)
    # To a server on the same host a connection is there at once, as the second call finds, without a turn of the loop.
    if sock.connect_ex(server) and sock.connect_ex(server) not in (0, errno.EISCONN):
        await asyncio.get_running_loop().sock_connect(sock, server)


async def _over_udp(server: Nameserver, message: bytes, pool: SocketPool) -> bytes:
    loop = asyncio.get_running_loop()
    room = query.udp_room(message)
    with open_udp(server) as sock:
        sock.settimeout(0)
        sock.send(message)
        while not query.fits(message, reply := await loop.sock_recv(sock, room + 1)):
            pool.ignored += 1
            await _yield(pool)
    return reply


async def _over_tcp(sock: Connection, server: Nameserver, message: bytes, pool: SocketPool) -> bytes:
    """Exchange over a connection, which is kept if that went well."""
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(sock, query.framed(message))
        incoming = query.TcpReply(message)
        while (reply := incoming.feed(await loop.sock_recv(sock, query.LARGEST_MESSAGE + 2))) is None:
            await _yield(pool)
    except BaseException:
        sock.close()
        raise
    pool.keep(sock, server)
    return reply


async def _yield(pool: SocketPool) -> None:
    """Give the loop its turn: what is there already is read without one, so that a flood would keep it all."""
    pool.check()
    await asyncio.sleep(0)
