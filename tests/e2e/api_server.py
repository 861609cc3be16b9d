"""A stub of the Kubernetes API server, in which a test declares Services while CoreDNS watches."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self

from tests.e2e.object_server import ObjectServer
from tests.e2e.objects import (
    Endpoint,
    Json,
    PodLike,
    endpoint_json,
    endpoints_of,
    ports_json,
    slices_of,
)

__all__ = ["ApiServer", "Endpoint", "PodLike"]

SERVICE = "kubernetes.io/service-name"
IMPORTED = "multicluster.kubernetes.io/service-name"
SOURCE = "multicluster.kubernetes.io/source-cluster"


class ApiServer:
    """Serves the objects declared, on a free port of 127.0.0.1; a context manager."""

    def __init__(self) -> None:
        self._server = ObjectServer()
        self.url = self._server.url
        self.namespace("default")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every watch and stop serving."""
        self._server.close()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Answer nothing and stream nothing inside this block, as in a partition."""
        self._server.pause(True)
        try:
            yield
        finally:
            self._server.pause(False)

    def namespace(self, name: str) -> None:
        """Declare a Namespace; declaring a Service in one does so too."""
        if ("Namespace", "", name) not in self._server:
            self._server.put("Namespace", "", name)

    def headless(
        self,
        name: str,
        pods: Iterable[str | PodLike] = (),
        *,
        namespace: str | None = None,
        ports: Mapping[str, int] | None = None,
        publish_not_ready_addresses: bool = False,
    ) -> None:
        """Declare a headless Service, or declare it again with other Pods."""
        spec = {
            "clusterIP": "None",
            "clusterIPs": ["None"],
            "publishNotReadyAddresses": publish_not_ready_addresses,
        }
        endpoints = endpoints_of(pods, publish_not_ready_addresses)
        self._service(name, namespace, spec, ports or {}, endpoints)

    def cluster_ip(
        self,
        name: str,
        ips: str | Iterable[str],
        *,
        namespace: str | None = None,
        ports: Mapping[str, int] | None = None,
        pods: Iterable[str | PodLike] = (),
    ) -> None:
        """Declare an ordinary Service: one virtual IP per family, with or without Pods.

        Without `ports` it has port 80, unnamed, as Kubernetes wants one.
        """
        ips = [ips] if isinstance(ips, str) else list(ips)
        spec = {"clusterIP": ips[0], "clusterIPs": ips}
        ports = {"": 80} if ports is None else ports
        self._service(name, namespace, spec, ports, endpoints_of(pods))

    def external_name(self, name: str, target: str, *, namespace: str | None = None) -> None:
        """Declare a Service that is an alias of `target`."""
        spec = {"type": "ExternalName", "externalName": target}
        self._service(name, namespace, spec, {}, [])

    def service_import(
        self,
        name: str,
        pods: Mapping[str, Iterable[str | PodLike]],
        *,
        ips: Sequence[str] = (),
        ports: Mapping[str, int] | None = None,
    ) -> None:
        """Declare a Service of other clusters, with its Pods by cluster; it is headless unless it has `ips` itself.

        See https://multicluster.sigs.k8s.io/concepts/multicluster-services-api/.
        """
        spec = {"type": "ClusterSetIP" if ips else "Headless", "ips": list(ips), "ports": ports_json(ports or {})}
        self._server.put("ServiceImport", "default", name, spec=spec)
        for cluster, members in pods.items():
            for family, n, chunk in slices_of(endpoints_of(members)):
                labels = {IMPORTED: name, SOURCE: cluster}
                self._put_slice(f"{name}-{cluster}-{family.lower()}-{n}", "default", labels, family, chunk, ports or {})

    def endpoint_slice(
        self,
        service: str,
        pods: Iterable[str | PodLike],
        *,
        name: str,
        namespace: str = "default",
        ports: Mapping[str, int] | None = None,
    ) -> None:
        """Declare one IPv4 slice by hand, until its Service is declared again."""
        self._put_slice(name, namespace, {SERVICE: service}, "IPv4", endpoints_of(pods), ports or {})

    def pod(self, name: str, ip: str, *, namespace: str = "default") -> None:
        """Declare a Pod, as `pods verified` and `autopath` read it."""
        self.namespace(namespace)
        self._server.put("Pod", namespace, name, status={"podIPs": [{"ip": ip}], "phase": "Running"})

    def delete(self, name: str, *, namespace: str | None = None) -> None:
        """Delete a Service and its slices."""
        self._server.drop("Service", namespace or "default", name)
        for stale in self._slices_of(name, namespace or "default"):
            self._server.drop("EndpointSlice", namespace or "default", stale)

    def _service(
        self,
        name: str,
        namespace: str | None,
        spec: Json,
        ports: Mapping[str, int],
        endpoints: Sequence[Endpoint],
    ) -> None:
        namespace = namespace or "default"
        self.namespace(namespace)
        spec = {"type": "ClusterIP", "ports": ports_json(ports), **spec}
        self._server.put("Service", namespace, name, spec=spec)
        stale = self._slices_of(name, namespace)
        for family, n, chunk in slices_of(endpoints):
            slice_name = f"{name}-{family.lower()}-{n}"
            self._put_slice(slice_name, namespace, {SERVICE: name}, family, chunk, ports)
            stale.discard(slice_name)
        for slice_name in stale:
            self._server.drop("EndpointSlice", namespace, slice_name)

    def _put_slice(
        self,
        name: str,
        namespace: str,
        labels: dict[str, str],
        family: str,
        endpoints: Sequence[Endpoint],
        ports: Mapping[str, int],
    ) -> None:
        self._server.put(
            "EndpointSlice",
            namespace,
            name,
            labels=labels,
            addressType=family,
            endpoints=[endpoint_json(endpoint) for endpoint in endpoints],
            ports=ports_json(ports),
        )

    def _slices_of(self, service: str, namespace: str) -> set[str]:
        known = self._server.items("EndpointSlice", namespace).items()
        return {name for name, item in known if item["metadata"]["labels"].get(SERVICE) == service}
