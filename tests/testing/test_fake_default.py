"""The block of a fake: it is the default resolver of the whole process, whoever else has one."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from peerdisco import PeerWatcher, adiscover_peers, discover_peers
from peerdisco.resolvers import default_resolver
from peerdisco.testing import FakeClock, FakeResolver

ONE: tuple[str, ...] = ("10.0.0.1",)
TWO: tuple[str, ...] = ("10.0.0.1", "10.0.0.2")


def found() -> tuple[str, ...]:
    """The addresses of `web`, by the default resolver."""
    return discover_peers("web").ips


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """A pool whose one thread is there before any fake is."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        yield pool


def test_blocks_inside_each_other() -> None:
    """The inner one wins, also where it is the same fake again; afterwards there is none."""
    outer, inner = FakeResolver({"web": ONE}), FakeResolver({"web": TWO})
    with outer:
        with inner:
            assert found() == TWO
            with outer:
                assert found() == ONE
            assert found() == TWO
        assert found() == ONE

    assert default_resolver.get() is None


def test_every_thread(pool: ThreadPoolExecutor) -> None:
    """Threads that were there before, and event loops in them, ask the fake as well."""
    with FakeResolver({"web": TWO}):
        assert pool.submit(found).result() == TWO
        assert pool.submit(lambda: asyncio.run(adiscover_peers("web"))).result().ips == TWO
        assert asyncio.run(adiscover_peers("web")).ips == TWO

    assert pool.submit(default_resolver.get).result() is None


def test_each_context_has_its_own(pool: ThreadPoolExecutor) -> None:
    """Two threads with a fake each do not get in each other's way; a third has the latest one."""
    fakes = FakeResolver({"web": ONE}), FakeResolver({"web": TWO})
    entered, seen = threading.Barrier(3), threading.Barrier(3)

    def work(fake: FakeResolver) -> tuple[str, ...]:
        with fake:
            entered.wait(10)
            addresses = found()
            seen.wait(10)
        return addresses

    with ThreadPoolExecutor(2) as workers:
        results = [workers.submit(work, fake) for fake in fakes]
        entered.wait(10)
        assert pool.submit(found).result() in (ONE, TWO)
        seen.wait(10)
        assert [result.result() for result in results] == [ONE, TWO]


def test_exits_in_any_order() -> None:
    """A block that ends before one that began later takes only itself away."""
    first, second, third = (FakeResolver({"web": [f"10.0.0.{n}"]}) for n in (1, 2, 3))
    seen = []
    for fake in (first, second, third):
        fake.__enter__()
    for fake in (second, third, first):
        seen.append(found())
        fake.__exit__(None, None, None)

    assert seen == [("10.0.0.3",), ("10.0.0.3",), ("10.0.0.1",)]
    assert default_resolver.get() is None


def test_one_fake_in_two_threads(pool: ThreadPoolExecutor) -> None:
    """A thread that leaves its block of a fake leaves the others theirs."""
    fake, other = FakeResolver({"web": TWO}), FakeResolver({"web": ONE})
    with other:
        pool.submit(fake.__enter__).result()
        with fake:
            assert found() == TWO
        assert found() == ONE
        assert pool.submit(found).result() == TWO
        pool.submit(fake.__exit__, None, None, None).result()
        assert pool.submit(found).result() == ONE


async def test_a_block_that_ends_in_another_task() -> None:
    """As the two halves of an async fixture may run in two contexts."""

    async def halves() -> contextlib.ExitStack:
        stack = contextlib.ExitStack()
        stack.enter_context(FakeResolver({"web": TWO}))
        return stack

    stack = await asyncio.create_task(halves())
    assert (await adiscover_peers("web")).ips == TWO
    stack.close()
    assert default_resolver.get() is None


def test_it_wins_over_nameservers() -> None:
    """A program that names its DNS server asks the fake all the same, and an invalid option is still an error."""
    with FakeResolver({"web": TWO}):
        assert discover_peers("web", nameservers="192.0.2.1", own_ips="10.0.0.1").ips == ("10.0.0.2",)
        with pytest.raises(ValueError, match="nameservers"):
            discover_peers("web", nameservers="dns.example")


def test_a_resolver_that_is_passed_wins(pool: ThreadPoolExecutor) -> None:
    """Who passes a resolver gets that one."""
    mine = FakeResolver({"web": ONE})
    with FakeResolver({"web": TWO}):
        assert discover_peers("web", resolver=mine).ips == ONE


def test_a_watcher_in_the_block(pool: ThreadPoolExecutor) -> None:
    """A watcher that another thread makes asks the fake, and lives by its clock."""
    clock = FakeClock()
    with FakeResolver({"web": ONE}, clock=clock) as fake:
        watcher = pool.submit(lambda: PeerWatcher("web").start()).result()
        with watcher:
            clock.advance(0)
            assert watcher.peers.ips == ONE
            fake["web"] = TWO
            clock.advance(10)
            assert watcher.peers.ips == TWO


def test_a_watcher_that_was_made_before() -> None:
    """It keeps the resolver that was the default when it was made."""
    with FakeResolver({"web": ONE}):
        watcher = PeerWatcher("web")
        with FakeResolver({"web": TWO}):
            assert watcher.refresh().ips == ONE


def test_an_error_ends_the_block() -> None:
    """The block lets an exception through, and the fake is no longer the default."""
    with pytest.raises(ZeroDivisionError), FakeResolver():
        _ = 1 // 0

    assert default_resolver.get() is None
