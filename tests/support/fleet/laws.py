"""What the library promises of one replica's list, held against what DNS told it.

Laws, by the name in a violation:

- `stays`: who is in every complete answer stays, and who leaves was lacked by `removal_confirmations` complete answers
  in a row, or by so many cut ones that chance is out of the question (docs/explanation/policies.md).
- `leaves`: who was lacked by so many leaves at once. With `pace`, which bounds each wait, a Pod that is gone leaves
  within the age of what DNS says + `removal_confirmations` waits + the time of failed lookups.
- `own`: this Pod is no peer.
- `failure`: a failed lookup leaves the list as it was; `max_stale` alone empties it, and does.
- `invented`: nothing is listed that no answer had, and no lookup succeeds without an answer.
- `works`: a lookup that met no fault succeeds.
- `pace`: the next lookup is planned, within the documented wait; soon, where some are missing or the list has changed.
- `qps`: with N peers, N + 1 times the questions of a lookup take at least as long as `max_fleet_qps` says.
- `names`: port and hostname are those of the Pod that has the address now.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from peerdisco import DiscoveryConfig
from peerdisco._core.listing import Endpoints, address_of
from peerdisco._core.watcher import WatcherState
from tests.support.fleet.story import Story
from tests.support.fleet.told import Told

_SOON = 0.5
_NONE: frozenset[bytes] = frozenset()
_IMPOSSIBLE = math.log(1e-9)
# A sample's share is an estimate where the list is not known in full: a thousand times is allowed for, either way.
_SLACK = math.log(1e3)


class Violation(AssertionError):
    """A law that was broken.

    Attributes:
        law: its name.
    """

    def __init__(self, law: str, what: str) -> None:
        super().__init__(f"{law}: {what}")
        self.law = law


class Ledger:
    """The account of one replica.

    Args:
        story: what happens.
        config: the options of the watcher.
        own: this Pod's address.

    Attributes:
        failed_lookups: how many.
        sizes: how many Pods each answer stood for.
        is_vague: whether the last answer left it open which Pods are there.
    """

    def __init__(self, story: Story, config: DiscoveryConfig, own: bytes) -> None:
        self._story = story
        self._config = config
        self._own = own
        self._lacked: dict[bytes, int] = {}
        self._evidence = 0.0
        self._sure_evidence = 0.0
        self._seen_at: dict[bytes, tuple[float, float]] = {}
        self._before: frozenset[bytes] = _NONE
        self._ended_at: float | None = None
        self._floor = 0.0
        self._last_size = 0
        self._failures = 0
        self._succeeded_at: float | None = None
        self._told: list[Told] = []
        self._failed = self._trouble = False
        self._asked = 1
        self.failed_lookups = 0
        self.sizes: list[int] = []
        self.is_vague = False

    def check(self, holds: bool, law: str, what: str) -> None:
        """Raise a Violation unless a law holds."""
        if not holds:
            raise Violation(law, what)

    def begin(self, watch: WatcherState, now: float) -> None:
        """Take in that a lookup begins."""
        if self._ended_at is not None:
            gap = now - self._ended_at
            self.check(gap >= self._floor * (1 - 1e-9) - 1e-9, "qps", f"waited {gap:.3f} s, not {self._floor:.3f} s")
            self.check(gap >= 0.0099, "qps", f"waited {gap} s only")
        listed = ips_of(watch.roster.peers._packed.endpoints)
        if listed != self._before:
            self._check_expired(listed, now)
            self._last_size = len(self._before)
        self._before = listed

    def end(self, told: Iterable[Told], *, failed: bool, asked: int, trouble: bool) -> None:
        """Take in that a lookup ended."""
        self._told, self._failed, self._asked, self._trouble = list(told), failed, asked, trouble

    def on_waiting(self, watch: WatcherState) -> None:
        """Hold the list, and the plan for the next lookup, against the laws."""
        peers = watch.roster.peers
        now = self._ended_at = watch._ended_at
        after = ips_of(peers._packed.endpoints)
        before = self._before
        self.check(self._own not in after, "own", "this Pod is listed")
        self.check(self._failed == bool(watch.roster.failures), "failure", "the status shows another result")
        self.check(peers.stale == self._failed, "failure", "staleness is not what the lookup came to")
        if self._failed:
            self.check(self._trouble, "works", f"a lookup failed without a fault: {watch.last_error!r}")
            self._failures += 1
            self.failed_lookups += 1
            if after != before:
                self._check_expired(after, now)
            elif self._config.max_stale and self._succeeded_at is not None and after:
                age = now - self._succeeded_at
                self.check(age < self._config.max_stale + 1e-6, "failure", f"a list {age:.1f} s old was kept")
        else:
            self._failures = 0
            self._succeeded_at = now
            self._check_list(before, after, peers._packed.endpoints)
        if before and not after:
            self._last_size = len(before)
        self._check_plan(watch, before, after)
        self._before = after

    def _check_expired(self, after: frozenset[bytes], now: float) -> None:
        max_stale, since = self._config.max_stale, self._succeeded_at
        self.check(not after, "failure", "a failed lookup changed the list")
        self.check(max_stale is not None and since is not None, "failure", "a failed lookup emptied the list")
        assert max_stale is not None
        assert since is not None
        self.check(now - since >= max_stale - 1e-6, "failure", f"the list expired after {now - since:.1f} s")
        self._forget()

    def _check_list(self, before: frozenset[bytes], after: frozenset[bytes], endpoints: Endpoints) -> None:
        """Hold the list after an answer against what was told."""
        wanted = 28 if self._story.ipv6 else 1
        lists = [one for one in self._told if one.rtype == wanted]
        # That there is no such name is said of every type at once (RFC 2308 section 5).
        lists = lists or [one for one in self._told if one.rtype != 33 and not one.addresses]
        self.check(bool(lists), "invented", "a lookup succeeded, but no server answered")
        last = lists[-1]
        self.sizes.append(len(last.everyone))
        self.is_vague = last.cut
        srv = [one for one in self._told if one.rtype == 33] if self._story.is_named and last.addresses else []
        services = next((one for one in reversed(srv) if one.addresses), srv[-1] if srv else None)
        if last.cut and not (services and not services.cut and not services.addresses):
            self._check_cut(before, after, lists, services)
            return
        everyone = last.addresses
        named = self._story.is_named and bool(everyone)
        self.check(not named or services is not None, "invented", "a port was found, but no server told it")
        if named and services is not None and not services.cut:
            everyone &= services.addresses
            self._check_names(everyone, endpoints, services)
        everyone -= {self._own}
        # Where all targets have one port, so has an address whose target was cut off; else it waits for its port.
        self.is_vague = bool(named and services and services.cut and self._story.mixed_ports)
        self._lacked = {ip: self._lacked.get(ip, 0) + 1 for ip in before - everyone}
        gone = {ip for ip, times in self._lacked.items() if times >= self._config.removal_confirmations}
        self._lacked = {ip: times for ip, times in self._lacked.items() if ip not in gone}
        self._evidence = self._sure_evidence = 0.0
        self._seen_at = {}
        self.check(not (lost := (before & everyone) - after), "stays", f"{len(lost)} left that the answer has")
        self.check(not (lost := before - gone - after), "stays", f"{len(lost)} left without confirmation")
        self.check(not (kept := after & gone), "leaves", f"{len(kept)} stay in spite of confirmation")
        self.check(after <= before | everyone, "invented", "there are addresses that no answer had")
        if not self.is_vague:
            self.check(everyone <= after, "stays", "an answer's Pods are not listed")

    def _check_cut(
        self, before: frozenset[bytes], after: frozenset[bytes], lists: list[Told], services: Told | None
    ) -> None:
        """Hold the list after samples against what was told."""
        # Samples that came before a complete answer count for nothing.
        seen = frozenset[bytes]().union(*(one.addresses for one in lists)) - {self._own}
        told = seen & services.addresses if services and not services.cut else seen
        self._lacked = {ip: times for ip, times in self._lacked.items() if ip not in told}
        if told == before:
            self._forget()
        else:
            least = _IMPOSSIBLE / self._config.removal_confirmations
            likely = sum(_log_missed(one, len(one.everyone)) for one in lists)
            known = len(before | seen | {self._own})
            surely = _log_missed(lists[-1], max(known, len(lists[-1].everyone))) * len(lists)
            self._evidence += max(likely, least)
            self._sure_evidence += max(surely, least)
        now = self._evidence, self._sure_evidence
        self._seen_at.update(dict.fromkeys(told, now))
        for ip in before - told:
            likely, surely = self._seen_at.get(ip, (0.0, 0.0))
            may_leave = now[0] - likely <= _IMPOSSIBLE + _SLACK
            must_leave = now[1] - surely <= _IMPOSSIBLE - _SLACK
            self.check(ip in after or may_leave, "stays", "one left that samples may have missed by chance")
            self.check(ip not in after or not must_leave, "leaves", "one stays that no sample has")
        self.check(not (lost := (before & told) - after), "stays", f"{len(lost)} left that the answer has")
        self.check(after <= before | seen, "invented", "there are addresses that no answer had")

    def _check_names(self, everyone: frozenset[bytes], endpoints: Endpoints, services: Told) -> None:
        for endpoint in endpoints:
            ip = address_of(endpoint)
            if ip in everyone and not isinstance(endpoint, bytes):
                told = services.named[ip]
                self.check(endpoint[1:] == told, "names", f"{endpoint[1:]} is listed, and DNS says {told}")

    def _check_plan(self, watch: WatcherState, before: frozenset[bytes], after: frozenset[bytes]) -> None:
        """Hold the next wait against what is documented."""
        config = self._config
        wait = watch.next_at - watch._ended_at
        self.check(math.isfinite(wait) and watch.status().next_refresh is not None, "pace", "no lookup is planned")
        fleet = (len(after) or self._last_size) + 1
        self._floor = fleet * self._asked / config.max_fleet_qps
        if self._failed:
            longest = min(config.max_backoff, _SOON * 2.0 ** min(30, self._failures - 1))
        elif before != after or (self._lacked and not self.is_vague):
            longest = min(_SOON, config.refresh)
        else:
            longest = config.refresh
        # What was asked of a resolver is the least that a lookup can have cost.
        floor = max(self._floor, watch.roster._questions * fleet / config.max_fleet_qps)
        longest = max(longest, floor, 0.01) * (1 + config.jitter)
        self.check(wait <= longest * (1 + 1e-9), "pace", f"the next lookup is in {wait:.2f} s, not {longest:.2f} s")
        self.check(wait >= min(self._floor, longest) * (1 - 1e-9), "qps", f"the next lookup is in {wait:.3f} s")

    def _forget(self) -> None:
        self._lacked = {}
        self._seen_at = {}
        self._evidence = self._sure_evidence = 0.0


def ips_of(endpoints: Endpoints) -> frozenset[bytes]:
    """Return the addresses of endpoints."""
    first = next(iter(endpoints), None)
    if first is None or isinstance(first, bytes):
        return endpoints  # type: ignore[return-value] # all are of one kind
    return frozenset(map(address_of, endpoints))


def _log_missed(sample: Told, known: int) -> float:
    """Return the logarithm of the chance that a sample misses someone who is there."""
    return math.log1p(-min(len(sample.addresses) / max(1, known), 0.999))
