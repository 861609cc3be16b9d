"""The options, checked once: `DiscoveryConfig`.

Laws of this module:

- Bad input is a ConfigError that names the option as it was given: keyword or variable.
- A config is kept for the next call only where everything that it was made from is a value, so that it can't change.
- An error keeps nothing alive but the value that was refused: pydantic's own error, which holds it, is let go.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, Self, TypedDict, Unpack, cast, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from peerdisco._core import names, option_values
from peerdisco._core.addresses import Networks, pack_ip, text_of
from peerdisco._core.signatures import signature_with
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


class LookupOptions(TypedDict, total=False):
    """The options of `discover_peers`, for type checkers; `DiscoveryConfig` says what each means."""

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
    allowed_networks: str | Iterable[str] | None


class Options(LookupOptions, total=False):
    """The options of the watchers and of a config, for type checkers."""

    refresh: float
    jitter: float
    max_backoff: float
    max_stale: float | None
    removal_confirmations: int
    max_fleet_qps: float


def parse_nameservers(value: str | Iterable[str] | Iterable[Nameserver]) -> tuple[Nameserver, ...]:
    """Return one or several nameservers.

    Raises:
        ConfigError: One of them is no nameserver, or there is none.
    """
    if isinstance(value, tuple) and value and all(isinstance(item, Nameserver) for item in value):
        return value
    try:
        parsed = tuple(map(Nameserver.parse, option_values.items_of(value)))
    except ValueError as error:
        raise ConfigError("nameservers", value, str(error)) from error
    return parsed


def _each(check: Callable[[str], str], *, may_be_empty: bool = False) -> BeforeValidator:
    return BeforeValidator(lambda value: tuple(map(check, option_values.items_of(value, may_be_empty=may_be_empty))))


Seconds = Annotated[float, BeforeValidator(option_values.number), Field(gt=0, le=_DAY, allow_inf_nan=False)]
_PortNumber = Annotated[int, Field(ge=1, le=65535)]


class DiscoveryConfig(BaseModel):
    """Every option of a discovery, checked; frozen, and unknown keys are refused.

    Attributes:
        service: the headless Service: `svc`, `svc.ns`, `svc.ns.svc`, or a full name with or without the final dot.
        namespace: used where `service` names none. Default: `POD_NAMESPACE`, else the service account's file, else
            the search list of resolv.conf.
        cluster_domain: Default: from the search list of resolv.conf, else `cluster.local`.
        port: a number is attached to each Peer; a name (`"http"`) is looked up by SRV (RFC 2782).
        hostnames: also look up every Pod's hostname by SRV, so that `name`, `ordinal` and `fqdn` are set.
        family: `"auto"` is the family of this Pod's first address (IPv4 where unknown), and the other where that is
            NODATA, so that a dual-stack Pod is one peer; `"ipv4"`, `"ipv6"`; `"both"` lists every address.
        own_ips: this Pod's addresses; `()` treats no listed address as this Pod's. Default: `POD_IPS`/`POD_IP`, else
            the kernel is asked which listed address is local.
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
        allowed_networks: CIDRs; an address outside is dropped. Default: any unicast address that Kubernetes allows to
            an endpoint, so no loopback, link-local, multicast or unspecified one. That keeps out 169.254.169.254,
            where clouds serve a machine's credentials. What Kubernetes does not check is dropped as well: the IPv6
            forms of such addresses (IPv4-mapped, NAT64's well-known prefixes, 6to4: `64:ff9b::a9fe:a9fe`,
            `2002:a9fe:a9fe::1`), and the metadata addresses of AWS (`fd00:ec2::254`) and Google Cloud
            (`fd20:ce::254`). Those of other clouds are ordinary unicast addresses, and only this option keeps them
            out.

    Raises:
        ConfigError: An option is invalid; the message names it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    service: Annotated[str, BeforeValidator(option_values.service)]
    namespace: Annotated[str, BeforeValidator(lambda v: names.label("namespace", v))] | None = None
    cluster_domain: Annotated[str, BeforeValidator(lambda v: ".".join(names.labels("cluster_domain", v)))] | None = None
    port: Annotated[_PortNumber | str, BeforeValidator(option_values.port)] | None = None
    hostnames: bool = False
    family: Family = "auto"
    own_ips: Annotated[tuple[str, ...], _each(lambda ip: text_of(pack_ip(ip)), may_be_empty=True)] | None = None
    nameservers: Annotated[tuple[str, ...], _each(lambda text: str(Nameserver.parse(text)))] | None = None
    resolv_conf: Annotated[str, BeforeValidator(option_values.path), Field(min_length=1)] = DEFAULT_RESOLV_CONF
    static_ips: Annotated[tuple[str, ...], _each(lambda ip: text_of(pack_ip(ip)))] | None = None
    timeout: Seconds = 5.0
    refresh: Annotated[Seconds, Field(ge=0.01)] = 5.0
    jitter: Annotated[float, BeforeValidator(option_values.number), Field(ge=0, lt=1, allow_inf_nan=False)] = 0.1
    max_backoff: Seconds = 30.0
    max_stale: Seconds | None = None
    removal_confirmations: Annotated[int, BeforeValidator(option_values.number), Field(ge=1, le=100)] = 2
    max_fleet_qps: Annotated[float, BeforeValidator(option_values.number), Field(gt=0, allow_inf_nan=False)] = 100.0
    allowed_networks: Annotated[tuple[str, ...], _each(option_values.network)] | None = None

    def __init__(self, /, service: str, **options: Unpack[Options]) -> None:
        refused = None
        try:
            super().__init__(service=service, **options)
        except ValidationError as error:
            refused = _first_error(error)
        if refused is not None:  # not in the handler: an error holds what was being handled when it was raised
            try:
                raise refused
            finally:
                del refused  # it holds this frame
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
    def of(cls, service: "str | DiscoveryConfig", options: Options) -> "DiscoveryConfig":
        """Return the config that a call asks for: `options` go over what `service`, if it is a config, already says.

        Raises:
            ConfigError: An option is invalid.
        """
        if not options and isinstance(service, DiscoveryConfig):
            return service
        values = option_values.as_values(options) if type(service) in (str, DiscoveryConfig) else None
        if values is not None:
            try:
                return _kept(service, **values)
            except ConfigError:
                pass  # it is raised below, with the values as they were given
        return _made(service, options)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Return the config that the environment asks for: `PEERDISCO_SERVICE`, `PEERDISCO_REFRESH`, one per option.

        A list has commas between its items. An empty variable counts as not set.

        Args:
            environ: read instead of the process's own environment.

        Returns:
            The config, checked as any other.

        Raises:
            ConfigError: `PEERDISCO_SERVICE` is missing, a variable's value is invalid, or one of that prefix is
                unknown.
        """
        variables = {
            key.removeprefix(_PREFIX).lower(): key
            for key, value in environ.items()
            if key.startswith(_PREFIX) and value and not _SERVICE_LINK.fullmatch(f"{key}={value}")
        }
        for option, key in variables.items():
            if option not in cls.model_fields:
                raise ConfigError(key, environ[key], _no_such_option())
        given = {option: environ[key] for option, key in variables.items()}
        if "service" not in given:
            raise ConfigError("PEERDISCO_SERVICE", "", "is not set; give the headless Service's name")
        refused = None
        try:
            return cls(given.pop("service"), **cast("Options", given))
        except ConfigError as error:
            key = variables.get(error.key, error.key)
            refused = ConfigError(key, environ.get(key, error.value), error.problem, error.code)
        try:
            raise refused
        finally:
            del refused  # it holds this frame

    def with_options(self, options: Options) -> "DiscoveryConfig":
        """Return a copy in which these options go over what this config says.

        Raises:
            ConfigError: An option is invalid.
        """
        known = self.model_dump(exclude_unset=True)
        return DiscoveryConfig(known.pop("service"), **(cast("Options", known) | options))

    @property
    def port_number(self) -> int | None:
        """Return `port`, where it is a number."""
        return self.port if isinstance(self.port, int) else None

    @cached_property
    def own(self) -> tuple[bytes, ...] | None:
        """Return `own_ips`, packed."""
        return None if self.own_ips is None else tuple(map(pack_ip, self.own_ips))

    @cached_property
    def servers(self) -> tuple[Nameserver, ...] | None:
        """Return `nameservers`, parsed."""
        return None if self.nameservers is None else tuple(map(Nameserver.parse, self.nameservers))

    @cached_property
    def networks(self) -> Networks:
        """`allowed_networks`, parsed; a fixed list may hold any address where they are not given."""
        is_free = self.static_ips is not None and self.allowed_networks is None
        return Networks(_EVERYWHERE if is_free else self.allowed_networks)


def _shown_signature() -> Any:
    """Return what `DiscoveryConfig` takes; pydantic would show how each option is validated instead."""
    defaults = {name: field.default for name, field in DiscoveryConfig.model_fields.items()}
    whole = signature_with(DiscoveryConfig.__init__, get_type_hints(Options), defaults)
    return whole.replace(parameters=list(whole.parameters.values())[1:], return_annotation=DiscoveryConfig)


DiscoveryConfig.__signature__ = _shown_signature()


def _made(service: str | DiscoveryConfig, options: Options) -> DiscoveryConfig:
    if isinstance(service, DiscoveryConfig):
        return service.with_options(options)
    return DiscoveryConfig(service, **options)


@lru_cache(maxsize=256, typed=True)
def _kept(service: str | DiscoveryConfig, /, **options: Unpack[Options]) -> DiscoveryConfig:
    return _made(service, options)


def _no_such_option() -> str:
    return f"no such option; there are {', '.join(DiscoveryConfig.model_fields)}"


def _first_error(error: ValidationError) -> ConfigError:
    """Return what pydantic found first, as an error that holds nothing of pydantic's."""
    found = error.errors(include_url=False)[0]
    key = str(found["loc"][0]) if found["loc"] else "options"
    cause = found.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError):
        return ConfigError(cause.key, cause.value, cause.problem, cause.code)
    if found["type"] == "extra_forbidden":
        return ConfigError(key, found["input"], _no_such_option())
    problem = str(cause) if cause else found["msg"]
    return ConfigError(key, found["input"], problem[0].lower() + problem[1:])
