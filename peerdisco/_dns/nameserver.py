"""A nameserver's address and port."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

DNS_PORT = 53
_BRACKETED = re.compile(r"\[([^]]*)](?::(.+))?")
_SCOPE = re.compile(r"[!-Z\\^-~]+")  # no brackets: the port is written behind one


class Nameserver(NamedTuple):
    """A nameserver: its address and port, as sockets take them."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Nameserver:
        """Return the nameserver written as `10.96.0.10`, `127.0.0.1:5353`, `fd00::a` or `[::1]:53`.

        Raises:
            ValueError: The text is none of these.
        """
        host, port = text, str(DNS_PORT)
        if bracketed := _BRACKETED.fullmatch(text):
            host, port = bracketed[1], bracketed[2] or port
        elif text.count(":") == 1:
            host, port = text.split(":")
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError(f"{text!r} has no valid port")
        return cls(checked_host(host), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def checked_host(text: str) -> str:
    """Return a nameserver's address as sockets take it.

    Raises:
        ValueError: The text is no IP address, or its scope (RFC 4007 section 11) can't be an interface's name or has
            brackets.
    """
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.scope_id and not _SCOPE.fullmatch(address.scope_id):
        raise ValueError(f"{text!r} has a scope that can't be an interface's name")
    return str(address)
