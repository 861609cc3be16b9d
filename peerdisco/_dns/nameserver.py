"""A nameserver's address and port."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

DNS_PORT = 53
_BRACKETED = re.compile(r"\[([^]]*)](?::(.+))?")


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
        return cls(str(ip_address(host)), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
