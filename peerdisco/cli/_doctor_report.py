"""What a check-up comes to: checks with stable codes, in five groups. No I/O.

Laws of this module:

- A check has one code. A code is a lower-case slug that never changes its meaning.
- A check that warns or fails has a hint: what to do, and the page that says more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from peerdisco.errors import LookupFailed, Reason

Result = Literal["success", "warning", "error"]
FailOn = Literal["error", "warning"]

PAGE = "https://github.com/peerdisco/peerdisco/blob/main/docs/how-to/no-peers.md"

GROUPS = {
    "where": "where am I",
    "ask": "can I ask",
    "headless": "is it headless",
    "who": "who is there",
    "me": "me",
}
"""The groups in order: as `--only` takes them, and what they are called."""

GOOD = (
    "pod",
    "resolv-conf",
    "namespace",
    "cluster-domain",
    "own-addresses",
    "udp",
    "tcp",
    "namespace-exists",
    "alias",
    "headless",
    "listed",
    "families",
    "complete",
    "ttl",
    "ports",
    "named-port",
    "hostnames",
    "self-listed",
)
"""The codes of checks that found what should be."""

PROBLEMS = (
    "not-in-a-pod",
    "static-ips",
    "host-network",
    "no-cluster-search",
    "namespace-differs",
    "no-namespace",
    "bad-option",
    "wrong-cluster-domain",
    "no-nameserver",
    "timeout",
    "refused",
    "servfail",
    "malformed",
    "truncated",
    "dead-first-nameserver",
    "nameservers-disagree",
    "many-nameservers",
    "lost-replies",
    "slow",
    "no-edns",
    "no-tcp",
    "not-headless",
    "headless-unproven",
    "foreign-alias",
    "no-such-namespace",
    "no-ready-pods-or-typo",
    "no-data",
    "alone",
    "incomplete",
    "dropped-addresses",
    "stale",
    "self-not-listed",
)
"""The codes of checks that warn or fail; each is an anchor of `PAGE`."""


class Check(NamedTuple):
    """One check.

    Attributes:
        code: what was found.
        result: `success`, `warning` or `error`.
        description: what was seen.
        hint: what to do, and where to read more; empty where all is well.
    """

    code: str
    result: Result
    description: str
    hint: str = ""


class Category(NamedTuple):
    """The checks of one group."""

    name: str
    checks: tuple[Check, ...]


class Report(NamedTuple):
    """A whole check-up.

    Attributes:
        categories: the groups that were asked for, in order.
        fail_on: the mildest result that counts as unhealthy.
    """

    categories: tuple[Category, ...]
    fail_on: FailOn = "error"

    @property
    def success(self) -> bool:
        """Whether no check is unhealthy."""
        unhealthy = {"error", self.fail_on}
        return not any(check.result in unhealthy for check in self._checks())

    def problems(self, *results: Result) -> tuple[str, ...]:
        """Return the codes of all checks with one of these results, each once, in order."""
        return tuple(dict.fromkeys(check.code for check in self._checks() if check.result in results))

    def reworded(self, reword: Callable[[str], str]) -> Report:
        """Return the same report in other words."""
        categories = (
            category._replace(
                checks=tuple(
                    check._replace(description=reword(check.description), hint=reword(check.hint))
                    for check in category.checks
                )
            )
            for category in self.categories
        )
        return self._replace(categories=tuple(categories))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        categories = [
            {"name": category.name, "checks": [check._asdict() for check in category.checks]}
            for category in self.categories
        ]
        return {"success": self.success, "categories": categories}

    def _checks(self) -> Iterable[Check]:
        return (check for category in self.categories for check in category.checks)


def ok(code: str, description: str) -> Check:
    """Return a check that found what should be."""
    return Check(code, "success", description)


def warn(code: str, description: str, cure: str) -> Check:
    """Return a check that found something odd, with which peers may still be found."""
    return Check(code, "warning", description, _hint(code, cure))


def fail(code: str, description: str, cure: str) -> Check:
    """Return a check that found why peers are missing."""
    return Check(code, "error", description, _hint(code, cure))


def slug_of(reason: Reason) -> str:
    """Return the code of a reason why a question got no answer."""
    return reason.replace("_", "-")


def cure_of(reason: Reason) -> str:
    """Return what to do about it, as the exception says."""
    return LookupFailed("", reason).advice


def _hint(code: str, cure: str) -> str:
    return f"{cure} See {PAGE}#{code}"
