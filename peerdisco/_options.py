"""What a one-shot call and a watcher take as options, in signatures and when they are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

from peerdisco._core.signatures import signature_with
from peerdisco.config import DiscoveryConfig, LookupOptions, Options
from peerdisco.errors import ConfigError

_Function = TypeVar("_Function", bound=Callable[..., Any])
_DEFAULTS = {name: field.default for name, field in DiscoveryConfig.model_fields.items()}

WATCHER_OPTIONS = Options.__annotations__.keys() - LookupOptions.__annotations__.keys()
"""The options that mean something only to a watcher."""


def showing(options: type[LookupOptions]) -> Callable[[_Function], _Function]:
    """Return a decorator that shows each option, with its type and default, in place of `**options`.

    A default that is shown does not override a config that is passed.
    """

    def decorate(function: _Function) -> _Function:
        function.__signature__ = signature_with(function, get_type_hints(options), _DEFAULTS)  # type: ignore[attr-defined] # PEP 362
        return function

    return decorate


def refused_option(options: Mapping[str, object]) -> ConfigError:
    """Return the error of a one-shot call that was given an option which is a watcher's alone."""
    name = next(name for name in options if name in WATCHER_OPTIONS)
    problem = "is an option of PeerWatcher and AsyncPeerWatcher; a single lookup has no schedule"
    return ConfigError(name, options[name], problem)
