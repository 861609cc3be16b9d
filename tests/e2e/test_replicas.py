"""Case 16: two CoreDNS replicas that disagree on one Pod for a while, each asked by turns at random."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.changing import SERVICE, Told
from tests.e2e.replicas import BOTH, ODD, Flaps, disagreeing
from tests.e2e.timeline import follows
from tests.e2e.watched import Watched, in_a_loop, in_a_thread

CONFIRMATIONS = (1, 2, 3)
LOOKUPS = 300
MOST_OFF = 0.5
"""Share by which the rate may miss theory: in 300 lookups, 3 confirmations make 19 removals, give or take 4."""


@pytest.mark.parametrize("watch", [in_a_thread, in_a_loop])
def test_replicas_that_disagree(
    coredns_binary: Path,
    watch: Callable[..., contextlib.AbstractContextManager[Watched]],
    record_property: Told,
) -> None:
    """Whom both list never leaves; the other leaves as rarely as confirmations make it, until both agree."""
    with disagreeing(coredns_binary) as replicas, contextlib.ExitStack() as stack:
        watchers = {
            confirmations: stack.enter_context(
                watch(
                    SERVICE,
                    *replicas.addresses,
                    seed=confirmations,
                    refresh=0.01,
                    removal_confirmations=confirmations,
                    max_fleet_qps=1e6,
                )
            )
            for confirmations in CONFIRMATIONS
        }
        for watched in watchers.values():
            watched.until_looked_up(LOOKUPS - len(watched.lookups))
        flaps = [Flaps.of(watched, confirmations) for confirmations, watched in watchers.items()]
        for listed, ips in ((False, BOTH), (True, [*BOTH, ODD])):
            replicas.agree(listed=listed)
            for watched in watchers.values():
                watched.until_listed(ips)
                watched.until_looked_up(20)
                assert watched.now() == set(ips)

    for confirmations, watched in watchers.items():
        assert all(set(BOTH) <= who for _, who in watched.listed)
        assert follows(watched.listed, watched.answers(), confirmations)
    for one in flaps:
        told = f"{one.rate:.3f} removals a lookup, in theory {one.theory:.3f}"
        record_property(f"flaps with {one.confirmations} confirmations", told)
        assert one.rate == pytest.approx(one.theory, rel=MOST_OFF)
