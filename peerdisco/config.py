"""The options, checked once: `DiscoveryConfig`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from ipaddress import ip_network
from typing import Annotated, Literal, Self, TypedDict, Unpack, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from peerdisco._core import names
from peerdisco._core.addresses import Networks, pack_ip, text_of
from peerdisco._dns.nameserver import Nameserver
from peerdisco.errors import ConfigError

Family = Literal["auto", "ipv4", "ipv6", "both"]
DEFAULT_RESOLV_CONF = "/etc/resolv.conf"
_DAY = 86_400.0
_PREFIX = "PEERDISCO_"
_EVERYWHERE = ("0.0.0.0/0", "::/0")
# What the kubelet sets, with its value, in every Pod of a namespace that has a Service called `peerdisco` or
# `peerdisco-…`.
_SERVICE_LINK = re.compile(
    r"PEERDISCO_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)=.*|PEERDISCO_(\w+_)?PORT=\w+://.*"
)


class Options(TypedDict, total=False):
    """The options of `discover_peers` and the watchers, for type checkers; `DiscoveryConfig` says what each means."""

    namespace: str | None
    cluster_domain: str | None
    port: int | str | None
    hostnames: bool
    family: Family
    own_ips: str | Iterable[str] | None
    nameservers: str | Iterable[str] | None
    resolv_conf: str | os.PathLike[str]
    static_ips: str | Iterable[str] | None
    timeout: float
    refresh: float
    jitter: float
    max_backoff: float
    max_stale: float | None
    removal_confirmations: int
    max_fleet_qps: float
    allowed_networks: str | Iterable[str] | None


def parse_nameservers(value: str | Iterable[str] | Iterable[Nameserver]) -> tuple[Nameserver, ...]:
    """One or several nameservers.

    Raises:
        ConfigError: one is none, or there are none.
    """
    if isinstance(value, tuple) and value and all(isinstance(item, Nameserver) for item in value):
        return value
    try:
        parsed = tuple(map(Nameserver.parse, _items(value)))
    except ValueError as error:
        raise ConfigError("nameservers", value, str(error)) from error
    return parsed


def _items(value: object) -> tuple[str, ...]:
    """Text with commas or blanks between the items, or any iterable of items, as texts."""
    if isinstance(value, str):
        items = tuple(value.replace(",", " ").split())
    elif isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray, Mapping)):
        items = tuple(map(str, value))
    else:
        raise ValueError("must be text, or a list of texts")  # noqa: TRY004 - pydantic collects ValueErrors
    if not items:
        raise ValueError("is empty")
    return items


def _each(check: Callable[[str], str]) -> BeforeValidator:
    return BeforeValidator(lambda value: tuple(map(check, _items(value))))


def _number(value: object) -> object:
    if isinstance(value, (bool, bytes)):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def _checked_service(value: object) -> str:
    names.labels("service", value)
    return str(value)


def _checked_port(value: object) -> object:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() else names.port_name("port", value)
    return _number(value)


def _path(value: object) -> object:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


Seconds = Annotated[float, BeforeValidator(_number), Field(gt=0, le=_DAY, allow_inf_nan=False)]
_PortNumber = Annotated[int, Field(ge=1, le=65535)]


class DiscoveryConfig(BaseModel):
    """Every option of a discovery, checked; frozen, and an unknown key is refused.

    Attributes:
        service: the headless Service: `svc`, `svc.ns`, `svc.ns.svc`, or a full name with or without the final dot.
        namespace: used where `service` names none. Default: `POD_NAMESPACE`, else the service account's file, else
            the search list of resolv.conf.
        cluster_domain: Default: from the search list of resolv.conf, else `cluster.local`.
        port: a number is attached to each Peer; a name (`"http"`) is looked up by SRV (RFC 2782).
        hostnames: also look up every Pod's hostname by SRV, so that `name`, `ordinal` and `fqdn` are set.
        family: `"auto"` is the family of one's own first address (IPv4 where unknown), and the other where that is
            NODATA, so that a dual-stack Pod is one peer; `"ipv4"`, `"ipv6"`; `"both"` lists every address.
        own_ips: one's own addresses. Default: `POD_IPS`/`POD_IP`, else the kernel is asked which listed address is
            local.
        nameservers: `"10.96.0.10"`, `"127.0.0.1:5353"`, `"[::1]:53"`, one or several. Default: from resolv.conf.
        resolv_conf: path of resolv.conf (resolv.conf(5)), read again when it changes.
        static_ips: a fixed list of every replica's address, this one's included, instead of DNS: for running outside a
            cluster. Nothing is asked, so `nameservers` and a named `port` contradict it. `allowed_networks` applies
            only if it is given.
        timeout: seconds for the whole lookup, retries included.
        refresh: seconds between a watcher's lookups.
        jitter: each wait is lengthened or shortened by up to this share of it, at random.
        max_backoff: seconds at most between failed lookups.
        max_stale: seconds after which a list that could not be refreshed is emptied, by the next failed lookup; None
            keeps it.
        removal_confirmations: how many complete answers in a row must lack a Pod before it leaves.
        max_fleet_qps: questions per second that all replicas together may ask: with N peers, `refresh` is at least
            N / `max_fleet_qps`.
        allowed_networks: CIDRs; an address outside is dropped. Default: any unicast address that Kubernetes itself
            allows (no loopback, link-local, multicast or unspecified one).

    Raises:
        ConfigError: an option can't be right; names the option.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    service: Annotated[str, BeforeValidator(_checked_service)]
    namespace: Annotated[str, BeforeValidator(lambda v: names.label("namespace", v))] | None = None
    cluster_domain: Annotated[str, BeforeValidator(lambda v: ".".join(names.labels("cluster_domain", v)))] | None = None
    port: Annotated[_PortNumber | str, BeforeValidator(_checked_port)] | None = None
    hostnames: bool = False
    family: Family = "auto"
    own_ips: Annotated[tuple[str, ...], _each(lambda ip: text_of(pack_ip(ip)))] | None = None
    nameservers: Annotated[tuple[str, ...], _each(lambda text: str(Nameserver.parse(text)))] | None = None
    resolv_conf: Annotated[str, BeforeValidator(_path), Field(min_length=1)] = DEFAULT_RESOLV_CONF
    static_ips: Annotated[tuple[str, ...], _each(lambda ip: text_of(pack_ip(ip)))] | None = None
    timeout: Seconds = 5.0
    refresh: Annotated[Seconds, Field(ge=0.01)] = 5.0
    jitter: Annotated[float, BeforeValidator(_number), Field(ge=0, lt=1, allow_inf_nan=False)] = 0.1
    max_backoff: Seconds = 30.0
    max_stale: Seconds | None = None
    removal_confirmations: Annotated[int, BeforeValidator(_number), Field(ge=1, le=100)] = 2
    max_fleet_qps: Annotated[float, BeforeValidator(_number), Field(gt=0, allow_inf_nan=False)] = 100.0
    allowed_networks: Annotated[tuple[str, ...], _each(lambda cidr: str(ip_network(cidr)))] | None = None

    def __init__(self, service: str, **options: Unpack[Options]) -> None:
        try:
            super().__init__(service=service, **options)
        except ValidationError as error:
            raise _first_error(error) from None
        if self.static_ips is not None:
            self._check_static()

    def _check_static(self) -> None:
        """Refuse options that contradict a fixed list."""
        if self.nameservers is not None:
            problem = "contradicts `nameservers`: with a fixed list, nothing is asked; give one of the two"
        elif isinstance(self.port, str):
            problem = f"contradicts port={self.port!r}: a fixed list has no SRV; give `port` as a number"
        else:
            return
        raise ConfigError("static_ips", self.static_ips, problem)

    @classmethod
    def of(cls, service: str | DiscoveryConfig, options: Options) -> DiscoveryConfig:
        """The config that a call asks for: `options` go over what `service`, if it is a config, already says."""
        if isinstance(service, DiscoveryConfig):
            return service.with_options(options) if options else service
        try:
            return _made(service, **options)  # type: ignore[arg-type] # what can't be hashed is dealt with below
        except TypeError:  # an option that can't be hashed, such as a list
            return cls(service, **options)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The config that the environment asks for: `PEERDISCO_SERVICE`, `PEERDISCO_REFRESH`, and so on by option.

        A list has commas between its items. An empty variable counts as not set.

        Args:
            environ: read instead of the process's own environment.

        Returns:
            The config, checked as any other.

        Raises:
            ConfigError: `PEERDISCO_SERVICE` is missing, a variable's value can't be right, or one of that prefix is
                unknown.
        """
        given = {
            key.removeprefix(_PREFIX).lower(): value
            for key, value in environ.items()
            if key.startswith(_PREFIX) and value and not _SERVICE_LINK.fullmatch(f"{key}={value}")
        }
        try:
            return cls(given.pop("service", ""), **cast("Options", given))
        except ConfigError as error:
            key = _PREFIX + error.key.upper()
            unset = key == "PEERDISCO_SERVICE" and not environ.get(key)
            problem = "is not set; give the headless Service's name" if unset else error.problem
            raise ConfigError(key, environ.get(key, error.value), problem) from None

    def with_options(self, options: Options) -> DiscoveryConfig:
        """A copy in which these options go over what this config says."""
        known = self.model_dump(exclude_unset=True)
        return DiscoveryConfig(known.pop("service"), **(cast("Options", known) | options))

    @property
    def port_number(self) -> int | None:
        """`port`, where it is a number."""
        return self.port if isinstance(self.port, int) else None

    @cached_property
    def own(self) -> tuple[bytes, ...] | None:
        """`own_ips`, packed."""
        return None if self.own_ips is None else tuple(map(pack_ip, self.own_ips))

    @cached_property
    def servers(self) -> tuple[Nameserver, ...] | None:
        """`nameservers`, parsed."""
        return None if self.nameservers is None else tuple(map(Nameserver.parse, self.nameservers))

    @cached_property
    def networks(self) -> Networks:
        """`allowed_networks`, parsed; a fixed list may hold any address where they are not given."""
        is_free = self.static_ips is not None and self.allowed_networks is None
        return Networks(_EVERYWHERE if is_free else self.allowed_networks)


@lru_cache(maxsize=256, typed=True)
def _made(service: str, **options: Unpack[Options]) -> DiscoveryConfig:
    return DiscoveryConfig(service, **options)


def _first_error(error: ValidationError) -> ConfigError:
    found = error.errors(include_url=False)[0]
    key = str(found["loc"][0]) if found["loc"] else "options"
    cause = found.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError):
        return cause
    if found["type"] == "extra_forbidden":
        return ConfigError(key, found["input"], f"no such option; there are {', '.join(DiscoveryConfig.model_fields)}")
    problem = str(cause) if cause else found["msg"]
    return ConfigError(key, found["input"], problem[0].lower() + problem[1:])
