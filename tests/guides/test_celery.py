"""The guide to Celery: a real worker with forked processes, its queue in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from kombu import Connection, Exchange, Queue

from peerdisco.testing import LocalCluster
from tests.support.examples import EXAMPLES, IPS, environment, free_port, running_module, wait_for_line

PODS = IPS[:2]


@contextmanager
def web_pod(ip: str, port: int, told: SimpleQueue[tuple[str, str]], *statuses: int) -> Iterator[None]:
    """A replica of the web application that notes what it is told, and answers with these statuses first."""
    planned = list(statuses)

    class Pod(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Note the path, and answer."""
            told.put((ip, self.path))
            self.send_response(planned.pop(0) if planned else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer((ip, port), Pod) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def in_folder(folder: Path) -> dict[str, str]:
    """Return what makes a folder the broker."""
    return {"data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder / "control")}


def send(folder: Path, task: str, key: str) -> None:
    """Put a task into the queue, as any client of Celery does (protocol 2)."""
    queue = Queue("celery", Exchange("celery"), routing_key="celery")
    with Connection("filesystem://", transport_options=in_folder(folder)) as connection:
        connection.Producer().publish(
            [[key], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}],
            exchange=queue.exchange,
            routing_key="celery",
            declare=[queue],
            headers={"lang": "py", "task": task, "id": f"id-{key}", "root_id": None, "parent_id": None, "group": None},
            correlation_id=f"id-{key}",
        )


def test_a_task_tells_every_replica(tmp_path: Path) -> None:
    """A task in a forked worker process finds both Pods and tells them; where one fails, it tells both again."""
    port = free_port(PODS)
    told: SimpleQueue[tuple[str, str]] = SimpleQueue()
    options = f"from celery_app import app\napp.conf.broker_transport_options = {in_folder(tmp_path)!r}\n"
    (tmp_path / "worker_app.py").write_text(options)
    with LocalCluster() as cluster, web_pod(PODS[0], port, told), web_pod(PODS[1], port, told, 503):
        cluster.headless("test-cs-svc", PODS)
        env = environment(cluster, "192.0.2.1", port) | {
            "BROKER": "filesystem://",
            "PYTHONPATH": str(EXAMPLES / "tasks"),
        }
        send(tmp_path, "celery_app.invalidate", "user:42")
        arguments = ["--app", "worker_app", "worker", "--concurrency", "2"]
        arguments += ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
        with running_module("celery", *arguments, folder=str(tmp_path), env=env) as process:
            wait_for_line(process, "succeeded in")

        assert {told.get(timeout=10) for _ in PODS} == {(ip, "/drop/user:42") for ip in PODS}
        assert {told.get(timeout=10) for _ in PODS} == {(ip, "/drop/user:42") for ip in PODS}
    assert process.returncode == 0
