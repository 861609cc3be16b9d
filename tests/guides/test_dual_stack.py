"""The guide to dual stack: which addresses a server listens on."""

import socket
from contextlib import ExitStack

import pytest

from peerdisco.testing import LocalCluster
from tests.support.examples import environment, free_port, request, running_module, wait_for_line


def answers(ip: str, port: int) -> bool:
    """Whether a server listens on this address."""
    try:
        return request("GET", ip, port, "/ready")[0] in {200, 503}
    except OSError:
        return False


@pytest.mark.parametrize(
    ("server", "options", "listening"),
    [
        ("uvicorn", ["--host", "0.0.0.0"], [True, False]),
        ("uvicorn", ["--host", "::"], [False, True]),
        ("uvicorn", ["--host", ""], [True, True]),
        ("gunicorn", ["--bind", "0.0.0.0:PORT"], [True, False]),
        ("gunicorn", ["--bind", "[::]:PORT"], [True, True]),
    ],
)
def test_what_a_server_listens_on(server: str, options: list[str], listening: list[bool]) -> None:
    """A server listens on IPv4, on IPv6 or on both, as the guide says."""
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    port = free_port(["127.0.0.2"])
    command = ["uvicorn", "fastapi_app:app", "--port", str(port)]
    if server == "gunicorn":
        command = ["gunicorn", "flask_app:app", "--no-control-socket"]
    options = [option.replace("PORT", str(port)) for option in options]
    with LocalCluster() as cluster, ExitStack() as stack:
        env = environment(cluster, "127.0.0.2", port)
        process = stack.enter_context(running_module(*command, *options, folder="web", env=env))
        wait_for_line(process, "Uvicorn running on" if server == "uvicorn" else "Listening at")

        assert [answers(ip, port) for ip in ("127.0.0.1", "::1")] == listening
