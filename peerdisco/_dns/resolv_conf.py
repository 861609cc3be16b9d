"""resolv.conf(5), as far as it matters here: the nameservers, and what the kubelet's search list gives away."""

from __future__ import annotations

import os
import re
import stat
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from peerdisco._dns.nameserver import Nameserver
from peerdisco.errors import ConfigError

LARGEST = 65_536
"""Bytes; what is larger is no resolv.conf."""


class ResolvConf(NamedTuple):
    """What resolv.conf(5) says, as far as it matters here."""

    nameservers: tuple[Nameserver, ...] = ()
    search: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> ResolvConf:
        """Reads the file's text; lines that make no sense are passed over, as the C library does."""
        nameservers: list[Nameserver] = []
        search: tuple[str, ...] = ()
        for line in text.splitlines():
            words = re.split(r"[#;]", line, maxsplit=1)[0].split()
            match words:
                case ["nameserver", host, *_]:
                    nameservers.extend(_nameserver(host))
                case ["search" | "domain", *domains]:
                    search = tuple(domain.lower().strip(".") for domain in domains)
        return cls(tuple(dict.fromkeys(nameservers)), search)

    @property
    def cluster_domain(self) -> str | None:
        """The cluster domain, from the entry `svc.<domain>` that the kubelet writes."""
        domains = [entry.removeprefix("svc.") for entry in self.search if entry.startswith("svc.")]
        confirmed = [domain for domain in domains if any(_namespace(entry, domain) for entry in self.search)]
        return min(confirmed or domains, key=len, default=None)

    @property
    def namespace(self) -> str | None:
        """The Pod's namespace, from the entry `<namespace>.svc.<domain>` that the kubelet writes."""
        domain = self.cluster_domain
        found = (_namespace(entry, domain) for entry in self.search if domain)
        return next(filter(None, found), None)


def _namespace(entry: str, domain: str | None) -> str | None:
    namespace, _, rest = entry.partition(".")
    return namespace if rest == f"svc.{domain}" else None


def _nameserver(text: str) -> tuple[Nameserver, ...]:
    try:
        return (Nameserver(str(ip_address(text)), 53),)
    except ValueError:
        return ()


def version_of(path: str) -> tuple[int, ...]:
    """What changes when the file does.

    Raises:
        ConfigError: it is no file that could be a resolv.conf.
        OSError: it can't be looked at.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path costs more than the call, and this is every lookup's
    except ValueError as error:
        raise ConfigError("resolv_conf", path, f"is no path: {error}") from error
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError("resolv_conf", path, "is no regular file")
    if found.st_size > LARGEST:
        raise ConfigError("resolv_conf", path, f"is larger than {LARGEST} bytes")
    return found.st_mtime_ns, found.st_size, found.st_ino


def read(path: str) -> ResolvConf:
    """Reads the file.

    Raises:
        ConfigError: it is no text.
        OSError: it can't be read.
    """
    with Path(path).open("rb") as file:
        raw = file.read(LARGEST)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ConfigError("resolv_conf", path, "is no text file") from error
    if "\0" in text:
        raise ConfigError("resolv_conf", path, "is no text file")
    return ResolvConf.parse(text)
