"""A DNS server in a process of its own that says what was rendered beforehand, as quickly as Python can.

Every thread blocks in the kernel; since the client does one thing at a time, only one of them is ever awake.
"""

import contextlib
import socket
import sys
import threading

from tests.benchmarks.replies import Replies

_CONNECTIONS = 32
_QUESTION = 4096


def serve_udp(sock: socket.socket) -> None:
    """Answers datagrams for ever."""
    replies = Replies("udp")
    while True:
        packet, client = sock.recvfrom(_QUESTION)
        sock.sendto(replies.to(packet), client)


def serve_tcp(listener: socket.socket, replies: Replies) -> None:
    """Takes one connection after the other, and answers what comes over it until its client has enough."""
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, contextlib.suppress(ConnectionError):
            while packet := connection.recv(_QUESTION):
                connection.sendall(replies.to(packet[2:]))


def open_both(port: int = 0) -> tuple[socket.socket, socket.socket]:
    """A UDP socket and a TCP listener on one port of 127.0.0.1; 0 for a free one."""
    listener = socket.create_server(("127.0.0.1", port))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(listener.getsockname())
    return datagrams, listener


def main(port: int) -> None:
    """Prints its port, and serves until standard input ends."""
    datagrams, listener = open_both(port)
    replies = Replies("tcp")
    threading.Thread(target=serve_udp, args=(datagrams,), daemon=True).start()
    for _ in range(_CONNECTIONS):
        threading.Thread(target=serve_tcp, args=(listener, replies), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
