"""What is logged, on the logger `peerdisco`: a state that begins once as WARNING, its end once as INFO."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from peerdisco._core.addresses import text_of
from peerdisco._core.listing import Listing
from peerdisco.answers import Outcome

log = logging.getLogger("peerdisco")

_EMPTY = {
    Outcome.NXDOMAIN: "DNS knows no such name: a typo in Service, namespace or cluster domain, or no Pod is ready",
    Outcome.NODATA: "the name exists, but has no Pod of this address family or port name",
}


class ConditionLog:
    """The states that one Service is in, by name; each is told of when it begins and when it ends."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._active: dict[str, str] = {}

    def update(self, states: Mapping[str, str]) -> None:
        """Logs what is new and what has ended.

        Args:
            states: every state that holds now, and what to say of it.
        """
        if not states and not self._active:
            return
        for state, message in states.items():
            if state not in self._active:
                log.warning("%s is %s: %s", self._service, state, message)
        for state in self._active.keys() - states.keys():
            log.info("%s is no longer %s", self._service, state)
        self._active = dict(states)


def conditions_of(listing: Listing) -> dict[str, str]:
    """The states that a lookup's result amounts to."""
    states = {}
    if listing.outcome is not Outcome.FOUND:
        states["empty"] = _EMPTY[listing.outcome]
    if not listing.complete:
        why = (
            "DNS could not fit all Pods into an answer"
            if listing.sample_size
            else "some Pod's address could not be had"
        )
        states["incomplete"] = f"{why}; {len(listing.endpoints)} others are known"
    if listing.outside:
        shown = ", ".join(sorted(map(text_of, listing.outside))[:5])
        states["listing addresses that may not be a peer's"] = (
            f"{len(listing.outside)} dropped ({shown}); `allowed_networks` says which may"
        )
    return states
