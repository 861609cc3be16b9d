"""resolv.conf(5), as far as it matters here: the nameservers and the search list.

Laws of this module:

- Opening the file never blocks, whatever it has become: what is checked is what is read, by one descriptor.
- A line that makes no sense is passed over, as the C library does; a file that can't be a resolv.conf is refused.
"""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple, TypeAlias

from peerdisco._dns.nameserver import DNS_PORT, Nameserver, checked_host
from peerdisco.errors import ConfigError

LARGEST = 65_536
"""Bytes; what is larger is no resolv.conf."""

Version: TypeAlias = tuple[int, ...]
"""What changes when the file does."""

# Windows has no O_NONBLOCK and no O_CLOEXEC, and no files that would need them.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class ResolvConf(NamedTuple):
    """What resolv.conf(5) says, as far as it matters here.

    Attributes:
        nameservers: the nameservers, in order.
        search: the entries of the search list, as they are written.
    """

    nameservers: tuple[Nameserver, ...] = ()
    search: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> ResolvConf:
        """Read the file's text."""
        nameservers: list[Nameserver] = []
        search: tuple[str, ...] = ()
        for line in text.splitlines():
            words = re.split(r"[#;]", line, maxsplit=1)[0].split()
            match words:
                case ["nameserver", host, *_]:
                    nameservers.extend(_nameserver(host))
                case ["search" | "domain", *domains]:
                    search = tuple(domains)
        return cls(tuple(dict.fromkeys(nameservers)), search)


def _nameserver(text: str) -> tuple[Nameserver, ...]:
    try:
        return (Nameserver(checked_host(text), DNS_PORT),)
    except ValueError:
        return ()


def version_of(path: str) -> Version:
    """Return what changes when the file does.

    Raises:
        ConfigError: It is no file that could be a resolv.conf.
        OSError: It can't be looked at.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path costs more than the call, and this is every lookup's
    except ValueError as error:
        raise ConfigError("resolv_conf", path, f"is no path: {error}") from error
    return _checked(path, found)


def read(path: str) -> tuple[Version, ResolvConf]:
    """Read the file.

    Raises:
        ConfigError: It is no file that could be a resolv.conf.
        OSError: It can't be read.
    """
    descriptor = os.open(path, _FLAGS)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a Path can't be told to open without blocking
        version = _checked(path, os.fstat(descriptor))
        raw = file.read(LARGEST)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ConfigError("resolv_conf", path, "is no text file") from error
    if "\0" in text:
        raise ConfigError("resolv_conf", path, "is no text file")
    return version, ResolvConf.parse(text)


def _checked(path: str, found: os.stat_result) -> Version:
    """Return the version of a file that could be a resolv.conf.

    Raises:
        ConfigError: The file is no resolv.conf.
    """
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError("resolv_conf", path, "is no regular file")
    if found.st_size > LARGEST:
        raise ConfigError("resolv_conf", path, f"is larger than {LARGEST} bytes")
    return found.st_mtime_ns, found.st_size, found.st_ino
