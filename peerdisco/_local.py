"""Which addresses are this host's, as the kernel says.

Laws of this module:

- An address is this host's in whichever form it is written: IPv4 also as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2).
- What was found stays: a Pod's address never changes. What was not found is looked for again.
- Where the kernel can't be asked for want of descriptors or memory, nothing is learnt from that, and the lookup fails:
  nobody knows then which of the listed addresses is this Pod's.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address
from pathlib import Path

from peerdisco._core.addresses import IPV4_BYTES, mapped, pack_ip, unmapped
from peerdisco.errors import Attempt, LookupFailed

_LOCAL_V4 = re.compile(r"-- (\d+\.\d+\.\d+\.\d+)\n\s+/32 host LOCAL")
# Seconds after which an address that was not local is asked about again.
_AGE = 10.0
_NEVER_LOCAL = {4: pack_ip("192.0.2.1"), 16: pack_ip("2001:db8::1")}
# What passes by itself, and says nothing about the file or the address.
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}


class LocalAddresses:
    """This host's addresses, as far as they were asked for.

    Args:
        proc_net: the folder in which Linux describes its network.
        clock: monotonic seconds.
    """

    def __init__(self, proc_net: Path, clock: Callable[[], float]) -> None:
        self._proc_net = proc_net
        self._clock = clock
        self._is_readable = True
        self._known: frozenset[bytes] = frozenset()
        self._asked: frozenset[bytes] = frozenset()
        self._read_at = float("-inf")

    def among(self, listed: frozenset[bytes]) -> frozenset[bytes]:
        """Return which of the listed addresses are this host's.

        The list is what makes this safe: a host may have many addresses, of which only a Pod's own is ever listed.

        Raises:
            LookupFailed: No descriptor or memory is left to ask the kernel with.
        """
        try:
            if self._known.isdisjoint(listed) and self._clock() - self._read_at > _AGE:
                self._read()
            if not self._is_readable:
                self._ask(listed)
        except OSError as error:
            attempt = Attempt("the kernel", "", "refused", f"can't be asked: {error.strerror}")
            advice = "Raise the limit of open files (`ulimit -n`), or set `POD_IPS` by the downward API."
            raise LookupFailed("which listed address is this Pod's", "refused", (attempt,), advice) from error
        return self._known & listed

    def _read(self) -> None:
        """Read the addresses of every interface.

        Raises:
            OSError: No descriptor or memory is left.
        """
        now = self._clock()
        try:
            found = frozenset(_read_proc(self._proc_net))
        except (OSError, ValueError) as error:  # not Linux, or a sandbox that has no such file, or another one
            if isinstance(error, OSError) and error.errno in _EXHAUSTED:
                raise
            self._is_readable = False
        else:
            self._known = found.union(*map(mapped, found))
            self._is_readable = True
        self._read_at = now  # last, since another thread that finds it recent relies on the rest

    def _ask(self, listed: frozenset[bytes]) -> None:
        """Ask about each address that was not listed before.

        Raises:
            OSError: No descriptor or memory is left.
        """
        self._known |= {ip for ip in listed - self._asked if _is_local(unmapped(ip))}
        self._asked = listed


def _read_proc(proc_net: Path) -> Iterator[bytes]:
    yield from map(socket.inet_aton, _LOCAL_V4.findall((proc_net / "fib_trie").read_text("ascii")))
    try:
        table = (proc_net / "if_inet6").read_text("ascii")
    except FileNotFoundError:  # IPv6 is off
        return
    yield from (IPv6Address(int(line.partition(" ")[0], 16)).packed for line in table.splitlines())


def _is_local(packed: bytes) -> bool:
    """Return whether a socket can be bound to an address, and not to just any."""
    return _can_bind(packed) and not _can_bind(_NEVER_LOCAL[len(packed)])


def _can_bind(packed: bytes) -> bool:
    family = socket.AF_INET if len(packed) == IPV4_BYTES else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((socket.inet_ntop(family, packed), 0))
    except OSError as error:
        if error.errno in _EXHAUSTED:
            raise
        return False  # also where the host has no such family
    return True
