"""What can go wrong, by name.

```
PeerDiscoError
├── ConfigError        (also a ValueError)    an option is invalid; nothing was sent
├── LookupFailed                              DNS could not say who is there
├── NotHeadlessError                          the Service has a ClusterIP: DNS can't name its Pods
└── PeersNotReady      (also a TimeoutError)  too few peers within the time given
```

Nobody being there is no error: it is an empty `PeerSet`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Reason = Literal["timeout", "servfail", "refused", "malformed", "truncated", "no_nameserver"]

_LONGEST_SHOWN = 100
_CURES: dict[Reason, str] = {
    "timeout": "Does a NetworkPolicy or firewall block port 53 (UDP and TCP), and is the DNS server running?",
    "servfail": (
        "The server is up but can't answer: CoreDNS can't reach the API server, or a cache refuses a list "
        "that is too large for it; see the server's log."
    ),
    "refused": "Is the nameserver's address right, and does it serve this cluster's names?",
    "malformed": "Something between here and the server garbles DNS, or the server is broken.",
    "truncated": "The list is too long for UDP, and TCP failed: is port 53 open for TCP as well?",
    "no_nameserver": "Give `nameservers`, or look at the Pod's /etc/resolv.conf and dnsPolicy.",
}


class PeerDiscoError(Exception):
    """The base of every error that peerdisco raises.

    Attributes:
        code: a slug that stays the same from one release to the next; logs, metrics and documentation use it as well.
    """

    code: str = "error"


class ConfigError(PeerDiscoError, ValueError):
    """An option is invalid. No query was sent.

    Attributes:
        key: the option's name, as it was given (`refresh`, `PEERDISCO_REFRESH`, …).
        value: what it was set to.
        problem: what is wrong with it.
        code: `bad-option`; where nothing gives it, `no-namespace` or `no-nameserver`.
    """

    code = "bad-option"

    def __init__(self, key: str, value: object, problem: str, code: str = "bad-option") -> None:
        # A variable's name may be anything that its value may be, and this line goes to logs and terminals.
        named = key if key.isprintable() else repr(key)[1:-1]
        is_missing = value is None and code != "bad-option"
        set_to = "" if is_missing else f"={_shown(value)}"
        super().__init__(f"{_cut(named)}{set_to}: {problem}")
        self.key = key
        self.value = value
        self.problem = problem
        self.code = code

    def __reduce__(self) -> tuple[type[ConfigError], tuple[str, object, str, str]]:
        return type(self), (self.key, self.value, self.problem, self.code)


class Attempt(NamedTuple):
    """One question to one server that brought no answer.

    Attributes:
        server: `10.96.0.10:53`.
        transport: `udp`, `tcp`, or empty where it has nothing to do with it.
        reason: the same words as `LookupFailed.reason`.
        detail: what happened, for people.
    """

    server: str
    transport: str
    reason: Reason
    detail: str

    def __str__(self) -> str:
        over = f" over {self.transport.upper()}" if self.transport else ""
        return f"{self.server}{over} {self.detail}"


class LookupFailed(PeerDiscoError):
    """DNS could not say who is there: an answer may exist, but none was had in time.

    Attributes:
        question: what was asked, e.g. `test-cs-svc.default.svc.cluster.local. A`.
        reason: `timeout`, `servfail`, `refused` (the DNS rcode or a closed port), `malformed`, `truncated` (too long
            for UDP, and TCP failed) or `no_nameserver`.
        attempts: every attempt, in order.
        advice: what to do about it.
    """

    def __init__(self, question: object, reason: Reason, attempts: tuple[Attempt, ...] = (), advice: str = "") -> None:
        self.question = str(question)
        self.reason: Reason = reason
        self.attempts = attempts
        self.advice = advice or _CURES[reason]
        self.code = reason.replace("_", "-")
        super().__init__(f"no answer to {self.question}: {self._story()}. {self.advice}")

    def with_advice(self, advice: str) -> LookupFailed:
        """Return the same error with further advice in front."""
        return LookupFailed(self.question, self.reason, self.attempts, f"{advice} {self.advice}")

    def _story(self) -> str:
        counts: dict[str, int] = {}
        for attempt in self.attempts:
            counts[str(attempt)] = counts.get(str(attempt), 0) + 1
        told = (f"{text} ({n} times)" if n > 1 else text for text, n in counts.items())
        return "; ".join(told) or self.reason

    def __reduce__(self) -> tuple[type[LookupFailed], tuple[str, Reason, tuple[Attempt, ...], str]]:
        return type(self), (self.question, self.reason, self.attempts, self.advice)


class NotHeadlessError(PeerDiscoError):
    """The Service has a ClusterIP, so DNS answers with that one virtual address instead of the Pods'.

    See https://kubernetes.io/docs/concepts/services-networking/service/#headless-services.

    Attributes:
        service: the Service's absolute name.
        address: its ClusterIP; None where DNS did not say.
    """

    code = "not-headless"

    def __init__(self, service: str, address: str | None) -> None:
        super().__init__(
            f"{service} is not headless: DNS answers with {address or 'one address'}, the Service's own ClusterIP, "
            "which stands for all its Pods and names none. Set `clusterIP: None` (on a new Service: the field can't be "
            "changed) and look that up."
        )
        self.service = service
        self.address = address

    def __reduce__(self) -> tuple[type[NotHeadlessError], tuple[str, str | None]]:
        return type(self), (self.service, self.address)


class PeersNotReady(PeerDiscoError, TimeoutError):
    """`wait_for` ended before enough peers were listed; the message says what was seen, and the likeliest cause.

    A broadcast to a list that no lookup has filled yet raises it as well, with the code `pending`.

    The code is that of the likeliest cause, such as `self-not-listed` or `no-ready-pods-or-typo`; else
    `peers-not-ready`.
    """

    def __init__(self, message: str, code: str = "peers-not-ready") -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[PeersNotReady], tuple[str, str]]:
        return type(self), (str(self), self.code)


def _shown(value: object) -> str:
    try:
        return _cut(repr(value))
    except Exception:  # noqa: BLE001 - a stranger's `__repr__`, or an integer of thousands of digits
        return f"<{type(value).__name__}>"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
