"""A DNS server in a separate process that sends replies made beforehand, as fast as Python can.

Threads block in the kernel. The client does one thing at a time, so only one of them is awake at a time.
"""

import contextlib
import socket
import sys
import threading

from tests.benchmarks.replies import Replies

_CONNECTIONS = 32
_QUESTION = 4096


def serve_udp(sock: socket.socket) -> None:
    """Answer datagrams until the process ends."""
    replies = Replies("udp")
    while True:
        packet, client = sock.recvfrom(_QUESTION)
        sock.sendto(replies.to(packet), client)


def serve_tcp(listener: socket.socket, replies: Replies) -> None:
    """Accept one connection after the other, and answer its queries until the client closes it."""
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, contextlib.suppress(ConnectionError):
            while packet := connection.recv(_QUESTION):
                connection.sendall(replies.to(packet[2:]))


def open_both(port: int = 0) -> tuple[socket.socket, socket.socket]:
    """Return a UDP socket and a TCP listener on one port of 127.0.0.1; 0 takes a free port."""
    listener = socket.create_server(("127.0.0.1", port))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(listener.getsockname())
    return datagrams, listener


def main(port: int) -> None:
    """Print the port, and serve until standard input ends."""
    datagrams, listener = open_both(port)
    replies = Replies("tcp")
    threading.Thread(target=serve_udp, args=(datagrams,), daemon=True).start()
    for _ in range(_CONNECTIONS):
        threading.Thread(target=serve_tcp, args=(listener, replies), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
