"""The structure: what is exported, which module imports which, what loads when, and that each has its tests."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import peerdisco

PACKAGE = Path(peerdisco.__file__).parent
TESTS = Path(__file__).parent

EXPORTED = [
    "RecordType",
    "Reason",
    "Nameserver",
    "Family",
    "Environment",
    "Clock",
    "Attempt",
    "Answer",
    "AsyncPeerWatcher",
    "AsyncResolver",
    "Broadcast",
    "Change",
    "ConfigError",
    "DiscoveryConfig",
    "DnsResolver",
    "LookupFailed",
    "NotHeadlessError",
    "Outcome",
    "Peer",
    "PeerDiscoError",
    "PeerSet",
    "PeerWatcher",
    "PeersNotReady",
    "Question",
    "Resolver",
    "StaticResolver",
    "Status",
    "SrvTarget",
    "__version__",
    "abroadcast",
    "adiscover_peers",
    "broadcast",
    "discover_peers",
]

# What each part may import of ours. A name that ends in a dot stands for a whole package.
PUBLIC = {"answers", "clock", "config", "environment", "errors", "peers", "resolvers"}
VOCABULARY = {"_core.addresses", "_core.names", "_core.listing", "answers", "config", "errors"}
EXCHANGES = {"_dns.exchange", "_dns.lookup", "_dns.nameserver", "_dns.query", "_dns.sockets", "answers", "errors"}
MAY_IMPORT: dict[str, set[str]] = {
    "_version": set(),
    "errors": set(),
    "clock": set(),
    "_core.addresses": set(),
    "_core.names": {"_dns.query", "errors"},
    "_core.defaults": set(),
    "answers": {"_core.addresses"},
    "_core.listing": {"answers"},
    "peers": {"_core.addresses", "_core.listing", "answers", "errors"},
    "_core.option_values": {"_core.names", "_dns.nameserver"},
    "config": {
        "_core.signatures",
        "_core.addresses",
        "_core.names",
        "_core.option_values",
        "_dns.nameserver",
        "errors",
    },
    "_local": {"_core.addresses", "errors"},
    "environment": VOCABULARY | {"_dns.nameserver", "_dns.resolv_conf", "_local"},
    "_core.callables": set(),
    "_core.calls": {"_core.callables", "answers", "errors", "peers"},
    "_core.conditions": VOCABULARY,
    "_core.counters": VOCABULARY | {"_core.conditions"},
    "_core.roster": VOCABULARY | {"peers"},
    "_core.signatures": set(),
    "_core.discovery": VOCABULARY | {"environment"},
    "_core.srv_discovery": VOCABULARY | {"_dns.query", "_core.discovery", "environment"},
    "_core.failures": set(),
    "_core.subscribers": {"errors", "peers"},
    "_core.watcher": VOCABULARY
    | {
        "_core.conditions",
        "_core.counters",
        "_core.failures",
        "_core.roster",
        "_core.subscribers",
        "_service",
        "peers",
    },
    "_core.waiting": VOCABULARY | {"_core.watcher", "peers"},
    "_dns.query": {"answers"},
    "_dns.nameserver": set(),
    "_dns.resolv_conf": {"_dns.nameserver", "errors"},
    "_dns.records": set(),
    "_dns.lists": {"_dns.query", "_dns.records", "answers"},
    "_dns.found": {"_dns.lists", "_dns.query", "_dns.records", "answers"},
    "_dns.reply": {"_dns.found", "_dns.lists", "_dns.query", "_dns.records", "answers", "errors"},
    "_dns.memory": {"_dns.nameserver", "answers"},
    "_dns.exchange": {"_dns.lists", "_dns.memory", "_dns.nameserver", "_dns.query", "_dns.reply", "answers", "errors"},
    "_dns.lookup": {"_dns.exchange", "_dns.lists", "_dns.nameserver", "_dns.query", "_dns.reply", "answers", "errors"},
    "_dns.sockets": {"_dns.exchange", "_dns.query", "_dns.nameserver"},
    "_dns.blocking": EXCHANGES,
    "_dns.asynchronous": EXCHANGES,
}
IO = {"asyncio", "select", "selectors", "socket", "subprocess", "threading", "time"}
WITHOUT_IO = {
    f"_dns.{part}" for part in ("query", "records", "lists", "found", "reply", "exchange", "lookup", "memory")
} | {f"cli._doctor_{part}" for part in ("ask", "headless", "observations", "print", "report", "where", "who")}
# `addresses` uses the one function of `socket` that does no I/O: an address as text, in half of `ipaddress`'s time.
NO_IO_ALL_THE_SAME = {("_core.addresses", "socket")}
FOR_ASYNCIO = {"aio", "_poll_task", "_dns.asynchronous"}
ABOVE_ALL = {"testing", "cli", "metrics", "_pytest_plugin"}
# Covered by the tests of what they are part of.
TESTED_ELSEWHERE = {
    "__main__": "test_cli",
    "_version": "here",
    "_core.signatures": "test_options",
    "_core.callables": "test_fanout and test_changes",
    "_core.waiting": "test_wait_for and test_not_ready",
    "_core.subscribers": "test_changes",
    "_poll_task": "test_watchers and what runs sync and async",
    "_poll_thread": "test_watchers and what runs sync and async",
    "_core.listing": "test_discovery",
    "_core.option_values": "test_config",
    "_dns.asynchronous": "test_resolvers and test_sockets run sync and async",
    "_dns.blocking": "test_resolvers and test_sockets run sync and async",
    "_dns.memory": "test_lookup",
    "_dns.nameserver": "test_config",
    "_local": "test_environment",
    "_pytest_plugin": "testing.test_pytest_plugin",
    "_service": "test_discover",
    "aio": "test_watchers and test_discover run sync and async",
    "sync": "test_watchers and test_discover run sync and async",
    **dict.fromkeys(
        (
            "__init__",
            "_core.__init__",
            "_dns.__init__",
            "cli.__init__",
            "testing.__init__",
            "testing._coredns.__init__",
        ),
        "they hold no more than names and what others do",
    ),
    "testing._declared": "testing.test_fake",
    "testing._lock": "test_forks",
    "testing._waiters": "testing.test_clock",
    **dict.fromkeys(
        (
            f"testing._coredns.{part}"
            for part in ("faults", "query", "received", "records", "registry", "server", "services")
        ),
        "testing.test_cluster sees them as a client does, and e2e compares them with CoreDNS",
    ),
}


def module(path: Path) -> str:
    """The dotted name below `peerdisco`."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


