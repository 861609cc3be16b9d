"""Tell every other replica once to drop a key from its cache.

    python examples/invalidate_cache.py user:42 --service test-cs-svc --port 80

Outside a cluster, name the DNS server to ask with `--nameserver`.
"""

import argparse
import sys
from urllib.parse import quote
from urllib.request import Request, urlopen

from peerdisco import PeerDiscoError, discover_peers


def main() -> int:
    """Tell every peer; return 1 if a peer could not be told."""
    parser = argparse.ArgumentParser(description="Tell every other replica to drop a key from its cache.")
    parser.add_argument("key")
    parser.add_argument("--service", default="test-cs-svc")
    parser.add_argument("--port", default=80, type=int)
    parser.add_argument("--nameserver", metavar="ADDRESS:PORT")
    parser.add_argument("--allowed-networks", metavar="CIDRS")
    given = parser.parse_args()

    try:
        peers = discover_peers(
            given.service, port=given.port, nameservers=given.nameserver, allowed_networks=given.allowed_networks
        )
    except PeerDiscoError as error:  # an error does not mean that there are no peers
        sys.exit(str(error))
    untold = 0
    key = quote(given.key, safe="")
    for peer in peers:
        try:
            with urlopen(Request(f"http://{peer.netloc()}/drop/{key}", method="POST"), timeout=5):
                print(f"{peer} was told")
        except OSError as error:  # a Pod on the list may have died a moment ago
            untold += 1
            print(f"{peer} was not told: {error}", file=sys.stderr)
    return 1 if untold else 0


if __name__ == "__main__":
    sys.exit(main())
