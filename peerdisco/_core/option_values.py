"""What an option may be given as, and the one form in which it is kept.

Laws of this module:

- A value that can't be kept is a ValueError that says why.
- Only what is a value for good counts as one: a generator or `dict.values()` is read once, and an object of any other
  kind may say something else next time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path, PurePath
from typing import Any

from peerdisco._core import names
from peerdisco._dns.nameserver import Nameserver

_VALUES = frozenset({str, int, float, bool, type(None), type(Path()), type(PurePath())})
_LISTS = frozenset({list, tuple, set, frozenset})
_ITEMS = frozenset({str, Nameserver, IPv4Address, IPv4Network, IPv6Address, IPv6Network})


def items_of(value: object, *, may_be_empty: bool = False) -> tuple[str, ...]:
    """Return the items of a text, which has commas or blanks between them, or of any iterable.

    Raises:
        ValueError: It is neither, or has none; an iterable may have none if `may_be_empty`.
    """
    if isinstance(value, str):
        items = tuple(value.replace(",", " ").split())
    elif isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray, Mapping)):
        items = tuple(map(str, value))
        if not items and may_be_empty:
            return items
    else:
        raise ValueError("must be text, or a list of texts")  # noqa: TRY004 - pydantic collects ValueErrors
    if not items:
        raise ValueError("is empty")
    return items


def network(text: str) -> str:
    """Return a CIDR.

    Raises:
        ValueError: The text is no IP address, or one that is bound to an interface.
    """
    if "%" in text:  # first, since `ip_network` may raise with an interface's name as it is, printable or not
        raise ValueError(f"{text!r} is bound to an interface, so no other host can mean it")
    return str(ip_network(text))


def number(value: object) -> object:
    """Return what may be a number.

    Raises:
        ValueError: It is True, False or bytes, which pydantic would take for one.
    """
    if isinstance(value, (bool, bytes)):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def service(value: object) -> str:
    """Return a Service's name.

    Raises:
        ConfigError: The value is invalid.
    """
    names.labels("service", value)
    return str(value)


def port(value: object) -> object:
    """Return a port's name, or what may be its number.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() else names.port_name("port", value)
    return number(value)


def path(value: object) -> object:
    """Return a path as text; anything else as it is."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def as_values(options: Mapping[str, object]) -> Mapping[str, Any] | None:
    """Return options that can be compared with those of another call, lists as tuples; None where one is no value."""
    values: dict[str, object] | None = None
    for key, value in options.items():
        kind: type = type(value)
        if kind in _VALUES:
            continue
        if kind not in _LISTS:
            return None
        given: Any = value
        items = tuple(given)
        for item in items:
            if type(item) not in _ITEMS:
                return None
        if values is None:
            values = dict(options)
        values[key] = items
    return options if values is None else values