MODULES = {module(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path, *, lazy: bool = True) -> Iterator[str]:
    """The full names that a module imports; without `lazy` only those that its own import brings in."""
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=source, names=names):
                yield from (f"{source}.{name.name}" for name in names)
        is_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        is_later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if not is_typing and (lazy or not is_later):
            waiting += ast.iter_child_nodes(node)


def ours(path: Path, *, lazy: bool = True) -> set[str]:
    """Our modules that a module imports anything from."""
    found = set()
    for name in imports(path, lazy=lazy):
        chain = name.split(".")
        if chain[0] == "peerdisco":
            found |= {".".join(chain[1:size]) for size in range(2, len(chain) + 1)} & set(MODULES)
    return found


def foreign(path: Path, *, lazy: bool = True) -> set[str]:
    """The top packages of others that a module imports."""
    return {name.partition(".")[0] for name in imports(path, lazy=lazy)} - {"peerdisco"}


def covers(name: str) -> list[Path]:
    """The test modules of a module."""
    folder, _, last = name.rpartition(".")
    public, last = [part for part in folder.split(".") if not part.startswith("_")], last.strip("_")
    return list(TESTS.joinpath(*public).glob(f"test_{last}*.py"))


def test_exports() -> None:
    """What `peerdisco` exports is the contract, all of it is there, and each name says where it is from."""
    assert sorted(EXPORTED) == sorted(peerdisco.__all__)
    for name in peerdisco.__all__:
        assert getattr(peerdisco, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = peerdisco.nothing


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_directions(name: str) -> None:
    """A module imports only from those below it."""
    assert ours(MODULES[name]) <= MAY_IMPORT[name]


@pytest.mark.parametrize("name", [name for name in MODULES if name.partition(".")[0] not in ABOVE_ALL | {"__main__"}])
def test_nothing_imports_what_is_above(name: str) -> None:
    """What is for users and tests is imported by none of the rest."""
    assert set() == {imported.partition(".")[0] for imported in ours(MODULES[name])} & ABOVE_ALL


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith(("_core.", "_dns."))])
def test_every_private_module_has_its_law(name: str) -> None:
    """What a decision or the DNS part may import is written down above."""
    assert name in MAY_IMPORT or name.endswith("__init__")


