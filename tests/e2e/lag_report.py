"""What `tests.e2e.lag` measured, as Markdown tables, beside what the design predicts."""

from collections.abc import Iterable, Sequence
from statistics import median

from peerdisco import DiscoveryConfig
from tests.e2e.lag_measures import ANOTHER, FIRST, LEAVES, Cache, Lag, Outage, Settings
from tests.e2e.replicas import Flaps

_DEFAULTS = DiscoveryConfig("web")
LATEST = 1 + _DEFAULTS.jitter
FIRST_WAIT = 0.5  # seconds until a second look, after a change or a failure
PATIENCE = 1.5  # seconds before its end at which a failing lookup may try no more
HEALTH_CHECK = 0.5  # seconds between a node cache's looks for a CoreDNS that was gone
SERVFAIL_KEPT = 5.0  # seconds that CoreDNS's own cache keeps what it said before it knew anything
START = 0.5  # seconds until CoreDNS answers


def report(settings: Settings, lags: Sequence[Lag], outages: Sequence[Outage], flaps: Sequence[Flaps]) -> str:
    """All tables."""
    return f"{_of_lags(settings, lags)}\n{_of_outages(settings, outages)}\n{_of_flaps(flaps)}"


def _of_lags(settings: Settings, lags: Sequence[Lag]) -> str:
    kinds = ((FIRST, "a first Pod is listed"), (ANOTHER, "another is"), (LEAVES, "one is no more"))
    return _table(
        ["What happens", "Cache", "Median", f"Longest of {settings.watchers}", "Predicted at most"],
        [
            [what, lag.cache.name, *_times(lag.seconds[kind.name], _change(kind.name, lag.cache, settings))]
            for kind, what in kinds
            for lag in lags
        ],
    )


def _of_outages(settings: Settings, outages: Sequence[Outage]) -> str:
    measured = (f"longest of {settings.watchers}", "predicted at most")
    head = [f"CoreDNS gone for {settings.outage:g} s, cache", "Lists kept"]
    return _table(
        [*head, "Answered again after", *measured, "List right after", *measured],
        [
            [
                out.cache.name,
                f"{sum(out.kept)} of {len(out.kept)}",
                *_times(out.answered, _answered(out.cache, settings)),
                *_times(out.current, _current(out.cache, settings)),
            ]
            for out in outages
        ],
    )


def _of_flaps(flaps: Sequence[Flaps]) -> str:
    return _table(
        ["`removal_confirmations`, two replicas that disagree", "Lookups", "Removals", "One in", "Theory"],
        [
            [
                f"{one.confirmations}",
                f"{one.lookups}",
                f"{one.removals}",
                f"{one.lookups / max(1, one.removals):.1f} lookups",
                f"{1 / one.theory:.0f} lookups",
            ]
            for one in flaps
        ],
    )


def _change(kind: str, cache: Cache, settings: Settings) -> float:
    """The cache is as old as can be, and so is the last lookup; who leaves is looked for again, early."""
    kept = cache.absent if kind == FIRST.name else cache.present
    return kept + settings.refresh * LATEST + (_confirming(settings) if kind == LEAVES.name else 0)


def _answered(cache: Cache, settings: Settings) -> float:
    """The longest wait that can be under way after an outage: each failed lookup's is twice as long as the one before.

    Where CoreDNS caches its own SERVFAIL, one more lookup can fail.
    """
    lookup = max(0.0, settings.timeout - PATIENCE)
    now, wait = lookup, FIRST_WAIT
    while (then := now + wait * (2 - LATEST) + lookup) < settings.outage:
        now, wait = then, min(2 * wait, _DEFAULTS.max_backoff)
    if cache.absent and not cache.is_node:
        return START + SERVFAIL_KEPT + min(2 * wait, _DEFAULTS.max_backoff) * LATEST
    return START + max(wait, settings.refresh) * LATEST + (HEALTH_CHECK if cache.is_node else 0)


def _current(cache: Cache, settings: Settings) -> float:
    return _answered(cache, settings) + max(0, cache.present - settings.outage) + _confirming(settings)


def _confirming(settings: Settings) -> float:
    return (settings.confirmations - 1) * min(FIRST_WAIT, settings.refresh) * LATEST


def _times(measured: Sequence[float], predicted: float) -> list[str]:
    return [f"{seconds:.1f} s" for seconds in (median(measured), max(measured), predicted)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows))
