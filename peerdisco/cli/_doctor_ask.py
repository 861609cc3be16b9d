"""Concludes whether DNS can be asked: the group *can I ask*. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from peerdisco.cli._doctor_observations import Observations, Probe, ServerSight
from peerdisco.cli._doctor_report import Check, cure_of, fail, ok, slug_of, warn
from peerdisco.errors import Attempt, Reason

# A lookup waits a fifth of its timeout for the first reply, then asks again.
_PATIENCE = 0.2


def can_i_ask(seen: Observations) -> Iterator[Check]:
    """Return the checks of the group, in order."""
    sights = seen.sights
    if not sights:
        yield fail("no-nameserver", "there is no nameserver to ask", cure_of("no_nameserver"))
        return
    if len(seen.place.servers) > len(sights):
        yield warn(
            "many-nameservers",
            f"{len(seen.place.servers)} nameservers are set; the first {len(sights)} are checked",
            "Set at most three: other programs ignore the rest.",
        )
    for number, sight in enumerate(sights):
        others = [other for other in sights if other is not sight]
        yield _udp(sight, is_first=number == 0, others=others, timeout=seen.timeout)
        yield from _edns(sight)
        if sight.reply:
            yield _tcp(sight)
    yield from _disagreement(sights)


def _udp(sight: ServerSight, *, is_first: bool, others: Sequence[ServerSight], timeout: float) -> Check:
    server, reply = sight.server, sight.reply
    are_others_usable = any(other.is_usable for other in others)
    if reply is None:
        why = _why_lost(sight.udp)
        if is_first and are_others_usable:
            cost = "wait 5 s for it in each lookup" if why.reason == "timeout" else "ask it first in each lookup"
            return warn(
                "dead-first-nameserver",
                f"{why}; it is the first nameserver, and others answer",
                f"Other programs in this Pod {cost}. {cure_of(why.reason)}",
            )
        return _bad(why.reason, str(why), is_tolerable=are_others_usable)
    told = f"{server} replied over UDP in {_milliseconds(reply)}"
    if not reply.is_answer:
        reason: Reason = "refused" if reply.rcode == "REFUSED" else "servfail"
        return _bad(reason, f"{told}, but answered {reply.rcode}", is_tolerable=are_others_usable)
    lost = [probe for probe in sight.udp if probe.lost and probe.seconds > 2 * reply.seconds]
    if lost and not _drops_edns(sight):
        return warn(
            "lost-replies",
            f"{told}, but {len(lost)} of {len(sight.udp)} queries got no reply",
            "Is DNS overloaded or just restarting, or does the node's connection tracking drop packets? "
            "NodeLocal DNSCache avoids the latter.",
        )
    if reply.seconds > timeout * _PATIENCE:
        return warn(
            "slow",
            f"{told}, which is longer than the {timeout * _PATIENCE:g} s that a lookup waits at first",
            "Raise --timeout, or look at the load of DNS.",
        )
    return ok("udp", f"{told}{', with EDNS' if reply.edns else ''}")


def _edns(sight: ServerSight) -> Iterator[Check]:
    if _drops_edns(sight):
        yield fail(
            "no-edns",
            f"{sight.server} answers over UDP, but queries with EDNS get no reply",
            "A firewall on the way drops them; let them pass (RFC 6891).",
        )
    elif sight.is_usable and any(probe.refuses_edns for probe in sight.udp):
        yield warn(
            "no-edns",
            f"{sight.server} refuses queries with EDNS, so its replies over UDP hold 512 bytes, about 29 Pods",
            "Longer lists take a TCP connection for each lookup. Is this the cluster's DNS?",
        )


def _drops_edns(sight: ServerSight) -> bool:
    """Return whether plain queries alone get replies."""
    with_edns = [probe for probe in sight.udp if probe.edns]
    return sight.is_usable and bool(with_edns) and all(probe.lost for probe in with_edns)


def _tcp(sight: ServerSight) -> Check:
    if sight.tcp.lost is None:
        return ok("tcp", f"{sight.server} replied over TCP in {_milliseconds(sight.tcp)}")
    return warn(
        "no-tcp",
        f"{sight.tcp.lost}, while UDP works",
        "Open port 53 for TCP as well: a list of more than about 70 Pods does not fit UDP.",
    )


def _disagreement(sights: Sequence[ServerSight]) -> Iterator[Check]:
    usable = [sight for sight in sights if sight.is_usable]
    having = [str(sight.server) for sight in usable if sight.reply and sight.reply.records]
    lacking = [str(sight.server) for sight in usable if sight.reply and not sight.reply.records]
    if having and lacking:
        described = f"nameservers disagree: {', '.join(having)} knows the name, {', '.join(lacking)} does not"
        cure = "Each lookup believes the first that answers, so every nameserver must serve the cluster's names."
        is_first_wrong = str(usable[0].server) in lacking
        yield (fail if is_first_wrong else warn)("nameservers-disagree", described, cure)


def _why_lost(probes: Sequence[Probe]) -> Attempt:
    """Return why the last probe got no reply that can be read."""
    return next(probe.lost for probe in reversed(probes) if probe.lost)


def _bad(reason: Reason, described: str, *, is_tolerable: bool) -> Check:
    return (warn if is_tolerable else fail)(slug_of(reason), described, cure_of(reason))


def _milliseconds(probe: Probe) -> str:
    return f"{1000 * probe.seconds:.1f} ms"
