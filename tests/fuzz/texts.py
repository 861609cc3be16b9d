"""Targets that read text: names, resolv.conf, options, the environment."""

from __future__ import annotations

import contextlib
import io
import pickle
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import dns.message
import dns.name
import dns.resolver

from peerdisco import ConfigError, DiscoveryConfig, Question
from peerdisco._core import names
from peerdisco._dns import query
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.resolv_conf import ResolvConf
from peerdisco.config import Options
from tests.fuzz.laws import Budget, check_error, within

READING = Budget(calls=3_000, calls_per_byte=12.0, memory=200_000, memory_per_byte=200.0)
CONFIGURING = Budget(calls=6_000, calls_per_byte=40.0, memory=1_000_000, memory_per_byte=500.0)


def text_of(data: bytes) -> str:
    """Return an input as text: UTF-8 as far as it is."""
    return data.decode("utf-8", "surrogateescape")


def _refused(work: Callable[[], Any], key: str = "") -> Any:
    """Return what the work returns, or None where it is refused by an error that can be shown."""
    try:
        return work()
    except ConfigError as error:
        check_error(error, is_named=not key or error.key == key)
        return None


def service_names(data: bytes) -> None:
    """A name is refused, or is one for dnspython too; and its query is as dnspython writes it."""
    text = text_of(data)
    chain = within(READING, data, len(data), lambda: _refused(lambda: names.labels("service", text), "service"))
    _refused(lambda: names.label("namespace", text), "namespace")
    _refused(lambda: names.port_name("port", text), "port")
    if chain is None:
        return
    assert ".".join(chain) == text.lower().removesuffix(".")
    whole = _refused(lambda: names.absolute(text, "default", "cluster.local"), "service")
    if whole is None:
        return
    assert names.absolute(whole) == whole
    assert not names.needs_domain(whole)
    assert not names.leaves_cluster(whole, whole)
    assert query.is_name(whole)
    for rtype in ("A", "AAAA", "SRV", "PTR"):
        for edns in (True, False):
            asked = query.encode(Question(whole, rtype), edns=edns)
            message = dns.message.from_wire(asked)
            assert message.question[0].to_text() == f"{dns.name.from_text(whole)} IN {rtype}"
            assert (message.edns, message.payload) == ((0, query.UDP_PAYLOAD) if edns else (-1, 0))
            assert query.fits(asked, dns.message.make_response(message).to_wire())


def resolv_conf(data: bytes) -> None:
    """Any text is read without an error, as dnspython reads it where both know the syntax."""
    text = text_of(data)
    said = within(READING, data, len(data), lambda: ResolvConf.parse(text))
    assert len(set(said.nameservers)) == len(said.nameservers)
    for server in said.nameservers:
        assert Nameserver.parse(str(server)) == server
    place = names.place_in(said.search)
    for name in filter(None, place):
        assert ".".join(names.labels("search", name)) == name
    if re.fullmatch(r"[\n !-\"$-:<-~]*", text):
        assert list(said.search) == _search_by_dnspython(text)


def _search_by_dnspython(text: str) -> list[str]:
    """Return what `search` and `domain` say; the last of either wins."""
    resolver = dns.resolver.Resolver(configure=False)
    lines = [line.split() for line in text.split("\n")]
    words = [line for line in lines if line and line[0] in ("search", "domain")]
    with contextlib.suppress(dns.exception.DNSException, ValueError):
        resolver.read_resolv_conf(io.StringIO("nameserver 127.0.0.1\n" + text))
    return words[-1][1:] if words else []


NAMES = tuple(DiscoveryConfig.model_fields)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    53,
    65536,
    0.5,
    float("nan"),
    float("inf"),
    (),
    [],
    {},
    b"",
    1e300,
)


def options(data: bytes) -> None:
    """Options of any kind make a config that says them, or a `ConfigError` that names one of them."""
    given: dict[str, Any] = {}
    for line in data.split(b"\n"):
        if len(line) > 1:
            key, kind, text = NAMES[line[0] % len(NAMES)], line[1], text_of(line[2:])
            value: Any = VALUES[kind % 32] if kind % 32 < len(VALUES) else text
            given[key] = text.split("|") if kind % 32 == 31 else value
    service = given.pop("service", "svc")
    config = within(CONFIGURING, data, len(data), lambda: _configured(service, given))
    if config is not None:
        _check(config)
        again = DiscoveryConfig(service, **given)
        assert again == config


def _configured(service: Any, given: Mapping[str, Any]) -> DiscoveryConfig | None:
    try:
        return DiscoveryConfig.of(service, cast("Options", given))
    except ConfigError as error:
        check_error(error, is_named=error.key in NAMES)
        return None


def _check(config: DiscoveryConfig) -> None:
    """A config can be copied and kept, and what is made from it can be made."""
    assert config.with_options({}) == config
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301 - of our own making
    assert (config.own is None) is (config.own_ips is None)
    assert (config.servers is None) is (config.nameservers is None)
    assert config.networks.outside(frozenset()) == frozenset()


def environment(data: bytes) -> None:
    """Variables make the config that the same options make, or a `ConfigError` that names one of them."""
    lines = [line.partition("=") for line in text_of(data).replace("\0", "").split("\n")]
    environ = {f"PEERDISCO_{key}" if prefix else key: value for key, prefix, value in lines if key or prefix}
    config = within(CONFIGURING, data, len(data), lambda: _from(environ))
    if config is not None:
        _check(config)
        values = {key.removeprefix("PEERDISCO_").lower(): value for key, value in environ.items() if value}
        said: dict[str, Any] = {option: values[option] for option in config.model_fields_set}
        assert DiscoveryConfig(said.pop("service"), **said) == config


def _from(environ: Mapping[str, str]) -> DiscoveryConfig | None:
    try:
        return DiscoveryConfig.from_env(environ)
    except ConfigError as error:
        check_error(error, is_named=error.key in environ or error.key == "PEERDISCO_SERVICE")
        return None


TARGETS: dict[str, Callable[[bytes], None]] = {
    "names": service_names,
    "resolv_conf": resolv_conf,
    "options": options,
    "environment": environment,
}
