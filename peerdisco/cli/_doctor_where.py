"""Concludes where the check-up is made from: the group *where am I*. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from peerdisco._core import names
from peerdisco._core.addresses import text_of
from peerdisco._core.listing import Listing, address_of
from peerdisco.answers import Answer, Outcome, Question
from peerdisco.cli._doctor_observations import Observations, Place, api_question, namespace_question
from peerdisco.cli._doctor_report import Check, fail, ok, warn
from peerdisco.errors import ConfigError

_DNS_POLICY = (
    "A Pod on its node's network gets the node's resolv.conf: set `dnsPolicy: ClusterFirstWithHostNet`; any other Pod "
    "gets the cluster's with `dnsPolicy: ClusterFirst`."
)


def where_am_i(seen: Observations) -> Iterator[Check]:
    """Return the checks of the group, in order."""
    place = seen.place
    yield _pod(place)
    if place.static_ips:
        yield warn(
            "static-ips",
            f"PEERDISCO_STATIC_IPS is set: applications that read it never ask DNS, and have {len(place.static_ips)} "
            "addresses, whoever is there",
            "Unset it inside a cluster.",
        )
    yield from _resolv_conf(place)
    yield from (problem_check(problem) for problem in place.problems)
    if place.namespace.value:
        yield _namespace(place)
    if place.domain.value:
        yield _domain(seen)
    yield _own(seen)


def _pod(place: Place) -> Check:
    if not place.in_pod:
        return warn(
            "not-in-a-pod",
            "this is no Pod: KUBERNETES_SERVICE_HOST is not set",
            "Run the doctor in a Pod of the Service: `kubectl exec POD -- peerdisco doctor NAME`.",
        )
    network = " on its node's network (hostNetwork)" if place.hosts_file == "node" else ""
    api = f"; the API server is {place.kubernetes}" if place.kubernetes else ""
    return ok("pod", f"this is a Pod{network}{api}")


def _resolv_conf(place: Place) -> Iterator[Check]:
    if any(problem.code == "no-nameserver" for problem in place.problems):
        return
    servers = ", ".join(map(str, place.servers))
    search = " ".join(place.search)
    described = f"nameservers from {place.servers_from}: {servers}; search list: {search or 'empty'}"
    if place.has_cluster_search or place.servers_from != place.resolv_conf:
        yield ok("resolv-conf", described)
    elif place.hosts_file == "node":
        yield warn("host-network", f"{described}, which is the node's, not the cluster's", _DNS_POLICY)
    elif place.in_pod:
        yield warn("no-cluster-search", f"{described}, without the cluster's `svc` domain", _DNS_POLICY)
    else:
        yield ok("resolv-conf", described)


def problem_check(problem: ConfigError) -> Check:
    """Return the check of something that keeps a lookup from being made."""
    cures = {
        "no-namespace": "Give NAME as `svc.namespace`, or set POD_NAMESPACE by the downward API.",
        "no-nameserver": "Give --nameserver, or look at the Pod's dnsPolicy and dnsConfig.",
        "bad-option": "Correct it: until then, no lookup is made.",
    }
    return fail(problem.code, str(problem), cures[problem.code])


def _namespace(place: Place) -> Check:
    value, source = place.namespace
    described = f"namespace {value}, from {source}"
    others = [
        entry.partition(".")[0] for entry in place.search if entry.partition(".")[2] == f"svc.{place.domain.value}"
    ]
    if source in ("POD_NAMESPACE", "the service account") and others and value not in others:
        return warn(
            "namespace-differs",
            f"{described}; but the search list is that of a Pod in {others[0]}",
            "Set POD_NAMESPACE by the downward API (`fieldPath: metadata.namespace`), never by hand.",
        )
    return ok("namespace", described)


def _domain(seen: Observations) -> Check:
    value, source = seen.place.domain
    described = f"cluster domain {value}, from {source}"
    schema = seen.schema
    if schema is None:
        return ok("cluster-domain", f"{described}; not confirmed, since no nameserver replied")
    if schema.lost is None and schema.rcode == "NOERROR" and schema.records:
        version = schema.records[0].strip('"')
        return ok("cluster-domain", f"{described}; confirmed by dns-version.{value} ({version})")
    api = api_question(value)
    if _has_addresses(seen, api):
        return ok("cluster-domain", f"{described}; confirmed by {api.name}")
    said = schema.lost.detail if schema.lost else f"answered {_rcode(schema.rcode)}"
    described += f"; not confirmed: asked for dns-version.{value}, {seen.asked} {said}"
    if schema.is_answer and names.is_service(seen.place.service) and not _is_served(seen):
        return fail(
            "wrong-cluster-domain",
            described,
            "This nameserver serves no such cluster. Is the domain another one (--cluster-domain), or is the "
            f"nameserver not the cluster's? {_DNS_POLICY}",
        )
    # Not every server of a cluster says which schema it follows.
    return ok("cluster-domain", described)


def _rcode(rcode: str) -> str:
    return "NODATA" if rcode == "NOERROR" else rcode


def _is_served(seen: Observations) -> bool:
    """Return whether DNS knows a name of the cluster domain after all: the Service, or its namespace."""
    namespace = seen.said.get(namespace_question(seen.place.service))
    if isinstance(namespace, Answer) and namespace.outcome is not Outcome.NXDOMAIN:
        return True
    return not isinstance(seen.verdict, Listing) or seen.verdict.outcome is not Outcome.NXDOMAIN


def _has_addresses(seen: Observations, question: Question) -> bool:
    said = seen.said.get(question)
    return isinstance(said, Answer) and bool(said.addresses)


def _own(seen: Observations) -> Check:
    place, verdict = seen.place, seen.verdict
    if place.own.value:
        return ok("own-addresses", f"this Pod's addresses: {place.own.value}, from {place.own.source}")
    own = sorted(text_of(address_of(endpoint)) for endpoint in verdict.own) if isinstance(verdict, Listing) else []
    found = f"of the listed addresses, this host has {', '.join(own)}" if own else "no listed address is this host's"
    return ok("own-addresses", f"this Pod's addresses are not given (POD_IPS, --own-ips); {found}")
