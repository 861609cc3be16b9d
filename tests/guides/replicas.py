"""Replicas as real processes on 127.0.0.x, which find each other by the DNS of a LocalCluster."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from peerdisco.testing import LocalCluster

EXAMPLES = Path(__file__).parents[2] / "examples"
IPS = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
SERVICE = "test-cs-svc.default.svc.cluster.local."


def free_port(ips: Sequence[str] = IPS) -> int:
    """Return a port that is free on every address."""
    for _ in range(100):
        with ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind((ips[0], 0))
            port: int = first.getsockname()[1]
            try:
                for ip in ips[1:]:
                    stack.enter_context(socket.socket()).bind((ip, port))
            except OSError:
                continue
            return port
    raise OSError(f"no port is free on all of {ips}")


@contextmanager
def running(module: str, *arguments: str, folder: str, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a module's command in a folder of the examples; at the end it gets SIGTERM."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PEERDISCO_", "POD_"))}
    process = subprocess.Popen(  # noqa: S603 - our own examples, by this interpreter
        [sys.executable, "-m", module, *arguments],
        cwd=EXAMPLES / folder,
        env=kept | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()


def environment(cluster: LocalCluster, ip: str, port: int) -> dict[str, str]:
    """Return what the manifests give to a replica, and what only a loopback address needs."""
    return {
        "POD_IPS": ip,
        "PEERDISCO_SERVICE": SERVICE,
        "PEERDISCO_PORT": str(port),
        "PEERDISCO_NAMESERVERS": cluster.nameserver,
        "PEERDISCO_ALLOWED_NETWORKS": "127.0.0.0/8",
        "PEERDISCO_REFRESH": "0.1",
    }


def request(method: str, ip: str, port: int, path: str) -> tuple[int, Any]:
    """Return status and JSON of a replica's answer."""
    connection = HTTPConnection(ip, port, timeout=10)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
        return response.status, json.loads(body) if body else None
    finally:
        connection.close()


def wait_for_line(process: subprocess.Popen[str], part: str) -> None:
    """Block until a process prints a line with this part."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
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
