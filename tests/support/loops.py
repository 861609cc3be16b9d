"""uvloop where it is installed; a new or free-threaded Python may have no wheel of it."""

import asyncio
from importlib.util import find_spec

import pytest

needs_uvloop = pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop has no wheel for this Python")


def new_uvloop() -> asyncio.AbstractEventLoop:
    """Return an event loop of uvloop."""
    import uvloop

    return uvloop.new_event_loop()
