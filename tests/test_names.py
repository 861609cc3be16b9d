"""A service reference to its absolute name, and what is none."""

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerdisco import ConfigError
from peerdisco._core import names
from peerdisco._dns.query import is_name
from tests.support import bad_input

LABELS = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?", fullmatch=True)
NO_NAME = "is not a DNS name: use labels of a-z, 0-9, '_' and inner '-', with single dots between them"
SPELT = st.text(st.sampled_from("aA0.-_ :/[]%\x00\n\u212a\u0130é"), max_size=70)


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("web", "web.shop.svc.k8s.example."),
        ("web.other", "web.other.svc.k8s.example."),
        ("web.other.svc", "web.other.svc.k8s.example."),
        ("web.svc", "web.svc.svc.k8s.example."),
        ("web.svc.svc", "web.svc.svc.k8s.example."),
        ("web.other.svc.cluster.local", "web.other.svc.cluster.local."),
        ("web.other.svc.cluster.local.", "web.other.svc.cluster.local."),
        ("web.other.SVC", "web.other.svc.k8s.example."),
        ("WEB", "web.shop.svc.k8s.example."),
        ("web.example.com", "web.example.com."),
        ("web.", "web."),
        ("web.other.", "web.other."),
        ("web.other.svc.", "web.other.svc."),
        ("_web", "_web.shop.svc.k8s.example."),
        ("1web", "1web.shop.svc.k8s.example."),
    ],
)
def test_every_form(service: str, name: str) -> None:
    """Each form becomes one absolute name; a final dot says that it is one already."""
    assert name == names.absolute(service, "shop", "k8s.example")


@pytest.mark.parametrize(
    ("service", "namespace", "domain"),
    [
        ("web", True, True),
        ("web.shop", False, True),
        ("web.shop.svc", False, True),
        ("web.shop.svc.cluster.local", False, False),
        ("web.example.com", False, False),
        ("web.", False, False),
    ],
)
def test_what_a_form_leaves_out(service: str, namespace: bool, domain: bool) -> None:
    """Only what is needed is looked for in the environment."""
    assert namespace is names.needs_namespace(service)
    assert domain is names.needs_domain(service)


@pytest.mark.parametrize("text", bad_input.SERVICES.values(), ids=bad_input.SERVICES)
def test_no_name(text: Any) -> None:
    """What is no chain of labels is refused, by key and value."""
    with pytest.raises(ConfigError) as raised:
        names.labels("service", text)

    assert ("service", text) == (raised.value.key, raised.value.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        (" . ", "is empty"),
        ("http://web", "is a URL"),
        ("10.0.0.1", "is an IP address"),
        ("10.0.0.1.", "is an IP address"),
        ("fd00::1", "is an IP address"),
        ("[fd00::1]", "is an IP address"),
        ("web/", "has a slash"),
        ("web:80", "has a colon"),
        ("my web", "contains a blank"),
        ("web\0", "contains a blank or a control character"),
        ("a" * 64, "longer than 63"),
        (".".join(["a" * 60] * 5), "longer than the 253"),
        ("web..shop", "is not a DNS name"),
        ("-web", "is not a DNS name"),
        (b"web", "must be text, not bytes"),
        (None, "must be text, not NoneType"),
    ],
)
def test_what_is_wrong(text: Any, problem: str) -> None:
    """The message says what the text looks like instead."""
    with pytest.raises(ConfigError, match=problem):
        names.labels("service", text)


@pytest.mark.parametrize("text", ["10.0.0.1", "web:80"])
def test_what_to_give_instead(text: str) -> None:
    """Where a Service is meant, the message says what to give; elsewhere it does not."""
    problems = []
    for key in ("service", "namespace"):
        with pytest.raises(ConfigError) as raised:
            names.labels(key, text)
        problems.append(raised.value.problem)

    assert problems[0] == f"{problems[1]}; give the headless Service's name alone"


def test_the_longest_name() -> None:
    """253 characters are a name, with or without the final dot; one more is none."""
    longest = ".".join(["a" * 63] * 3 + ["a" * 61])

    assert 4 == len(names.labels("service", longest)) == len(names.labels("service", longest + "."))
    assert longest + "." == names.absolute(longest)
    with pytest.raises(ConfigError):
        names.labels("service", longest + "a")
    with pytest.raises(ConfigError, match="longer than 253") as raised:
        names.absolute("web", "shop", longest)
    assert (raised.value.key, raised.value.value) == ("service", "web")


