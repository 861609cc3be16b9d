"""A DNS server's process on 127.0.0.1: started, stopped, killed, started again."""

import contextlib
import itertools
import os
import random
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import dns.exception
import dns.message
import dns.query

HOST = "127.0.0.1"
DEADLINE = 20.0  # seconds; the slowest start takes 1


class Daemon:
    """A DNS server on one port of 127.0.0.1, UDP and TCP; a context manager.

    Args:
        command: The program and its arguments; it must stay in the foreground.
        port: The port that it will listen on.
        stdin: What it reads from standard input.
        env: Further environment variables.
        probe: The name that it is asked for until it replies: one that it answers without asking elsewhere.
    """

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        *,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        probe: str = ".",
    ) -> None:
        self.port = port
        self.address = f"{HOST}:{port}"
        self._command, self._stdin, self._env, self._probe = command, stdin, env or {}, probe
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
        return os.pread(self._output.fileno(), 1 << 20, 0).decode(errors="replace")

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

    def reconfigure(self, stdin: str) -> None:
        """Start it again, with another configuration on its standard input."""
        self._stdin = stdin
        self.restart()

    def _start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - a program that the test was given
            self._command,
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=os.environ | self._env,
        )
        self._end = weakref.finalize(self, _end, self._process)
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            stdin.write(self._stdin.encode())
        try:
            self.wait_until(self.is_ready, "it is not ready")
        except BaseException:
            self.kill()
            raise

    def wait_until(self, condition: Callable[[], bool], otherwise: str) -> None:
        """Block until something holds of the server. It announces nothing but its end, so that is waited for between.

        Raises:
            TimeoutError: The condition does not come to hold.
            RuntimeError: The server has ended.
        """
        deadline, pause = time.monotonic() + DEADLINE, 0.002
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._command[0]}: {otherwise}:\n{self.log}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise RuntimeError(f"{self._command[0]} has ended with {self._process.wait(pause)}:\n{self.log}")
            pause = min(pause * 1.3, 0.05)

    def is_ready(self) -> bool:
        """Whether it replies, over TCP: the port refuses at once before it listens, and UDP is bound just after it."""
        question = dns.message.make_query(self._probe, "SOA")
        with contextlib.suppress(OSError, EOFError, dns.exception.DNSException):
            dns.query.tcp(question, HOST, port=self.port, timeout=DEADLINE)
            return True
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def free_ports(count: int) -> list[int]:
    """Return so many different ports of 127.0.0.1 on which nothing listens, UDP or TCP."""
    # below the range the kernel takes client ports from, so that one stays free over a restart
    candidates = random.sample(range(20000, 32000), 1000)
    return list(itertools.islice(filter(_is_free, candidates), count))


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind((HOST, port))
        udp.bind((HOST, port))
        return True
    return False
