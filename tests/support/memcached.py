"""A memcached that knows `set` and `get` of the text protocol, so that tests need no other."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Memcached(socketserver.ThreadingTCPServer):
    """See https://github.com/memcached/memcached/blob/master/doc/protocol.txt.

    Attributes:
        stored: what it holds.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, ip: str, port: int) -> None:
        super().__init__((ip, port), _Connection)
        self.stored: dict[bytes, bytes] = {}


class _Connection(socketserver.StreamRequestHandler):
    server: Memcached

    def handle(self) -> None:
        for line in self.rfile:
            command, key, *rest = line.split()
            if command == b"set":
                self.server.stored[key] = self.rfile.read(int(rest[2]) + 2)[:-2]
                self.wfile.write(b"STORED\r\n")
            elif command == b"get":
                value = self.server.stored.get(key)
                found = b"" if value is None else b"VALUE %b 0 %d\r\n%b\r\n" % (key, len(value), value)
                self.wfile.write(found + b"END\r\n")
            else:
                self.wfile.write(b"ERROR\r\n")


@contextmanager
def memcached(ip: str, port: int) -> Iterator[Memcached]:
    """A server that listens in the block."""
    with Memcached(ip, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
