"""Reads where a check-up is made from: environment variables, resolv.conf, /etc/hosts.

What a lookup would use comes from the same `HostEnvironment` as a lookup's. Here is only added who says so, and what
the host tells besides. What can't be read is part of the result, never an exception.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from peerdisco._core import names
from peerdisco._core.addresses import pack_ip, text_of
from peerdisco._dns.nameserver import Nameserver
from peerdisco.cli._doctor_observations import Fact, HostsFile, Place
from peerdisco.config import DiscoveryConfig
from peerdisco.environment import HOST_ENVIRONMENT, HostEnvironment, cluster_domain_of, namespace_of, own_ips_of
from peerdisco.errors import ConfigError

_HOSTS = Path("/etc/hosts")
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
# How the kubelet begins the file, for a Pod with a network of its own and for one on its node's.
_MANAGED: dict[str, HostsFile] = {
    "# Kubernetes-managed hosts file.": "pod",
    "# Kubernetes-managed hosts file (host network).": "node",
}
_Found = TypeVar("_Found")


def look_around(
    config: DiscoveryConfig,
    *,
    environment: HostEnvironment = HOST_ENVIRONMENT,
    environ: Mapping[str, str] = os.environ,
    hosts: Path = _HOSTS,
    hostname: str = "",
    given: Collection[str] = DiscoveryConfig.model_fields,
) -> Place:
    """Return where a lookup with these options is made from.

    Args:
        config: the options.
        environment: what a lookup would take from this host.
        environ: environment variables.
        hosts: the path of the hosts file (hosts(5)).
        hostname: this Pod's name; default: the kernel's.
        given: the options that were given as such; the others come from variables.
    """
    reading = _Reading()
    managed, own_hosts = _hosts_file(hosts, hostname or socket.gethostname())
    resolv_conf = reading.value(lambda: environment.resolv_conf(config.resolv_conf))
    servers: tuple[Nameserver, ...]
    if config.servers is None:
        servers = reading.value(lambda: environment.nameservers(config.resolv_conf)) or ()
    else:  # then a lookup does without the file
        servers, reading.problems = config.servers, {}
    domain = ""
    if names.needs_domain(config.service):
        domain = reading.value(lambda: cluster_domain_of(config, environment)) or ""
    search = tuple(entry.lower().strip(".") for entry in resolv_conf.search) if resolv_conf else ()
    service, namespace = "", Fact()
    if names.needs_namespace(config.service):
        value = reading.value(lambda: namespace_of(config, environment))
        namespace = Fact(value, _namespace_source(config, environ, given)) if value else Fact()
    has_namespace = namespace.value or not names.needs_namespace(config.service)
    if has_namespace and (domain or not names.needs_domain(config.service)):
        service = reading.value(lambda: names.absolute(config.service, namespace.value, domain)) or ""
    if names.is_service(service):
        namespace = namespace if namespace.value else Fact(service.split(".")[1], "the Service's name")
        domain = ".".join(service.removesuffix(".").split(".")[3:])
    known = reading.value(lambda: own_ips_of(config, environment))
    own = own_hosts if known is None else known
    return Place(
        service=service,
        kubernetes=environ.get("KUBERNETES_SERVICE_HOST", ""),
        hosts_file=managed,
        resolv_conf=config.resolv_conf,
        search=search,
        servers=servers,
        servers_from=config.resolv_conf if config.servers is None else _option("nameservers", given),
        namespace=namespace,
        domain=Fact(domain, _domain_source(config, domain, search, given)) if domain else Fact(),
        own=Fact(" ".join(map(text_of, own)), _own_source(config, environ, given) if known else str(hosts))
        if own
        else Fact(),
        own_packed=own,
        static_ips=config.static_ips or (),
        problems=tuple(reading.problems.values()),
    )


class _Reading:
    """Collects what is wrong with this host's files and variables, each thing once."""

    def __init__(self) -> None:
        self.problems: dict[str, ConfigError] = {}

    def value(self, read: Callable[[], _Found]) -> _Found | None:
        """Return what is read; None where it can't be."""
        try:
            return read()
        except ConfigError as error:
            self.problems.setdefault(error.key, error)
            return None


def _option(name: str, given: Collection[str]) -> str:
    """Return what to call an option: by its name where it was given as such, else by its variable."""
    return f"the option `{name}`" if name in given else f"PEERDISCO_{name.upper()}"


def _namespace_source(config: DiscoveryConfig, environ: Mapping[str, str], given: Collection[str]) -> str:
    if config.namespace:
        return _option("namespace", given)
    if environ.get("POD_NAMESPACE"):
        return "POD_NAMESPACE"
    return "the service account" if _SERVICE_ACCOUNT.exists() else "the search list"


def _domain_source(config: DiscoveryConfig, domain: str, search: tuple[str, ...], given: Collection[str]) -> str:
    if not names.needs_domain(config.service):
        return "the Service's name"
    if config.cluster_domain:
        return _option("cluster_domain", given)
    return "the search list" if f"svc.{domain}" in search else "default"


def _own_source(config: DiscoveryConfig, environ: Mapping[str, str], given: Collection[str]) -> str:
    if config.own_ips is not None:
        return _option("own_ips", given)
    return "POD_IPS" if environ.get("POD_IPS") else "POD_IP"


def _hosts_file(path: Path, hostname: str) -> tuple[HostsFile, tuple[bytes, ...]]:
    """Return who wrote the file, and this Pod's addresses where the kubelet did."""
    try:
        first, *rest = path.read_text("utf-8").splitlines() or [""]
    except (OSError, UnicodeDecodeError):
        return "none", ()
    managed = _MANAGED.get(first.strip(), "none")
    return managed, tuple(_addresses_of(hostname, rest)) if managed == "pod" else ()


def _addresses_of(hostname: str, lines: list[str]) -> Iterator[bytes]:
    for line in lines:
        words = line.partition("#")[0].split()
        if hostname in words[1:]:
            try:
                yield pack_ip(words[0])
            except ValueError:
                continue
