"""A separate network and resolv.conf, since `getaddrinfo` always asks port 53.

In this network the host has this Pod's address, as in a Pod.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.replies import OWN

_MARK = "PEERDISCO_BENCHMARK_ISOLATED"
_SET_UP = """
mount --bind "$1" /etc/resolv.conf && ip link set lo up && ip address add "$2/32" dev lo && shift 2 && exec "$@"
"""


def is_isolated() -> bool:
    """Return whether `run` started this process."""
    return _MARK in os.environ


def run(module: str, arguments: Sequence[str]) -> int | None:
    """Run a module in a separate network; return its exit code, or None if that is not possible."""
    unshare = _unshare()
    if unshare is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        resolv_conf = Path(directory) / "resolv.conf"
        resolv_conf.write_text("nameserver 127.0.0.1\n")
        set_up = [*unshare, "sh", "-c", _SET_UP, "sh", str(resolv_conf), OWN]
        if not _works([*set_up, "true"]):
            return None
        command = [*set_up, sys.executable, "-m", module, *arguments]
        return subprocess.run(command, env=os.environ | {_MARK: "1"}, check=False).returncode  # noqa: S603 - ourselves


def _unshare() -> list[str] | None:
    """Return the command that separates mounts and network, as root or as a user who becomes root in a namespace."""
    if not all(map(shutil.which, ("unshare", "mount", "ip"))):
        return None
    ways = (["unshare", "-mn"], ["unshare", "-rmn"])
    return next((way for way in ways if _works([*way, "true"])), None)


def _works(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - fixed words
