"""Bugs that are planted in a copy of the package, to show that a simulated fleet finds them.

Law of this module: a bug whose place in the source is gone is an error, so that none is planted in vain.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_SEEDS = 4000


class Bug(NamedTuple):
    """A bug: in which module, what stands there, and what stands there instead."""

    module: str
    right: str
    wrong: str


BUGS = {
    "a confirmation is skipped": Bug(
        "_core/roster.py",
        "needed = self._config.removal_confirmations",
        "needed = self._config.removal_confirmations - 1",
    ),
    "a failure is taken for an empty list": Bug(
        "_core/roster.py",
        "        self._publish(self._said, stale=True)\n",
        "        self._list(frozenset(), self._said, now, stale=True)\n",
    ),
    "this Pod is not left out": Bug(
        "_core/discovery.py",
        "endpoints = listed.difference(own, outside) or NOBODY",
        "endpoints = listed.difference(outside) or NOBODY",
    ),
    "no lookup is planned after a failure": Bug(
        "_core/watcher.py",
        "self._plan(now, self.roster.wait(now))\n        self._counters.on_lookup(code_of(error)",
        "self._plan(now, math.inf)\n        self._counters.on_lookup(code_of(error)",
    ),
    "what is missing in a cut answer is gone": Bug(
        "_core/roster.py",
        "self._gone_by_chance(absent, present, listing) if listing.cut else self._gone_by_count(absent)",
        "self._gone_by_count(absent)",
    ),
    "a cut list is taken for a complete one": Bug(
        "_dns/lists.py", "complete=not is_truncated(reply))", "complete=True)"
    ),
    "an address keeps the name of the Pod that had it": Bug(
        "_core/roster.py",
        "gone |= {endpoint for endpoint in absent if address_of(endpoint) in moved}",
        "gone |= set()",
    ),
    "the pace of failures is never slowed": Bug(
        "_core/roster.py",
        "self._pace = min(self._config.max_backoff, _FIRST_WAIT if self.failures == 1 else self._pace * 2)",
        "self._pace = self._config.refresh * 3",
    ),
    "max_fleet_qps is ignored": Bug(
        "_core/roster.py",
        "floor = self._fleet * self._questions / config.max_fleet_qps",
        "floor = 0.0",
    ),
    "a list that is too old is kept": Bug(
        "_core/roster.py",
        "if self.failures and self._stale_in(now) <= 0 and self.peers._member_count:",
        "if self.failures and self._stale_in(now) <= -30 and self.peers._member_count:",
    ),
    "an exception of a subscriber ends the turn": Bug(
        "_poll_thread.py",
        "                self.watch.on_subscriber_error(error)\n",
        "                raise\n",
    ),
    "a denial over a cut answer empties the list at once": Bug(
        "_core/roster.py",
        "        return lacked.keys() - self._lacked.keys()\n",
        "        return set(absent) if len(absent) == len(self.peers) else lacked.keys() - self._lacked.keys()\n",
    ),
    "a cut SRV answer is obeyed": Bug(
        "_core/srv_discovery.py",
        "            and answer.complete\n            and all(target",
        "            and all(target",
    ),
    "the backoff has no end": Bug(
        "_core/roster.py",
        "self._pace = min(self._config.max_backoff, _FIRST_WAIT if self.failures == 1 else self._pace * 2)",
        "self._pace = _FIRST_WAIT if self.failures == 1 else self._pace * 2",
    ),
    "a failure undoes confirmations": Bug(
        "_core/roster.py",
        "        self.failures += 1\n",
        "        self.failures += 1\n        self._forget_absences()\n",
    ),
    "after one subscriber raised, the others hear nothing": Bug(
        "_poll_thread.py",
        "                self.watch.on_subscriber_error(error)\n",
        "                self.watch.on_subscriber_error(error)\n                break\n",
    ),
    "that there is no such name is taken for a failure": Bug(
        "_dns/reply.py",
        "        return Answer(Outcome.NXDOMAIN, ttl=ttl, canonical=canonical)",
        '        raise NoAnswer("malformed", "denied the name")',
    ),
    "who is missing is not asked about early": Bug(
        "_core/roster.py",
        "if self._lacked or self.peers._packed.endpoints is not known:",
        "if self.peers._packed.endpoints is not known:",
    ),
}


def seeds_to_find(bug: Bug, folder: Path) -> int:
    """Plant a bug in a copy of the package in a folder, and return how many stories it took to find it; 0 if none did.

    Raises:
        ValueError: What is to be replaced is not there, or not once.
    """
    shutil.copytree(ROOT / "peerdisco", folder / "peerdisco")
    module = folder / "peerdisco" / bug.module
    source = module.read_text("utf-8")
    if source.count(bug.right) != 1:
        raise ValueError(f"{bug.module} has {source.count(bug.right)} times: {bug.right}")
    module.write_text(source.replace(bug.right, bug.wrong), "utf-8")
    environ = os.environ | {"PYTHONPATH": f"{folder}:{ROOT}"}
    command = [sys.executable, "-P", "-m", "tests.faults", "--first", str(_SEEDS)]
    found = subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - ourselves
    if found.returncode not in (0, 1):
        raise ValueError(found.stderr)
    stories = int(found.stdout.split()[0])
    if stories and str(folder) not in found.stdout:
        raise ValueError(f"the copy was not used: {found.stdout}")
    return stories
