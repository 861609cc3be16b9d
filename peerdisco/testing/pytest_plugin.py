"""What the pytest plugin's fixtures give a test, as its markers say. pytest itself loads `peerdisco._pytest_plugin`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, cast

import pytest

from peerdisco.resolvers import DnsResolver, default_resolver
from peerdisco.testing._coredns.services import Pod
from peerdisco.testing._declared import Place
from peerdisco.testing.clock import FakeClock
from peerdisco.testing.cluster import LocalCluster
from peerdisco.testing.fake import FakeResolver, Missing, UndeclaredService


@dataclass(frozen=True, slots=True)
class Declaration:
    """The arguments of `@pytest.mark.peerdisco(services, *, own=…, …)`.

    Attributes:
        services: the Pods behind each Service: as for `FakeResolver`, or for `LocalCluster.headless`.
        own: the addresses of this Pod.
        namespace: of Services that are named without one.
        cluster_domain: the cluster's DNS domain.
        missing: as for `FakeResolver`; a cluster always answers as DNS does.
    """

    services: Mapping[str, Any] = field(default_factory=dict)
    own: str | Iterable[str] = ()
    namespace: str = "default"
    cluster_domain: str = "cluster.local"
    missing: Missing = "error"

    @classmethod
    def of(cls, node: pytest.Item) -> Declaration:
        """Return what all markers of a test say together: the nearer one wins, Service by Service.

        Raises:
            ValueError: a marker has an argument that it should not have.
        """
        services: dict[str, Any] = {}
        options: dict[str, Any] = {}
        for marker in reversed(list(node.iter_markers("peerdisco"))):
            services |= _services_of(marker)
            options |= {key: value for key, value in marker.kwargs.items() if key != "services"}
        return cls(services, **options)


@contextmanager
def fake_for(node: pytest.Item) -> Iterator[FakeResolver]:
    """The fake of a test, as the default resolver."""
    with _as_failure():
        declared = Declaration.of(node)
        fake = FakeResolver(
            declared.services,
            own=declared.own,
            namespace=declared.namespace,
            cluster_domain=declared.cluster_domain,
            missing=declared.missing,
            clock=FakeClock(),
        )
    with fake:
        yield fake


def forget(fake: FakeResolver, error: BaseException) -> None:
    """Take from what a fake raises at its end the Services that an error has named already."""
    if isinstance(error, UndeclaredService):
        fake.undeclared[:] = (service for service in fake.undeclared if service not in error.services)


@contextmanager
def cluster_for(node: pytest.Item) -> Iterator[LocalCluster]:
    """The cluster of a test, started, and its nameserver as the default."""
    with _as_failure():
        declared = Declaration.of(node)
        place = Place.of(declared.own, declared.namespace, declared.cluster_domain)
        cluster = LocalCluster(namespace=place.namespace, cluster_domain=place.cluster_domain)
        for service, pods in declared.services.items():
            _declare(cluster, place, service, pods)
    with cluster, DnsResolver(cluster.nameserver) as resolver:
        resolver.environment = place.environment
        setting = default_resolver.set(resolver)
        try:
            yield cluster
        finally:
            default_resolver.reset(setting)


@contextmanager
def _as_failure() -> Iterator[None]:
    """Show what is wrong with a marker without our own traceback."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise pytest.fail.Exception(f"@pytest.mark.peerdisco: {error}", pytrace=False) from None


def _services_of(marker: pytest.Mark) -> Mapping[str, Any]:
    known = [one.name for one in fields(Declaration)]
    for key in marker.kwargs:
        if key not in known:
            raise ValueError(f"unknown argument {key!r}; there are {', '.join(known)}")
    given = [*marker.args, *(value for key, value in marker.kwargs.items() if key == "services")]
    if len(given) > 1:
        raise ValueError(f"takes the Services as one mapping, and the rest by keyword, not {len(given)} arguments")
    services = given[0] if given else {}
    if not isinstance(services, Mapping):
        raise ValueError(f"services={services!r}: must map each Service to its Pods")  # noqa: TRY004 - one kind of error
    return cast("Mapping[str, Any]", services)


def _declare(cluster: LocalCluster, place: Place, service: str, pods: Iterable[str | Pod]) -> None:
    path = place.absolute(service).removesuffix(f".svc.{place.cluster_domain}.").split(".")
    if len(path) != 2:
        raise ValueError(f"services: {service!r} is not a Service of the cluster domain {place.cluster_domain}")
    cluster.headless(path[0], pods, namespace=path[1])
