"""Where a server of these tests runs, and what it serves or asks."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from tests.e2e.daemon import Daemon

_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"  # where a user's PATH does not always lead


class Site(NamedTuple):
    """Where one server runs.

    Attributes:
        folder: For its configuration and whatever it writes.
        port: Of 127.0.0.1, to listen on.
        zones: The zone files to serve, by zone, if it is an authority.
        origin: The port of 127.0.0.1 that it asks, if it is a forwarder.
    """

    folder: Path
    port: int
    zones: Mapping[str, Path]
    origin: int

    def write(self, name: str, text: str) -> str:
        """Write a file into the folder, and return its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)


Configure: TypeAlias = Callable[[Site], list[str]]
"""Writes a server's configuration, and returns the command that runs it in the foreground."""


class NotInstalled(Exception):
    """The server's program is not on this machine; the message names it."""


def find(program: str) -> str:
    """Return the path of a program.

    Raises:
        NotInstalled: There is none of that name.
    """
    path = shutil.which(program) or shutil.which(program, path=_SYSTEM)
    if path is None:
        raise NotInstalled(f"{program} is not installed")
    return path


def start(configure: Configure, site: Site) -> Daemon:
    """Start a server.

    Raises:
        NotInstalled: Its program is not on this machine.
    """
    program, *arguments = configure(site)
    return Daemon([find(program), *arguments], site.port, probe="cluster.local.")
