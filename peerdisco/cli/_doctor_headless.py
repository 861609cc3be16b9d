"""Concludes what the Service is: the group *is it headless*. No I/O.

The verdict of an ordinary lookup says what the Service is. The other answers say why, as far as DNS can.
"""

from __future__ import annotations

from collections.abc import Iterator

from peerdisco._core import names
from peerdisco._core.addresses import reverse_name, text_of
from peerdisco._core.conditions import conditions_of
from peerdisco._core.listing import Listing, address_of
from peerdisco.answers import Answer, Outcome, Question
from peerdisco.cli._doctor_observations import Observations, namespace_question
from peerdisco.cli._doctor_report import Check, cure_of, fail, ok, slug_of, warn
from peerdisco.cli._doctor_where import problem_check
from peerdisco.errors import LookupFailed, NotHeadlessError, Reason

_CLUSTER_IP = "Set `clusterIP: None` on a new Service (the field can't be changed), and look that up."
_ALIAS = "Look up the headless Service itself; where there should be one, its Pods are not ready, or its name is wrong."
DEADLOCK = (
    "DNS lists only Pods that are ready. If a Pod becomes ready only once it has peers, set "
    "`publishNotReadyAddresses: true` on the headless Service."
)
_TYPO = "Check the name: `kubectl get service,endpointslices -n {namespace}`."
_OUTSIDE = "End a name that is no Kubernetes Service's with a dot."
_PLAIN = (
    "Check the name, and whether this nameserver serves it: it is asked as it stands. For a Kubernetes Service, leave "
    "out the final dot."
)


def is_it_headless(seen: Observations) -> Iterator[Check]:
    """Return the checks of the group, in order."""
    match seen.verdict:
        case None:
            yield _not_looked_up(seen)
        case NotHeadlessError() as error:
            yield fail(
                "not-headless",
                f"{error.service} has the ClusterIP {error.address}, one virtual address that stands for all its Pods",
                _CLUSTER_IP,
            )
        case LookupFailed() as error:
            target = _alias(seen)
            if target and names.leaves_cluster(seen.place.service, target):
                yield _foreign_alias(seen, target)
            else:
                yield fail(slug_of(error.reason), f"no answer to {error.question}: {_story(error)}", error.advice)
        case Listing() as listing:
            yield from _of_listing(seen, listing)


def without_list(seen: Observations) -> Check:
    """Return the check of a group that needs a list of Pods where there is none: it has the code of why that is."""
    cause = next(check for check in is_it_headless(seen) if check.result == "error")
    told = "nobody is listed" if isinstance(seen.verdict, Listing) else "not known: there is no list of Pods"
    return cause._replace(description=told)


def _not_looked_up(seen: Observations) -> Check:
    if seen.place.problems:
        problem = seen.place.problems[0]
        return problem_check(problem)._replace(description=f"not known: no lookup can be made: {problem}")
    lost = [probe.lost for sight in seen.sights for probe in sight.udp if probe.lost]
    reason: Reason = lost[0].reason if lost else "no_nameserver"
    return fail(slug_of(reason), "not known: no nameserver replies", cure_of(reason))


def _of_listing(seen: Observations, listing: Listing) -> Iterator[Check]:
    service = seen.place.service
    conditions = conditions_of(listing)
    is_there = listing.outcome is not Outcome.NXDOMAIN
    if names.is_service(service):
        namespace = service.split(".")[1]
        said = seen.said.get(namespace_question(service))
        is_known = is_there or (isinstance(said, Answer) and said.outcome is not Outcome.NXDOMAIN)
        if isinstance(said, Answer) and not is_known and not said.canonical:
            yield fail(
                "no-such-namespace",
                f"{seen.asked} knows neither {service} nor its namespace {namespace}",
                "Check the namespace: `kubectl get namespaces`. Give NAME as `svc.namespace`, or --namespace.",
            )
            return
        if is_known:
            yield ok("namespace-exists", f"the namespace {namespace} exists")
    if listing.foreign_alias:
        yield _foreign_alias(seen, listing.foreign_alias)
    elif not is_there:
        cure = _PLAIN
        if names.is_service(service):
            outside = "" if seen.place.in_pod else f" {_OUTSIDE}"
            cure = f"{_TYPO.format(namespace=service.split('.')[1])} {DEADLOCK}{outside}"
        described = f"{service}: {conditions['no-ready-pods-or-typo']}; {seen.asked} says so"
        yield fail("no-ready-pods-or-typo", described, cure)
    elif listing.outcome is Outcome.NODATA:
        yield fail(
            "no-data",
            f"{service}: {conditions['no-data']} ({families(seen)}); {seen.asked} says so",
            "Check --family, the Service's ipFamilies, and whether it has Pods of that family.",
        )
    else:
        if target := _alias(seen):
            yield ok("alias", f"{service} is an alias of {target}, which is looked up instead (ExternalName)")
        yield _headless(seen, listing)


def _headless(seen: Observations, listing: Listing) -> Check:
    service = seen.place.service
    listed = frozenset(map(address_of, listing.endpoints | listing.own))
    if not names.is_service(service):
        return ok("headless", f"{service} is no Kubernetes Service's name: whatever addresses it has are listed")
    sizes = [len(ip) for ip in listed]
    if any(sizes.count(size) > 1 for size in sizes):
        return ok("headless", f"{service} is headless: DNS lists {len(listed)} addresses, not one")
    if listing.own:
        return ok("headless", f"{service} is headless: the address that DNS lists is this Pod's")
    if any(_has_witness(seen, ip) for ip in listed):
        return ok("headless", f"{service} is headless: its one address is no ClusterIP, by SRV or PTR")
    shown = ", ".join(map(text_of, sorted(listed)))
    return warn(
        "headless-unproven",
        f"{service} is taken for headless: no server says whether {shown} is a Pod or a ClusterIP",
        "Check it: `kubectl get service` shows None under CLUSTER-IP for a headless one.",
    )


def _has_witness(seen: Observations, ip: bytes) -> bool:
    """Return whether DNS says what an address is: by the Service's SRV, or by the PTR of the address."""
    questions = Question(seen.place.service, "SRV"), Question(reverse_name(ip), "PTR")
    said = [seen.said.get(question) for question in questions]
    return any(isinstance(answer, Answer) and (answer.targets or answer.names) for answer in said)


def _foreign_alias(seen: Observations, target: str) -> Check:
    service = seen.place.service
    cause = "an ExternalName Service"
    if not _alias(seen):
        cause += ", or an empty or missing one whose name autopath or a wildcard search domain answers for"
    return fail(
        "foreign-alias",
        f"{service} is an alias of {target.removesuffix('.')}, outside the cluster domain, so it has no Pods: {cause}",
        _ALIAS,
    )


def _alias(seen: Observations) -> str:
    """Return the name that the Service's is an alias of; empty where it is not one."""
    alias = seen.alias
    return alias.records[0].lower() if alias and alias.lost is None and alias.records else ""


def families(seen: Observations) -> str:
    """Return what DNS has of each address family, in words."""
    told = []
    for rtype in ("A", "AAAA"):
        match seen.said.get(Question(seen.place.service, rtype)):
            case Answer() as answer if answer.addresses:
                told.append(f"{rtype}: {len(answer.addresses)}")
            case Answer():
                told.append(f"{rtype}: none")
            case LookupFailed() as error:
                told.append(f"{rtype}: no answer ({slug_of(error.reason)})")
    return ", ".join(told)


def _story(error: LookupFailed) -> str:
    return "; ".join(dict.fromkeys(map(str, error.attempts))) or error.reason