def test_the_worlds_do_not_meet() -> None:
    """Threads and asyncio know nothing of each other."""
    assert set() == ours(MODULES["sync"]) & FOR_ASYNCIO
    assert set() == ours(MODULES["_poll_thread"]) & FOR_ASYNCIO
    assert set() == ours(MODULES["aio"]) & {"sync", "_poll_thread", "_dns.blocking"}
    assert set() == ours(MODULES["_poll_task"]) & {"sync", "_poll_thread", "_dns.blocking"}
    assert set() == ours(MODULES["_dns.blocking"]) & FOR_ASYNCIO
    assert set() == ours(MODULES["_dns.asynchronous"]) & {"sync", "_dns.blocking"}


@pytest.mark.parametrize(
    "name",
    [name for name in MODULES if name.startswith("_core.") or name in WITHOUT_IO],
)
def test_without_io(name: str) -> None:
    """Decisions are made without sockets, threads, event loops and clocks."""
    assert {(name, package) for package in foreign(MODULES[name]) & IO} <= NO_IO_ALL_THE_SAME


def test_asyncio_is_in_its_place() -> None:
    """A program that uses threads alone never loads asyncio through us."""
    core = {name: path for name, path in MODULES.items() if name.partition(".")[0] not in ABOVE_ALL}

    assert {name for name, path in core.items() if "asyncio" in foreign(path, lazy=False)} <= FOR_ASYNCIO
    assert {name for name, path in core.items() if "asyncio" in foreign(path)} <= FOR_ASYNCIO | {"clock", "fanout"}


def loaded_by(code: str) -> set[str]:
    """The modules that are loaded once some code has run."""
    command = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own words
    return set(done.stdout.split())


def test_a_plain_import_loads_nothing() -> None:
    """`import peerdisco` loads no module until a name is used, and then nothing of asyncio, tests or command line."""
    assert {name for name in loaded_by("import peerdisco") if name.startswith("peerdisco")} == {
        "peerdisco",
        "peerdisco._version",
    }
    loaded = loaded_by("from peerdisco import discover_peers")
    assert "peerdisco.sync" in loaded
    assert set() == loaded & {f"peerdisco.{name}" for name in FOR_ASYNCIO | ABOVE_ALL}


def test_dir_shows_public_names_alone() -> None:
    """`dir` shows what is exported, and no module of ours that happens to be loaded."""
    assert dir(peerdisco) == sorted(peerdisco.__all__)


@pytest.mark.parametrize("name", sorted(set(MODULES) - set(TESTED_ELSEWHERE)))
def test_each_module_has_its_tests(name: str) -> None:
    """What a module does is tested under its name; the command line as a whole."""
    assert covers("cli" if name.startswith("cli.") else name)


def test_the_exceptions_are_exceptions() -> None:
    """A module that has got its own tests is no exception any more."""
    assert [name for name in TESTED_ELSEWHERE if covers(name)] == []
    assert set(TESTED_ELSEWHERE) <= set(MODULES)