@given(st.lists(LABELS, min_size=1, max_size=6), st.booleans())
def test_any_name(labels: list[str], absolute: bool) -> None:
    """Any chain of labels that is no address is a name, and its absolute form has one final dot, in lower case."""
    text = ".".join(labels) + "." * absolute
    try:
        chain = names.labels("service", text)
    except ConfigError:
        ip_address(".".join(labels))  # which raises unless that is why
        return
    name = names.absolute(text.upper(), "shop", "cluster.local")

    assert labels == chain
    assert name.endswith(".")
    assert not name.endswith("..")
    assert name == name.lower()
    assert name.startswith(text.lower())
    assert is_name(name)


@given(st.one_of(SPELT, st.text(max_size=40)))
def test_any_text(text: str) -> None:
    """Any text is a chain of ASCII labels, or refused; nothing else happens."""
    try:
        chain = names.labels("service", text)
    except ConfigError:
        return
    assert ".".join(chain) == text.removesuffix(".").lower()
    assert text.isascii()


@pytest.mark.parametrize("text", ["a.b", "a.b.", "", "A b"])
def test_a_label_is_one(text: str) -> None:
    """A namespace has no dots."""
    with pytest.raises(ConfigError) as raised:
        names.label("namespace", text)

    assert (raised.value.key, raised.value.value) == ("namespace", text)
    assert (raised.value.problem == "must be one DNS label, without dots") is text.startswith("a.b")


def test_a_label_in_lower_case() -> None:
    """DNS knows no difference."""
    assert names.label("namespace", "Shop") == "shop"


@pytest.mark.parametrize("text", ["http", "80-80", "h2", "a", "a--b", "a" * 63])
def test_port_names(text: str) -> None:
    """What Kubernetes allows as a port's name."""
    assert text == names.port_name("port", text)


@pytest.mark.parametrize("text", ["", "-http", "http-", "HTTP", "a.b", "my_port", "a" * 64, "h t", "http\n", "h\u0661"])
def test_no_port_names(text: str) -> None:
    """What Kubernetes does not."""
    with pytest.raises(ConfigError) as raised:
        names.port_name("port", text)

    assert ("port", text) == (raised.value.key, raised.value.value)
    assert raised.value.problem == (
        "must be a number from 1 to 65535, or a Service port's name: at most 63 of a-z, 0-9 and inner '-'"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web-0.web.default.svc.cluster.local.", True),
        ("_dns.example", True),
        ("a\\.b.example.", False),
        ("*.example.", False),
        ("", False),
        (".", False),
        ("a" * 64 + ".", False),
        (".".join(["a" * 63] * 4) + ".", False),
    ],
)
def test_names_from_dns(text: str, expected: bool) -> None:
    """What DNS names is asked for only where it has the same grammar."""
    assert expected is is_name(text)


@pytest.mark.parametrize(
    ("name", "is_service"),
    [("web.default.svc.local.", True), ("web.default.svc.", False), ("web.svc.default.local.", False)],
)
def test_a_services_form(name: str, is_service: bool) -> None:
    """A Service's name has a domain behind `svc`, of one label at least."""
    assert names.is_service(name) is is_service


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        (". .", "is empty"),
        ("X X", "contains a blank or a control character"),
        ("X[fd00::1]", "has a colon"),
        ("X!", NO_NAME),
        ("http://svc", "is a URL"),
        ("[fd00::1]", "is an IP address"),
        ("svc/web", "has a slash"),
        ("svc:80", "has a colon"),
        ("a b", "contains a blank or a control character"),
        ("a" * 64 + ".b", "has a label longer than 63 characters"),
        ("10.0.0.1", "is an IP address"),
        (f"{'a' * 63}.-", NO_NAME),
        (f"{'a' * 33}..{'b' * 33}", NO_NAME),
    ],
)
def test_what_is_wrong_with_a_name(text: str, problem: str) -> None:
    """The error says what the text looks like instead, in these words."""
    with pytest.raises(ConfigError) as raised:
        names.labels("search", text)
    assert (raised.value.key, raised.value.problem) == ("search", problem)
