"""A Celery task that tells every replica of a web application to drop a key from its cache.

celery --app celery_app worker
"""

import os
from urllib.request import Request, urlopen

from celery import Celery

from peerdisco import DiscoveryConfig, LookupFailed, Peer, broadcast, discover_peers

app = Celery("tasks", broker=os.environ.get("BROKER", "redis://redis:6379"))
# This worker is no Pod of the web application's Service: DNS never lists it, and there is nothing to leave out.
config = DiscoveryConfig.from_env()


@app.task(ignore_result=True, autoretry_for=(ExceptionGroup, LookupFailed), max_retries=5, retry_backoff=True)
def invalidate(key: str) -> None:
    """Tell every replica, and try again later if one could not be told or DNS did not answer."""

    def tell(peer: Peer) -> None:
        with urlopen(Request(f"http://{peer.netloc()}/drop/{key}", method="POST"), timeout=2):
            pass

    broadcast(discover_peers(config), tell, timeout=10).raise_for_failures()
