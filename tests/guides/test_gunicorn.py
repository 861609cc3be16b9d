"""The guide to gunicorn: Pods with two worker processes each, on 127.0.0.2 and 127.0.0.3."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from subprocess import Popen
from typing import Any

import pytest

from peerdisco.testing import LocalCluster
from tests.support.examples import IPS, environment, free_port, probe, request_json, running_module, wait_for_line

PODS = IPS[:2]


@contextmanager
def gunicorn(cluster: LocalCluster, ip: str, port: int, *options: str) -> Iterator[Popen[str]]:
    """A Pod of which a worker is ready."""
    arguments = ["flask_app:app", "--bind", f"{ip}:{port}", "--no-control-socket", *options]
    with running_module("gunicorn", *arguments, folder="web", env=environment(cluster, ip, port)) as process:
        wait_for_line(process, "Booting worker")
        probe(ip, port)
        yield process


def workers(ip: str, port: int) -> list[dict[str, Any]]:
    """What each of two workers knows: one is kept busy with half a request, so that the other answers."""
    held = HTTPConnection(ip, port, timeout=30)
    held.connect()
    held.sock.sendall(b"GET /worker HTTP/1.0\r\n")
    _, free = request_json("GET", ip, port, "/worker")
    held.sock.sendall(b"\r\n")
    answer = HTTPResponse(held.sock)
    answer.begin()
    busy = json.loads(answer.read())
    held.close()
    return [free, busy]


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["each worker loads", "preload"])
def test_a_post_reaches_one_worker_of_each_pod(preload: list[str]) -> None:
    """Every worker has a list of its own that is right; a broadcast drops the key in one worker of each Pod."""
    port = free_port(PODS)
    with LocalCluster() as cluster, ExitStack() as stack:
        cluster.headless("test-cs-svc", PODS)
        pods = [stack.enter_context(gunicorn(cluster, ip, port, "--workers", "2", *preload)) for ip in PODS]

        _, told = request_json("POST", PODS[0], port, "/invalidate/user:42")

        assert told["told"] == [PODS[1]]
        for ip, peer in (PODS, reversed(PODS)):
            both = workers(ip, port)
            assert len({worker["pid"] for worker in both}) == 2
            assert [worker["peers"] for worker in both] == [[peer]] * 2
            assert sorted(worker["dropped"] for worker in both) == [[], ["user:42"]]
    assert [pod.returncode for pod in pods] == [0, 0]


def test_threads_share_one_cache() -> None:
    """With one worker and threads, whichever thread is reached drops the key for all of them."""
    port = free_port(PODS)
    with LocalCluster() as cluster, ExitStack() as stack:
        cluster.headless("test-cs-svc", PODS)
        for ip in PODS:
            stack.enter_context(gunicorn(cluster, ip, port, "--workers", "1", "--threads", "2"))

        request_json("POST", PODS[0], port, "/invalidate/user:42")

        seen = [worker for ip in PODS for worker in workers(ip, port)]
    assert [worker["dropped"] for worker in seen] == [["user:42"]] * 4
    assert len({worker["pid"] for worker in seen}) == 2


def test_without_dns_it_does_not_start() -> None:
    """While DNS does not answer, no worker accepts a request; once it answers, with no Pod at all, all is well."""
    port = free_port(PODS)
    with LocalCluster() as cluster:
        cluster.fail("servfail")
        env = environment(cluster, PODS[0], port)
        arguments = ["flask_app:app", "--bind", f"{PODS[0]}:{port}", "--no-control-socket"]
        with running_module("gunicorn", *arguments, folder="web", env=env) as process:
            wait_for_line(process, "Booting worker")
            with socket.create_connection((PODS[0], port)) as client:
                client.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
                cluster.wait_for_questions(5)
                client.setblocking(False)
                with pytest.raises(BlockingIOError):
                    client.recv(1)
                cluster.heal()
                client.settimeout(30)
                assert client.recv(12) == b"HTTP/1.0 200"
            assert request_json("GET", PODS[0], port, "/worker")[1]["peers"] == []
