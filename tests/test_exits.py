"""Whole programs with a watcher in them: they end when they should, in silence, though every warning is an error."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from peerdisco import AsyncPeerWatcher
from peerdisco.testing import FakeResolver, LocalCluster
from tests.support.loops import needs_uvloop, new_uvloop

UNDER_UVLOOP = pytest.param(new_uvloop, marks=needs_uvloop)

# What is run in the background of a shell is born with Ctrl-C ignored.
IMPORTS = """
import asyncio, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from peerdisco import AsyncPeerWatcher, PeerWatcher
from peerdisco.testing import FakeResolver

where = {"nameservers": sys.argv[1], "own_ips": "10.0.0.1", "namespace": "default", "cluster_domain": "cluster.local"}

def patient():  # how fast the machine is, is not the question
    asyncio.get_running_loop().slow_callback_duration = 60
"""

THREAD = """
watcher = PeerWatcher("svc", **where).start()
print(len(watcher.wait_for(1, timeout=30)))
"""

THREAD_IN_A_LOOKUP = """
watcher = PeerWatcher("svc", nameservers="192.0.2.1", namespace="default", cluster_domain="cluster.local").start()
print(1)
"""

THREAD_IN_A_FUNCTION = """
def main():
    watchers = [PeerWatcher("svc", **where).start() for _ in range(5)]
    changes = watchers[0].changes()
    print(len(next(changes).added))
main()
"""

THREAD_THAT_NEVER_CLOSES = """
with PeerWatcher("svc", **where) as watcher:
    print(len(watcher.wait_for(1, timeout=30)))
    sys.exit()
"""

TASK = """
async def main():
    patient()
    watcher = AsyncPeerWatcher("svc", **where).start()
    print(len(await watcher.wait_for(1, timeout=30)))

asyncio.run(main())
"""

TASK_IN_A_LOOKUP = """
async def main():
    patient()
    kept.append(AsyncPeerWatcher("svc", nameservers="192.0.2.1", namespace="default", cluster_domain="a.b").start())
    await asyncio.sleep(0)
    print(1)

kept = []
asyncio.run(main())
"""

TASK_IN_A_STREAM = """
async def main():
    patient()
    async with AsyncPeerWatcher("svc", **where) as watcher:
        async for change in watcher.changes():
            print(len(change.added))
            break

asyncio.run(main())
"""

AGAIN_AND_AGAIN = """
async def main():
    patient()
    async with AsyncPeerWatcher("svc", **where) as watcher:
        return len(await watcher.wait_for(1, timeout=30))

print({asyncio.run(main()) for _ in range(5)}.pop())
"""

UVLOOP = """
import uvloop

async def main():
    patient()
    watcher = AsyncPeerWatcher("svc", **where).start()
    print(len(await watcher.wait_for(1, timeout=30)))

uvloop.run(main())
uvloop.run(main())
"""

PROGRAMS = {
    "thread": THREAD,
    "thread in a lookup": THREAD_IN_A_LOOKUP,
    "threads in a function": THREAD_IN_A_FUNCTION,
    "thread and sys.exit": THREAD_THAT_NEVER_CLOSES,
    "task": TASK,
    "task in a lookup": TASK_IN_A_LOOKUP,
    "task in a stream": TASK_IN_A_STREAM,
    "asyncio.run repeated": AGAIN_AND_AGAIN,
}

INTERRUPTED_THREAD = """
with PeerWatcher("svc", **where) as watcher:
    watcher.wait_for(1, timeout=30)
    try:
        print("waiting", flush=True)
        watcher.wait_for(2)
    except KeyboardInterrupt:
        print("interrupted", len(watcher.peers))
"""

INTERRUPTED_TASK = """
async def main():
    patient()
    async with AsyncPeerWatcher("svc", **where) as watcher:
        await watcher.wait_for(1, timeout=30)
        try:
            print("waiting", flush=True)
            await watcher.wait_for(2)
        finally:
            print("interrupted", len(watcher.peers))

try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
"""


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service with this Pod and one peer."""
    with LocalCluster() as cluster:
        cluster.headless("svc", ["10.0.0.1", "10.0.0.2"])
        yield cluster


def command(program: str, cluster: LocalCluster) -> list[str]:
    """How a program is run."""
    return [sys.executable, "-W", "error", "-X", "dev", "-c", IMPORTS + program, cluster.nameserver]


@pytest.mark.parametrize(
    "program", [*PROGRAMS.values(), pytest.param(UVLOOP, marks=needs_uvloop)], ids=[*PROGRAMS, "uvloop"]
)
def test_exit_with_a_running_watcher(cluster: LocalCluster, program: str) -> None:
    """The interpreter ends with a watcher running: at once, without an error, without a warning."""
    ran = subprocess.run(  # noqa: S603 - a program of this file
        command(program, cluster), capture_output=True, text=True, timeout=60, check=False
    )

    assert ran.stderr == ""
    assert set(ran.stdout.split()) == {"1"}
    assert ran.returncode == 0


@pytest.mark.parametrize("program", [INTERRUPTED_THREAD, INTERRUPTED_TASK], ids=["thread", "task"])
def test_interrupt(cluster: LocalCluster, program: str) -> None:
    """Ctrl-C ends a wait that has no end of its own; the watcher still closes."""
    with subprocess.Popen(  # noqa: S603 - a program of this file
        command(program, cluster), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as ran:
        assert ran.stdout is not None
        assert ran.stdout.readline() == "waiting\n"
        ran.send_signal(signal.SIGINT)
        out, err = ran.communicate(timeout=60)

    assert (out, err, ran.returncode) == ("interrupted 1\n", "", 0)


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, UNDER_UVLOOP], ids=["asyncio", "uvloop"])
def test_a_watcher_for_each_run(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Each `run` has its own event loop and its own watcher; the same fake serves them all."""
    fake = FakeResolver({"svc": ["10.0.0.2"]})

    async def main() -> tuple[str, ...]:
        async with AsyncPeerWatcher("svc", resolver=fake) as watcher:
            return (await watcher.wait_for(1)).ips

    for _ in range(5):
        with asyncio.Runner(loop_factory=factory) as runner:
            assert runner.run(main()) == ("10.0.0.2",)
