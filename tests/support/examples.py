"""The examples as real processes, which listen on 127.0.0.x and ask a cluster's DNS on 127.0.0.1."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

from peerdisco.testing import LocalCluster

EXAMPLES = Path(__file__).parents[2] / "examples"
IPS = ["127.0.0.11", "127.0.0.12", "127.0.0.13"]
FULL_NAME = "test-cs-svc.default.svc.cluster.local."


def free_port(ips: Sequence[str]) -> int:
    """A port that is free on each of the addresses."""
    for _ in range(100):
        with ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind((ips[0], 0))
            free: int = first.getsockname()[1]
            try:
                for ip in ips[1:]:
                    stack.enter_context(socket.socket()).bind((ip, free))
            except OSError:
                continue
            return free
    raise OSError(f"no port is free on all of {ips}")


@contextmanager
def running(
    example: str, *arguments: str, env: Mapping[str, str], stdin: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """An example's process, with nothing of this one's settings; told to end afterwards."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PEERDISCO_", "POD_"))}
    process = subprocess.Popen(  # noqa: S603 - our own examples, by this interpreter
        [sys.executable, str(EXAMPLES / example), *arguments],
        env=kept | dict(env),
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()


def environment(cluster: LocalCluster, ip: str, port: int) -> dict[str, str]:
    """What the manifest gives to a replica, and what only this test needs."""
    return {
        "POD_IP": ip,
        "POD_IPS": ip,
        "PEERDISCO_SERVICE": FULL_NAME,
        "PEERDISCO_PORT": str(port),
        "PEERDISCO_NAMESERVERS": cluster.nameserver,
        "PEERDISCO_ALLOWED_NETWORKS": "127.0.0.0/8",
        "PEERDISCO_REFRESH": "0.1",
    }


def request(method: str, ip: str, port: int, path: str) -> tuple[int, str]:
    """Status and text of a replica's answer."""
    connection = HTTPConnection(ip, port, timeout=10)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def next_line(process: subprocess.Popen[str]) -> str:
    """What a process prints next."""
    assert process.stdout is not None
    return process.stdout.readline()
