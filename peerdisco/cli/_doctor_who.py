"""Concludes who is listed: the groups *who is there* and *me*. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from peerdisco._core.addresses import text_of
from peerdisco._core.conditions import conditions_of
from peerdisco._core.listing import Endpoint, Listing, address_of
from peerdisco.answers import Answer, Question
from peerdisco.cli._doctor_headless import DEADLOCK, families, without_list
from peerdisco.cli._doctor_observations import Observations, Probe, own_question
from peerdisco.cli._doctor_report import Check, fail, ok, slug_of, warn
from peerdisco.errors import LookupFailed

_SHOWN = 5


def who_is_there(seen: Observations) -> Iterator[Check]:
    """Return the checks of the group, in order."""
    listing = seen.verdict
    if not isinstance(listing, Listing) or not (listing.endpoints or listing.own):
        yield without_list(seen)
    else:
        yield _members(listing)
        yield ok("families", f"addresses by family: {families(seen)}")
        yield _completeness(seen, listing)
        yield ok("ttl", f"caches may keep this for {listing.ttl} s, for which a new Pod may be unseen")
        yield from _names_and_ports(seen, listing)
    if isinstance(listing, Listing) and listing.outside:
        yield warn(
            "dropped-addresses", conditions_of(listing)["dropped-addresses"], "Check the Service's EndpointSlices."
        )
    reply = _reply(seen)
    if reply and reply.is_stale:
        yield warn(
            "stale",
            f"{seen.asked} says that its answer is older than it may be (RFC 8914)",
            "A cache has lost its server: is CoreDNS running, and can the cache reach it?",
        )


def me(seen: Observations) -> Iterator[Check]:
    """Return the checks of the group, in order."""
    listing = seen.verdict
    if not isinstance(listing, Listing):
        yield without_list(seen)
    elif listing.own:
        yield ok("self-listed", f"this Pod is listed as {_shown(listing.own)}: it is ready, and its peers see it")
    elif not listing.endpoints:
        yield _not_listed("nobody is listed, so neither is this Pod")
    elif listing.complete:
        yield _not_listed(f"this Pod is not listed, so its peers do not see it: {_why_not(seen)}")
    else:
        yield _not_listed(f"this Pod is not in the part of the list that is known: {_why_not(seen)}")


def _not_listed(described: str) -> Check:
    cure = f"Look at this Pod's readiness probe, and at the Service's selector. {DEADLOCK}"
    return warn("self-not-listed", described, cure)


def _members(listing: Listing) -> Check:
    peers = len(listing.endpoints)
    shown = _shown(listing.endpoints | listing.own)
    if not peers:
        return warn("alone", f"only this Pod is listed: {shown}", "Scale up, or wait until other Pods are ready.")
    counted = f"{'' if listing.complete else 'at least '}{peers} peer{'s' * (peers > 1)}"
    return ok("listed", f"{counted}{' and this Pod' if listing.own else ', and not this Pod'}: {shown}")


def _completeness(seen: Observations, listing: Listing) -> Check:
    if not listing.complete:
        return warn(
            "incomplete",
            conditions_of(listing)["incomplete"],
            "A reply holds about 4,000 IPv4 or 2,300 IPv6 addresses: spread more Pods over several Services.",
        )
    reply = _reply(seen)
    if reply is None or not reply.records:  # that was the other family
        return ok("complete", "the list is complete")
    if reply.is_cut:
        return ok("complete", "the list is complete: it does not fit UDP, so it comes over TCP")
    return ok("complete", f"the list is complete: {reply.size} bytes over UDP")


def _names_and_ports(seen: Observations, listing: Listing) -> Iterator[Check]:
    named = seen.named
    if isinstance(named, LookupFailed):
        told = f"no answer to {named.question}: {named.reason}"
        if isinstance(seen.port, str):
            yield fail(slug_of(named.reason), told, named.advice)
        else:
            yield ok("hostnames", f"hostnames are not known: {told}")
        return
    if not isinstance(named, Listing):
        return
    endpoints = [endpoint for endpoint in named.endpoints | named.own if isinstance(endpoint, tuple)]
    hostnames = sorted({hostname for _, _, hostname in endpoints if hostname})
    if isinstance(seen.port, str):
        with_port = {ip for ip, port, _ in endpoints if port}
        members = frozenset(map(address_of, listing.endpoints | listing.own))
        if not with_port:
            yield fail(
                "no-data",
                f"no Pod has a port called {seen.port!r}",
                "Give the `name` of one of the Service's `ports`, or --port as a number.",
            )
            return
        ports = ", ".join(map(str, sorted({port for _, port, _ in endpoints if port})))
        yield ok("named-port", f"port {seen.port!r} is {ports}, on {len(with_port)} of {len(members)} addresses")
    elif numbers := _ports(seen):
        yield ok("ports", f"ports of the Service: {', '.join(map(str, numbers))}")
    if hostnames:
        yield ok("hostnames", f"hostnames: {_few(hostnames)}")
    else:
        yield ok("hostnames", "no Pod has a hostname (a StatefulSet's Pods have, behind its governing Service)")


def _ports(seen: Observations) -> list[int]:
    """Return the ports that the SRV records of the Service's bare name have."""
    said = seen.said.get(Question(seen.place.service, "SRV"))
    return sorted({target.port for target in said.targets if target.port}) if isinstance(said, Answer) else []


def _why_not(seen: Observations) -> str:
    if not seen.place.own_packed:
        return "no listed address is this host's"
    own = seen.place.own.value
    answers = [seen.said.get(own_question(ip)) for ip in seen.place.own_packed]
    known = [name for answer in answers if isinstance(answer, Answer) for name in answer.names]
    services = sorted({".".join(name.split(".")[1:3]) for name in known if ".svc." in name})
    if services:
        return f"DNS lists {own} in {_few(services)}, so the Service does not select it, or not yet"
    # A server that has no zone for the address refuses, or asks one that it can't reach.
    if any(isinstance(answer, Answer) or (answer and answer.reason in ("servfail", "refused")) for answer in answers):
        return f"DNS lists {own} in no Service, as while a Pod is not ready"
    return f"no listed address is {own}"


def _reply(seen: Observations) -> Probe | None:
    """Return the reply to the first question of a lookup, from the server that was asked the rest."""
    return next((sight.reply for sight in seen.sights if sight.server == seen.asked), None)


def _shown(endpoints: Iterable[Endpoint]) -> str:
    return _few(
        [text_of(ip) for ip in sorted({address_of(endpoint) for endpoint in endpoints}, key=lambda ip: (len(ip), ip))]
    )


def _few(texts: list[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more
