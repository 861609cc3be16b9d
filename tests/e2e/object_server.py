"""The lists and watches of the Kubernetes API over plain HTTP, for CoreDNS to read.

A watch opens with `sendInitialEvents` or at a resourceVersion, and streams each change of its
kind in order. A kind here is the path that it is served under.
"""

import contextlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.e2e.objects import Json

KINDS = {
    "Namespace": ("v1", "/api/v1/namespaces"),
    "Pod": ("v1", "/api/v1/pods"),
    "Service": ("v1", "/api/v1/services"),
    "EndpointSlice": ("discovery.k8s.io/v1", "/apis/discovery.k8s.io/v1/endpointslices"),
    "ServiceImport": ("multicluster.x-k8s.io/v1alpha1", "/apis/multicluster.x-k8s.io/v1alpha1/serviceimports"),
}
PATHS = {path: kind for kind, (_, path) in KINDS.items()}


class ObjectServer:
    """Holds objects and serves them, each change an event; on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[tuple[str, str], Json]] = defaultdict(dict)
        self._events: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
        self._version = 0
        self._changed = threading.Condition(threading.RLock())
        self._paused = self._closed = False
        handler = type("Handler", (_Handler,), {"objects": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End every watch and stop serving."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def pause(self, paused: bool) -> None:
        """Answer and stream nothing, or go on with all that was held back."""
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def __contains__(self, key: tuple[str, str, str]) -> bool:
        kind, *name = key
        return tuple(name) in self._objects[kind]

    def items(self, kind: str, namespace: str) -> dict[str, Json]:
        """The objects of one kind in a Namespace, by name."""
        with self._changed:
            known = self._objects[kind].items()
            return {name: item for (space, name), item in known if space == namespace}

    def put(
        self,
        kind: str,
        namespace: str,
        name: str,
        labels: dict[str, str] | None = None,
        **rest: object,
    ) -> None:
        """Add or modify an object."""
        metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
        item: Json = {**_type(kind), "metadata": metadata, **rest}
        with self._changed:
            what = "MODIFIED" if (kind, namespace, name) in self else "ADDED"
            self._objects[kind][namespace, name] = item
            self._emit(what, item)

    def drop(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object."""
        with self._changed:
            self._emit("DELETED", self._objects[kind].pop((namespace, name)))

    def _emit(self, what: str, item: Json) -> None:
        self._version += 1
        item["metadata"]["resourceVersion"] = str(self._version)
        self._events[item["kind"]].append((self._version, _event(what, item)))
        self._changed.notify_all()

    def wait_open(self) -> bool:
        """Block while paused; False once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._paused)
            return not self._closed

    def listing(self, kind: str) -> Json:
        """Every object of a kind, as the answer to a list."""
        with self._changed:
            metadata = {"resourceVersion": str(self._version)}
            return {
                **_type(kind, suffix="List"),
                "metadata": metadata,
                "items": list(self._objects[kind].values()),
            }

    def watch(self, kind: str, since: int, *, initial: bool) -> Iterator[bytes]:
        """The lines of a watch, until the server closes."""
        events = self._events[kind]
        with self._changed:
            lines = self._initial(kind) if initial else []
            at = len(events) if initial else sum(version <= since for version, _ in events)
        while True:
            yield from lines
            with self._changed:
                while not self._closed and (self._paused or len(events) == at):
                    self._changed.wait()
                if self._closed:
                    return
                lines, at = [line for _, line in events[at:]], len(events)

    def _initial(self, kind: str) -> list[bytes]:
        end = {
            "resourceVersion": str(self._version),
            "annotations": {"k8s.io/initial-events-end": "true"},
        }
        added = [_event("ADDED", item) for item in self._objects[kind].values()]
        return [*added, _event("BOOKMARK", {**_type(kind), "metadata": end})]


class _Handler(BaseHTTPRequestHandler):
    objects: ClassVar[ObjectServer]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if not self.objects.wait_open():
            return
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        kind = PATHS.get(url.path)
        if kind is None:
            self._reply(404, {"apiVersion": "v1", "kind": "Status", "code": 404})
        elif query.get("watch") not in ("true", "1"):
            self._reply(200, self.objects.listing(kind))
        else:
            since = int(query.get("resourceVersion") or 0)
            self._stream(kind, since, initial=query.get("sendInitialEvents") == "true")

    def _reply(self, status: int, body: Json) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, kind: str, since: int, *, initial: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):  # the client has gone
            for line in self.objects.watch(kind, since, initial=initial):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""


def _type(kind: str, suffix: str = "") -> Json:
    return {"apiVersion": KINDS[kind][0], "kind": kind + suffix}


def _event(what: str, item: Json) -> bytes:
    return json.dumps({"type": what, "object": item}).encode() + b"\n"
