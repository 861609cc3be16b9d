"""The stub of the Kubernetes API in a separate process: one server for each size, since the stub ignores selectors."""

import sys

from tests.benchmarks.replies import addresses, service
from tests.e2e import object_server
from tests.e2e.api_server import ApiServer


def main(sizes: list[int]) -> None:
    """Print the URLs, and serve until standard input ends."""
    object_server._Handler.disable_nagle_algorithm = True  # otherwise each reply waits 40 ms for an acknowledgement
    servers = [ApiServer() for _ in sizes]
    for size, server in zip(sizes, servers, strict=True):
        server.headless(service(size), addresses(size))
    print(*(server.url for server in servers), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(list(map(int, sys.argv[1:])))
