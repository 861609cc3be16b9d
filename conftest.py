"""Run the README and the documentation: Python blocks as they stand, console blocks against the output they show.

After `in_a_pod()`, a page runs as the tutorial's Pod `rjdm9`, whose DNS is a server on 127.0.0.1.
"""

import doctest
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser

from peerdisco import DnsResolver
from peerdisco._core.addresses import pack_ips
from peerdisco.environment import StaticEnvironment
from peerdisco.resolvers import default_resolver
from peerdisco.testing import LocalCluster, Pod

ROOT = Path(__file__).parent
PODS = ["200.96.1.50", "200.96.0.59", "200.96.2.24"]
OWN = "200.96.0.59"


@contextmanager
def tutorial_cluster() -> Iterator[LocalCluster]:
    """Serve the tutorial's cluster as the Pod `rjdm9` sees it, without any option."""
    with LocalCluster() as cluster, DnsResolver(cluster.nameserver) as resolver:
        cluster.headless("test-cs-svc", PODS, ports={"http": 80})
        cluster.headless("web", [Pod(ip, f"web-{n}") for n, ip in enumerate(PODS)], ports={"http": 80})
        cluster.cluster_ip("test-cs-svc-head", "200.68.238.114")
        resolver.environment = StaticEnvironment(pack_ips(OWN))
        token = default_resolver.set(resolver)
        try:
            yield cluster
        finally:
            default_resolver.reset(token)


def set_up(namespace: dict[str, Any]) -> None:
    """Give every page `in_a_pod`, which returns the cluster."""
    stack = namespace["_stack"] = ExitStack()
    namespace["_environ"] = {}

    def in_a_pod() -> LocalCluster:
        cluster = stack.enter_context(tutorial_cluster())
        namespace["_environ"] = {
            "POD_IPS": OWN,
            "POD_NAMESPACE": "default",
            "PEERDISCO_CLUSTER_DOMAIN": "cluster.local",
            "PEERDISCO_NAMESERVERS": cluster.nameserver,
        }
        return cluster

    namespace["in_a_pod"] = in_a_pod


def tear_down(namespace: dict[str, Any]) -> None:
    """Close what the page opened."""
    namespace["_stack"].close()


def run_peerdisco(arguments: list[str], environ: Mapping[str, str]) -> str:
    """Return what the command prints, on stdout and stderr together."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PEERDISCO_", "POD_"))}
    done = subprocess.run(  # noqa: S603 - our own module, by this interpreter
        [sys.executable, "-u", "-m", "peerdisco", *arguments],
        env=kept | dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def check_make(arguments: list[str], _environ: Mapping[str, str]) -> str:
    """Return a complaint if a target does not exist."""
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return "" if set(arguments) <= set(targets) else f"the Makefile lacks one of {arguments}"


def check_pip(arguments: list[str], _environ: Mapping[str, str]) -> str:
    """Return a complaint unless this project is installed, with extras that it has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name, _, extras = arguments[-1].rstrip("]").partition("[")
    known = name == project["name"] and set(extras.split(",")) <= {"", *project.get("optional-dependencies", {})}
    return "" if known else f"{arguments[-1]} is not this project"


def check_files(arguments: list[str], _environ: Mapping[str, str]) -> str:
    """Return a complaint if a command names a file that does not exist."""
    named = [argument for argument in arguments if "/" in argument and not argument.startswith("-")]
    return "" if all((ROOT / name).exists() for name in named) else f"one of {named} does not exist"


COMMANDS: dict[str, Callable[[list[str], Mapping[str, str]], str]] = {
    "peerdisco": run_peerdisco,
    "make": check_make,
    "pip": check_pip,
    "kubectl": check_files,
    "python": check_files,
}


def run_console(example: Example) -> str | None:
    """Run each `$` line and compare what it prints; `...` stands for anything."""
    for block in re.split(r"^\$ ", str(example.parsed), flags=re.MULTILINE)[1:]:
        line, _, expected = block.partition("\n")
        command, *arguments = shlex.split(line, comments=True)
        printed = COMMANDS[command](arguments, example.namespace["_environ"])
        if not doctest.OutputChecker().check_output(expected.rstrip(), printed.rstrip(), doctest.ELLIPSIS):
            return f"$ {line}\nprinted\n{printed}\ninstead of\n{expected}"
    return None


pytest_collect_file: Callable[[Path, pytest.Collector], pytest.Collector | None] = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser("console", run_console)],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    excludes=["docs/_build/**"],
    setup=set_up,
    teardown=tear_down,
).pytest()
