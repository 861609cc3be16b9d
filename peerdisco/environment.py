"""What a process can learn about where it runs: resolv.conf, its namespace, its own addresses.

`HOST_ENVIRONMENT` is where this process runs. A resolver that brings an `environment` of its own (as
`peerdisco.testing.FakeResolver` does) is believed instead, and then nothing of the host is read.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from peerdisco._core import names
from peerdisco._core.addresses import is_loopback, pack_ips
from peerdisco._core.names import ClusterPlace
from peerdisco._dns import resolv_conf
from peerdisco._dns.nameserver import Nameserver
from peerdisco._dns.resolv_conf import ResolvConf
from peerdisco._local import LocalAddresses
from peerdisco.config import DiscoveryConfig
from peerdisco.errors import ConfigError

DEFAULT_DOMAIN = "cluster.local"
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_PROC_NET = Path("/proc/net")
_OFF_CLUSTER = "https://github.com/peerdisco/peerdisco/blob/main/docs/how-to/off-cluster.md"


class Environment(Protocol):
    """Where a lookup is made from."""

    def namespace(self, config: DiscoveryConfig) -> str:
        """Return the namespace of a Service that is named without one."""

    def cluster_domain(self, config: DiscoveryConfig) -> str:
        """Return the cluster's DNS domain."""

    def own_ips(self, config: DiscoveryConfig) -> tuple[bytes, ...] | None:
        """Return this Pod's addresses, packed; None where they are known only once a list is seen."""

    def local_among(self, listed: frozenset[bytes]) -> frozenset[bytes]:
        """Return which of the listed addresses are this host's, where `own_ips` does not say.

        Raises:
            LookupFailed: It can't be found out now.
        """


def namespace_of(config: DiscoveryConfig, environment: Environment) -> str:
    """Return the namespace of a Service that is named without one: an option wins over the environment."""
    return config.namespace or environment.namespace(config)


def cluster_domain_of(config: DiscoveryConfig, environment: Environment) -> str:
    """Return the cluster's DNS domain: an option wins over the environment."""
    return config.cluster_domain or environment.cluster_domain(config)


def own_ips_of(config: DiscoveryConfig, environment: Environment) -> tuple[bytes, ...] | None:
    """Return this Pod's addresses, packed: an option wins over the environment; None where neither says."""
    return environment.own_ips(config) if config.own is None else config.own


