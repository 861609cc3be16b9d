"""What can go wrong: one tree, messages that say what to do, and errors that cross process borders."""

import pickle

import pytest

from peerdisco import ConfigError, LookupFailed, NotHeadlessError, PeerDiscoError, PeersNotReady, Question
from peerdisco.errors import Attempt, Reason

WEB = "web.default.svc.cluster.local."
ERRORS: list[PeerDiscoError] = [
    PeerDiscoError("text"),
    ConfigError("refresh", 0, "must be above 0"),
    LookupFailed(Question(WEB, "A"), "timeout"),
    LookupFailed(f"{WEB} A", "servfail", (Attempt("10.96.0.10:53", "udp", "servfail", "answered SERVFAIL"),)),
    NotHeadlessError(WEB, "10.96.0.7"),
    PeersNotReady("0 of 2 peers after 5 s"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_pickle(error: PeerDiscoError) -> None:
    """An error is the same after a journey to another process."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - what was pickled here

    assert type(error) is type(copy)
    assert (str(error), error.__dict__) == (str(copy), copy.__dict__)


@pytest.mark.parametrize("kind", [ConfigError, LookupFailed, NotHeadlessError, PeersNotReady])
def test_one_base(kind: type[Exception]) -> None:
    """Whoever catches PeerDiscoError has caught all."""
    assert issubclass(kind, PeerDiscoError)


def test_the_builtin_kin() -> None:
    """Two errors are what Python calls them as well, and none is an OSError by accident."""
    assert issubclass(ConfigError, ValueError)
    assert issubclass(PeersNotReady, TimeoutError)
    assert not issubclass(LookupFailed, (OSError, ValueError))


def test_config_error_names_key_and_value() -> None:
    """The message begins with what was given, and a long value is cut; one that can't be shown has its type named."""
    assert str(ConfigError("refresh", 0, "must be above 0")) == "refresh=0: must be above 0"
    long = str(ConfigError("own_ips", "x" * 1000, "is no address"))
    assert long.startswith("own_ips='xxx")
    assert long.endswith("...: is no address")
    assert len(long) < 150
    assert str(ConfigError("timeout", 10**5000, "is too long")) == "timeout=<int>: is too long"


def test_lookup_failed_tells_the_story() -> None:
    """Question, servers, what happened (the same thing once, with its number) and the cure."""
    silent = Attempt("10.96.0.10:53", "udp", "timeout", "did not answer")
    refused = Attempt("[fd00::a]:53", "tcp", "refused", "refused: nothing listens there")
    error = LookupFailed(Question(WEB, "A"), "refused", (silent, refused, silent))

    assert str(error).startswith(
        f"no answer to {WEB} A: 10.96.0.10:53 over UDP did not answer (2 times); "
        "[fd00::a]:53 over TCP refused: nothing listens there. "
    )
    assert (f"{WEB} A", "refused", 3) == (error.question, error.reason, len(error.attempts))


@pytest.mark.parametrize(
    ("reason", "cure"),
    [
        ("timeout", "NetworkPolicy"),
        ("servfail", "CoreDNS"),
        ("refused", "nameserver"),
        ("malformed", "garbles"),
        ("truncated", "port 53 open for TCP"),
        ("no_nameserver", "/etc/resolv.conf"),
    ],
)
def test_every_reason_has_a_cure(reason: Reason, cure: str) -> None:
    """A failure says what to look at."""
    assert cure in str(LookupFailed("x. A", reason))
