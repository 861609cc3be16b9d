"""Signatures tell the truth: each option with its type and default, and no option that a call does not take."""

import inspect
import pydoc
from collections.abc import Callable
from typing import Any

import pytest

from peerdisco import AsyncPeerWatcher, ConfigError, DiscoveryConfig, PeerWatcher, adiscover_peers, discover_peers
from peerdisco._options import WATCHER_OPTIONS
from peerdisco.testing import FakeResolver
from tests.support.both import Discover, sync_and_async

ONE_SHOT, WATCHERS = (discover_peers, adiscover_peers), (PeerWatcher, AsyncPeerWatcher, DiscoveryConfig)
OTHERS = {"service", "resolver"}


@pytest.mark.parametrize("call", [*ONE_SHOT, *WATCHERS])
def test_signatures(call: Callable[..., Any]) -> None:
    """`inspect.signature` shows every option with the default that the config has."""
    fields = {name: field for name, field in DiscoveryConfig.model_fields.items() if name != "service"}
    if call in ONE_SHOT:
        fields = {name: field for name, field in fields.items() if name not in WATCHER_OPTIONS}
    shown = inspect.signature(call).parameters

    assert {name: parameter.default for name, parameter in shown.items() if name not in OTHERS} == {
        name: field.default for name, field in fields.items()
    }
    assert "service" in shown
    assert all(parameter.kind is not parameter.VAR_KEYWORD for parameter in shown.values())


@pytest.mark.parametrize("call", [*ONE_SHOT, *WATCHERS])
def test_help(call: Callable[..., Any]) -> None:
    """`help` shows types as a reader would write them."""
    text = pydoc.plain(pydoc.render_doc(call))

    assert "port: int | str | None = None" in text
    assert "timeout: float = 5.0" in text
    assert "BeforeValidator" not in text.partition("Attributes:")[0]


def test_the_options_of_watchers() -> None:
    """What only a schedule can use is an option of the watchers alone."""
    assert sorted(WATCHER_OPTIONS) == [
        "jitter",
        "max_backoff",
        "max_fleet_qps",
        "max_stale",
        "refresh",
        "removal_confirmations",
    ]


@sync_and_async
@pytest.mark.parametrize("name", sorted(WATCHER_OPTIONS))
def test_one_shot_calls_refuse_the_options_of_watchers(discover: Discover, name: str) -> None:
    """Such an option, given as a keyword, is an error; in a config that a watcher shares, it may be set."""
    fake = FakeResolver({"web": ["10.0.0.1", "10.0.0.2"]}, own="10.0.0.1")
    value = DiscoveryConfig.model_fields[name].default
    with pytest.raises(ConfigError, match=f"{name}=.*an option of PeerWatcher"):
        discover("web", resolver=fake, **{name: value})

    assert discover(DiscoveryConfig("web", **{name: value}), resolver=fake).ips == ("10.0.0.2",)


def test_a_shown_default_overrides_nothing() -> None:
    """A config that is passed keeps its options."""
    fake = FakeResolver({"web": ["10.0.0.1", "10.0.0.2"]}, own="10.0.0.1")

    assert discover_peers(DiscoveryConfig("web", port=80), resolver=fake)[0].port == 80