class HostEnvironment:
    """The real environment of this process.

    Args:
        environ: environment variables.
        service_account: the file in which the kubelet leaves the Pod's namespace.
        proc_net: the folder in which Linux describes its network.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] = os.environ,
        service_account: Path = _SERVICE_ACCOUNT,
        proc_net: Path = _PROC_NET,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._environ = environ
        self._service_account = service_account
        self._files: dict[str, tuple[resolv_conf.Version, ResolvConf]] = {}
        self._resolv_conf = ""
        self._local = LocalAddresses(proc_net, clock)

    def resolv_conf(self, path: str) -> ResolvConf:
        """Return what the file says, read again only when it has changed.

        Raises:
            ConfigError: It can't be read, or is no resolv.conf.
        """
        try:
            version = resolv_conf.version_of(path)
            kept = self._files.get(path)
            if kept is None or kept[0] != version:
                kept = self._files[path] = resolv_conf.read(path)
        except OSError as error:
            raise ConfigError("resolv_conf", path, f"can't be read: {error.strerror}", "no-nameserver") from error
        return kept[1]

    def fingerprint(self, config: DiscoveryConfig) -> tuple[object, ...]:
        """Return what a Service's name and this Pod's addresses are made from, so that a change is noticed."""
        found: tuple[object, ...] = ()
        if names.needs_domain(config.service) and not (config.namespace and config.cluster_domain):
            path = self._resolv_conf or config.resolv_conf
            try:
                version: object = resolv_conf.version_of(path)
            except (OSError, ConfigError):
                version = None
            found = self._environ.get("POD_NAMESPACE"), path, version
        if config.own_ips is None:
            found += self._environ.get("POD_IPS"), self._environ.get("POD_IP")
        return found

    def reading(self, resolv_conf: str) -> HostEnvironment:
        """Return the same environment with another resolv.conf, whatever the config says."""
        other = copy.copy(self)
        other._resolv_conf = resolv_conf  # noqa: SLF001 - of the same class
        return other

    def nameservers(self, resolv_conf: str) -> tuple[Nameserver, ...]:
        """Return the nameservers of resolv.conf.

        Raises:
            ConfigError: It can't be read, or names no nameserver.
        """
        nameservers = self.resolv_conf(resolv_conf).nameservers
        if not nameservers:
            raise ConfigError("resolv_conf", resolv_conf, "names no nameserver; give `nameservers`", "no-nameserver")
        return nameservers

    def namespace(self, config: DiscoveryConfig) -> str:
        """Return the namespace of a Service that is named without one.

        Raises:
            ConfigError: It can't be determined.
        """
        if given := self._environ.get("POD_NAMESPACE"):
            return names.label("POD_NAMESPACE", given)
        try:
            return names.label(str(self._service_account), self._service_account.read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError):  # no Pod, or automountServiceAccountToken: false
            found = self._place(config).namespace
        if found is None:
            raise ConfigError(
                "namespace",
                None,
                f"this does not look like a Pod: no POD_NAMESPACE, no {self._service_account}, and no search list of a "
                f"Pod in {config.resolv_conf}; give `namespace`, or the Service as `{config.service}.<namespace>`; "
                f"outside a cluster, see {_OFF_CLUSTER}",
                "no-namespace",
            )
        return found

    def cluster_domain(self, config: DiscoveryConfig) -> str:
        """Return the cluster's DNS domain: from the search list, else `cluster.local`."""
        return self._place(config).domain or DEFAULT_DOMAIN

    def own_ips(self, config: DiscoveryConfig) -> tuple[bytes, ...] | None:  # noqa: ARG002 - as in the protocol
        """Return this Pod's addresses as the downward API gave them; None where it did not.

        Raises:
            ConfigError: `POD_IPS` or `POD_IP` holds something else.
        """
        for key in ("POD_IPS", "POD_IP"):
            if given := self._environ.get(key):
                try:
                    return pack_ips(given)
                except ValueError as error:
                    raise ConfigError(key, given, f"must be IP addresses with commas between them: {error}") from error
        return None

    def local_among(self, listed: frozenset[bytes]) -> frozenset[bytes]:
        """Return which of the listed addresses are this host's.

        Raises:
            LookupFailed: No descriptor or memory is left to find out with.
        """
        return self._local.among(listed)

    def _place(self, config: DiscoveryConfig) -> ClusterPlace:
        """Return what the search list says about this Pod.

        Raises:
            ConfigError: resolv.conf can't be read.
        """
        try:
            return names.place_in(self.resolv_conf(self._resolv_conf or config.resolv_conf).search)
        except ConfigError:
            if config.servers is None or "resolv_conf" in config.model_fields_set:
                raise
            return ClusterPlace()  # the nameservers are given, so the host may do without the file


HOST_ENVIRONMENT = HostEnvironment()


class StaticEnvironment:
    """The environment of a process outside a cluster, or of a test.

    Args:
        own_ips: this process's addresses, packed; None to take `POD_IPS` or `POD_IP`, else those listed addresses that
            an interface of this host other than loopback has.
        namespace: of a Service that is named without one.
        cluster_domain: the DNS domain to make names with.
    """

    def __init__(
        self,
        own_ips: tuple[bytes, ...] | None = None,
        *,
        namespace: str = "default",
        cluster_domain: str = DEFAULT_DOMAIN,
    ) -> None:
        self._own_ips = own_ips
        self._namespace = namespace
        self._cluster_domain = cluster_domain

    def namespace(self, config: DiscoveryConfig) -> str:  # noqa: ARG002 - as in the protocol
        """Return this object's namespace."""
        return self._namespace

    def cluster_domain(self, config: DiscoveryConfig) -> str:  # noqa: ARG002 - as in the protocol
        """Return this object's cluster domain."""
        return self._cluster_domain

    def own_ips(self, config: DiscoveryConfig) -> tuple[bytes, ...] | None:
        """Return this object's addresses, else those that environment variables give."""
        return HOST_ENVIRONMENT.own_ips(config) if self._own_ips is None else self._own_ips

    def local_among(self, listed: frozenset[bytes]) -> frozenset[bytes]:
        """Return which of the listed addresses are this host's; none where this object was given some.

        Many processes of a laptop share its loopback addresses, so that those are nobody's own.
        """
        if self._own_ips is not None:
            return frozenset()
        return HOST_ENVIRONMENT.local_among(frozenset(ip for ip in listed if not is_loopback(ip)))
