"""Commands as real processes, against a cluster's DNS on 127.0.0.1."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from peerdisco.testing import LocalCluster

# What is run in the background of a shell is born with Ctrl-C ignored.
_RUN = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from peerdisco.cli import main; sys.exit(main())"
)
PATIENCE = 60.0
"""Seconds after which a process that does not end is a failure; no test comes near."""


def environment(cluster: LocalCluster, own: str, **settings: str) -> dict[str, str]:
    """This process's environment as a Pod of the cluster has it, with a fast schedule."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PEERDISCO_", "POD_"))}
    pod = {
        "POD_IPS": own,
        "POD_NAMESPACE": "default",
        "PEERDISCO_CLUSTER_DOMAIN": "cluster.local",
        "PEERDISCO_NAMESERVERS": cluster.nameserver,
        "PEERDISCO_REFRESH": "0.05",
        "PEERDISCO_MAX_BACKOFF": "0.05",
        "PEERDISCO_TIMEOUT": "0.3",
    }
    return kept | pod | settings


@contextmanager
def running(*arguments: str, env: dict[str, str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A command that runs in the block, and is ended if it still does at the end."""
    process = subprocess.Popen(  # noqa: S603 - our own command, by this interpreter
        [sys.executable, "-c", _RUN, *arguments],
        env=env,
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            process.kill()
