"""The examples as real processes, which listen on 127.0.0.x and ask a cluster's DNS on 127.0.0.1."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from peerdisco.testing import LocalCluster

EXAMPLES = Path(__file__).parents[2] / "examples"
IPS = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
FULL_NAME = "test-cs-svc.default.svc.cluster.local."


def free_port(ips: Sequence[str] = IPS) -> int:
    """Return a port that is free on each of the addresses."""
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
    *command: str, env: Mapping[str, str], folder: str = "", stdin: bool = False, stderr: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """Run Python in a folder of the examples, with nothing of this process's settings; at the end it gets SIGTERM."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PEERDISCO_", "POD_"))}
    process = subprocess.Popen(  # noqa: S603 - our own examples, by this interpreter
        [sys.executable, *command],
        cwd=EXAMPLES / folder,
        env=kept | dict(env),
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()


def running_module(
    module: str, *arguments: str, folder: str, env: Mapping[str, str]
) -> AbstractContextManager[subprocess.Popen[str]]:
    """Run a module's command, as `running` does, with all its output on one stream."""
    return running("-m", module, *arguments, env=env, folder=folder, stderr=subprocess.STDOUT)


def environment(cluster: LocalCluster, ip: str, port: int) -> dict[str, str]:
    """Return what the manifests give to a replica, and what only a loopback address needs."""
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
    """Return status and text of a replica's answer."""
    connection = HTTPConnection(ip, port, timeout=10)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def request_json(method: str, ip: str, port: int, path: str) -> tuple[int, Any]:
    """Return status and JSON of a replica's answer; None for an empty one."""
    status, text = request(method, ip, port, path)
    return status, json.loads(text) if text else None


def next_line(process: subprocess.Popen[str]) -> str:
    """Return what a process prints next."""
    assert process.stdout is not None
    return process.stdout.readline()


def wait_for_line(process: subprocess.Popen[str], part: str) -> None:
    """Block until a process prints a line with this part."""
    seen = []
    while line := next_line(process):
        seen.append(line)
        if part in line:
            return
    raise AssertionError(f"the process ended without {part!r}: {''.join(seen)}")


def probe(ip: str, port: int) -> None:
    """Ask a replica that listens whether it is ready, until it is."""
    for _ in range(10_000):
        if request("GET", ip, port, "/ready")[0] == 200:
            return
    raise AssertionError(f"{ip} did not become ready")
