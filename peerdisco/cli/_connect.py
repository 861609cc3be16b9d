"""Whether peers accept TCP connections: many are tried at once, in one thread.

A connection is opened and closed; nothing is sent.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import islice

_AT_ONCE = 128


def unreachable(ips: Iterable[str], port: int, timeout: float) -> dict[str, str]:
    """Open a TCP connection to each address.

    Args:
        ips: the addresses.
        port: the port, on all of them.
        timeout: seconds that each connection may take.

    Returns:
        Each address that did not accept one, and why.
    """
    waiting = iter(ips)
    failed: dict[str, str] = {}
    while batch := list(islice(waiting, _AT_ONCE)):
        failed |= _unreachable_of(batch, port, timeout)
    return failed


def _unreachable_of(ips: Sequence[str], port: int, timeout: float) -> dict[str, str]:
    failed: dict[str, str] = {}
    under_way: dict[int, tuple[str, socket.socket]] = {}
    deadline = time.monotonic() + timeout
    poll = select.poll()
    with ExitStack() as stack:
        for ip in ips:
            try:
                sock = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET))
                sock.settimeout(0)
                sock.connect((ip, port))
            except BlockingIOError:
                under_way[sock.fileno()] = ip, sock
                poll.register(sock, select.POLLOUT)
            except OSError as error:
                failed[ip] = error.strerror or str(error)
        while under_way and (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(1000 * left):
                poll.unregister(descriptor)
                ip, sock = under_way.pop(descriptor)
                if error_number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    failed[ip] = os.strerror(error_number)
    return failed | {ip: os.strerror(errno.ETIMEDOUT) for ip, _ in under_way.values()}
