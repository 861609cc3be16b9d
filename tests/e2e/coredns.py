"""A real CoreDNS on 127.0.0.1: started, stopped, killed, started again."""

import contextlib
import http.client
import itertools
import os
import random
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import dns.exception
import dns.message
import dns.query

from tests.e2e.api_server import ApiServer, Endpoint
from tests.e2e.coredns_binary import CoreDNSUnavailable, binary
from tests.e2e.corefiles import HOST

__all__ = ["CoreDNS", "CoreDNSUnavailable", "binary", "settled"]

DEADLINE = 20.0  # seconds; a start takes 0.2

# -- the server --


class CoreDNS:
    """A CoreDNS process on one port of 127.0.0.1, UDP and TCP; a context manager.

    Args:
        path: The binary.
        corefile: Its Corefile.
        synced: Wait until the API server's objects have come; else only until the port answers.
    """

    def __init__(self, path: Path, corefile: str, *, synced: bool = True) -> None:
        self._path, self._corefile, self._synced = path, corefile, synced
        self.port, self._ready_port, origin_port = itertools.islice(_free_ports(), 3)
        ports = {"PORT": self.port, "READY_PORT": self._ready_port, "ORIGIN_PORT": origin_port}
        self._env = os.environ | {name: str(port) for name, port in ports.items()}
        self.address = f"{HOST}:{self.port}"
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object
        weakref.finalize(self, self._output.close)
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """What the process has written so far."""
        return os.pread(self._output.fileno(), 1 << 20, 0).decode()

    def stop(self) -> None:
        """End the process as Kubernetes does (SIGTERM), if it still runs."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(DEADLINE)
        self._end()

    def kill(self) -> None:
        """End the process at once (SIGKILL), if it still runs."""
        self._end()

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same port."""
        self.stop()
        self._start()

    def _start(self) -> None:
        command = [str(self._path), "-conf", "stdin"]
        self._process = subprocess.Popen(  # noqa: S603 - the binary that the test was given
            command,
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=self._env,
        )
        self._end = weakref.finalize(self, _end, self._process)
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            stdin.write(self._corefile.encode())
        try:
            self.wait_until(self._ready, "CoreDNS is not ready")
        except BaseException:
            self.kill()
            raise

    def wait_until(self, condition: Callable[[], bool], otherwise: str) -> None:
        """Block until something holds of CoreDNS, which tells nobody but of its end: that is waited for in between.

        Raises:
            TimeoutError: It does not come to hold.
            RuntimeError: CoreDNS has ended.
        """
        deadline, pause = time.monotonic() + DEADLINE, 0.002
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{otherwise}:\n{self.log}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise RuntimeError(f"CoreDNS has ended with {self._process.wait(pause)}:\n{self.log}")
            pause = min(pause * 1.3, 0.05)

    def _ready(self) -> bool:
        return _answers(self.port) and (not self._synced or _is_ready(self._ready_port))


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def _answers(port: int) -> bool:
    # over TCP: the port refuses at once while nobody listens, and UDP is bound just after it
    question = dns.message.make_query(".", "NS")
    with contextlib.suppress(OSError, EOFError, dns.exception.DNSException):
        dns.query.tcp(question, HOST, port=port, timeout=DEADLINE)
        return True
    return False


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=DEADLINE)
    with contextlib.closing(connection), contextlib.suppress(OSError):
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    return False


def _free_ports() -> Iterator[int]:
    # below the range the kernel takes client ports from, so that one stays free over a restart
    while True:
        port = random.randrange(20000, 32000)
        with contextlib.suppress(OSError), socket.socket() as tcp:
            with socket.socket(type=socket.SOCK_DGRAM) as udp:
                tcp.bind((HOST, port))
                udp.bind((HOST, port))
            yield port


# -- knowing that a change has arrived --

_markers = itertools.count()


def settled(coredns: CoreDNS, api: ApiServer, *, zone: str = "cluster.local") -> None:
    """Block until CoreDNS knows all that has been declared to `api` so far.

    Watches of different kinds are separate streams, but each keeps its order. So a fresh Service
    with endpoints in a fresh Namespace that CoreDNS answers for means that all three have arrived.
    """
    namespace = f"marker-{next(_markers)}"
    # each poll asks a name of its own, else a cache would repeat the first NXDOMAIN
    names = (f"h{n}.marker.{namespace}.svc.{zone}" for n in itertools.count())
    pods = [Endpoint("192.0.2.1", hostname=f"h{n}") for n in range(1000)]
    api.headless("marker", pods, namespace=namespace)

    def seen() -> bool:
        question = dns.message.make_query(next(names), "A")
        reply = dns.query.udp(question, HOST, port=coredns.port, timeout=DEADLINE)
        return bool(reply.answer)

    coredns.wait_until(seen, f"CoreDNS has not seen {namespace}")
    api.delete("marker", namespace=namespace)
