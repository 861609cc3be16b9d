"""What is logged, on the logger `peerdisco`: a condition as WARNING when it begins, and as INFO when it ends."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from peerdisco._core.addresses import text_of
from peerdisco._core.listing import Listing
from peerdisco.answers import Outcome

log = logging.getLogger("peerdisco")

EMPTY = ("foreign-alias", "no-ready-pods-or-typo", "no-data")
"""The codes that say why a list is empty."""


class ConditionLog:
    """The conditions of one Service, by code; each is logged when it begins and when it ends."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._active: dict[str, str] = {}

    def update(self, conditions: Mapping[str, str]) -> None:
        """Log what has begun and what has ended.

        Args:
            conditions: every condition that holds now: its code, and what to say about it.
        """
        if not conditions and not self._active:
            return
        begun = {code: message for code, message in conditions.items() if code not in self._active}
        ended = self._active.keys() - conditions.keys()
        self._active = dict(conditions)  # first, so that a logging handler that raises is not called again and again
        for code, message in begun.items():
            log.warning("%s: %s [%s]", self._service, message, code, extra={"service": self._service, "code": code})
        for code in sorted(ended):
            log.info("%s: no longer %s", self._service, code, extra={"service": self._service, "code": code})


def conditions_of(listing: Listing) -> dict[str, str]:
    """Return the conditions that the result of a lookup amounts to."""
    found = {}
    if listing.foreign_alias:
        found["foreign-alias"] = (
            f"the name is an alias of {listing.foreign_alias}, outside the cluster domain, so it has no Pods: "
            "an ExternalName Service, or an empty or missing Service whose name autopath or a wildcard search "
            "domain answers for"
        )
    elif listing.outcome is Outcome.NXDOMAIN:
        found["no-ready-pods-or-typo"] = (
            "no such name in DNS: check for a typo in Service, namespace or cluster domain, or no Pod is ready yet"
        )
    elif listing.outcome is Outcome.NODATA:
        found["no-data"] = "the name exists, but has no Pod of this address family or port name"
    if not listing.complete:
        why = "DNS could not fit all Pods into an answer" if listing.cut else "some Pods' ports are not known yet"
        found["incomplete"] = f"{why}; {len(listing.endpoints)} peers are known"
    if listing.outside:
        shown = ", ".join(sorted(map(text_of, listing.outside))[:5])
        found["dropped-addresses"] = (
            f"{len(listing.outside)} addresses that may not be a peer's were dropped ({shown}); "
            "`allowed_networks` says which may"
        )
    return found
