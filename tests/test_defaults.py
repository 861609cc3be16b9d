"""A default for the whole process: whose wins where, in whatever order they end."""

import contextvars
from concurrent.futures import ThreadPoolExecutor

from peerdisco._core.defaults import ProcessDefault


def test_nothing_is_set() -> None:
    """Without a default there is None."""
    assert ProcessDefault[str]("test").get() is None


def test_the_last_one_set_here() -> None:
    """The last one wins; when it ends, the one before is back, whichever ends first."""
    default = ProcessDefault[str]("test")
    first, second, third = map(default.set, ("first", "second", "third"))
    seen = [default.get()]
    for setting in (second, third, first, first):
        default.reset(setting)
        seen.append(default.get())

    assert seen == ["third", "third", "first", None, None]


def test_other_threads_get_the_latest() -> None:
    """A thread that was there before gets the latest of all, but its own where it has one."""
    default = ProcessDefault[str]("test")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(default.get).result()
        first = default.set("first")
        default.set("second")
        seen = [pool.submit(default.get).result()]
        own = pool.submit(default.set, "own").result()
        seen += [pool.submit(default.get).result(), default.get()]
        default.reset(first)
        pool.submit(default.reset, own).result()
        seen.append(pool.submit(default.get).result())

    assert seen == ["second", "own", "second", "second"]


def test_it_ends_in_another_context() -> None:
    """A default that is ended elsewhere has ended here too, and in every copy of the context."""
    default = ProcessDefault[str]("test")
    outer = default.set("outer")
    inner = default.set("inner")
    copied = contextvars.copy_context()
    contextvars.Context().run(default.reset, inner)
    seen = [default.get(), copied.run(default.get)]
    default.reset(outer)
    seen += [default.get(), copied.run(default.get)]

    assert seen == ["outer", "outer", None, None]
    assert default.is_set_here(outer) is False
    assert copied.run(default.is_set_here, outer) is True
