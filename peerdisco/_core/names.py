"""Service names: from what a user gives to the one absolute name that DNS is asked for.

A stub resolver would walk the Pod's search list, which costs up to four questions a lookup. The name of a Service has
one form, `<service>.<namespace>.svc.<cluster domain>.`, so it is built here and asked once.
See https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from peerdisco._dns.query import LABEL, LONGEST_NAME
from peerdisco.errors import ConfigError

_PORT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_ADVICE = {"service": "; give the headless Service's name alone"}


def labels(key: str, text: object) -> list[str]:
    """Return the lower-case labels of a DNS name, without the final dot.

    Raises:
        ConfigError: The text is no DNS name; the message names `key` and says what the text looks like instead.
    """
    if not isinstance(text, str):
        raise ConfigError(key, text, f"must be text, not {type(text).__name__}")
    chain = text.lower().removesuffix(".").split(".")
    if not text.isascii() or not all(map(LABEL.fullmatch, chain)):  # some other letters' lower case is ASCII
        raise ConfigError(key, text, _complaint(text) + _ADVICE.get(key, ""))
    if _is_ip(text.removesuffix(".")):
        raise ConfigError(key, text, "is an IP address" + _ADVICE.get(key, ""))
    if len(text.removesuffix(".")) > LONGEST_NAME:
        raise ConfigError(key, text, f"is longer than the {LONGEST_NAME} characters of a DNS name")
    return chain


def label(key: str, text: object) -> str:
    """Return a single DNS label in lower case, such as a namespace.

    Raises:
        ConfigError: The text is no DNS label.
    """
    chain = labels(key, text)
    if len(chain) != 1:
        raise ConfigError(key, text, "must be one DNS label, without dots")
    return chain[0]


def is_service(name: str) -> bool:
    """Return whether an absolute name has a Service's form, `<service>.<namespace>.svc.<cluster domain>.`."""
    chain = name.split(".")
    return len(chain) > 4 and chain[2] == "svc"


def leaves_cluster(name: str, alias: str) -> bool:
    """Return whether an alias leaves the cluster domain that a Service's name, or one below it, lies in.

    The domain is what follows the last label `svc`, since a search domain behind a full name repeats that label.
    """
    chain = name.split(".")
    last = max((place for place, label in enumerate(chain) if label == "svc"), default=0)
    domain = ".".join(chain[last + 1 :])
    return last >= 2 and bool(domain) and not f".{alias.lower().removesuffix('.')}.".endswith(f".{domain}")


class ClusterPlace(NamedTuple):
    """Where in a cluster a Pod is, as far as its search list says; None where it does not.

    Attributes:
        namespace: the Pod's namespace.
        domain: the cluster domain.
    """

    namespace: str | None = None
    domain: str | None = None


def place_in(search: Iterable[str]) -> ClusterPlace:
    """Return what a search list says about the Pod: the kubelet writes `<ns>.svc.<D> svc.<D> <D>`, in this order.

    The first entry of the form `<ns>.svc.<D>` or `svc.<D>` is the Pod's own; `dnsConfig.searches` appends others, of
    any length. An entry that is no name is passed over.
    See https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-dns-policy.
    """
    place = ClusterPlace()
    for entry in search:
        try:
            chain = labels("search", entry)
        except ConfigError:
            continue
        if len(chain) > 2 and chain[1] == "svc":
            found = ClusterPlace(chain[0], ".".join(chain[2:]))
        elif len(chain) > 1 and chain[0] == "svc":
            found = ClusterPlace(None, ".".join(chain[1:]))
        else:
            continue
        if place.domain in (None, found.domain):
            place = found
        if place.namespace:
            break
    return place


def port_name(key: str, text: str) -> str:
    """Return the name of a port, as the Service declares it: a DNS label (RFC 1123 section 2.1).

    Raises:
        ConfigError: The text is no such name.
    """
    if not _PORT_NAME.fullmatch(text):
        problem = "must be a number from 1 to 65535, or a Service port's name: at most 63 of a-z, 0-9 and inner '-'"
        raise ConfigError(key, text, problem)
    return text


def needs_namespace(service: str) -> bool:
    """Return whether a Service is named without its namespace."""
    return "." not in service


@lru_cache(maxsize=1024)
def needs_domain(service: str) -> bool:
    """Return whether a Service is named without the cluster domain."""
    chain = service.lower().split(".")
    if not chain[-1]:
        return False
    return len(chain) <= 2 or (len(chain) == 3 and chain[2] == "svc")


@lru_cache(maxsize=1024)
def absolute(service: str, namespace: str = "", cluster_domain: str = "") -> str:
    """Return the Service's absolute name, in lower case and with its final dot.

    Args:
        service: `svc`, `svc.ns`, `svc.ns.svc`, or a full name with or without the final dot; already found valid.
        namespace: used if `service` has none.
        cluster_domain: used if `service` has none.

    Raises:
        ConfigError: The whole is too long for a DNS name.
    """
    name = service.lower()
    if needs_domain(name):
        chain = name.split(".")
        ns = chain[1] if len(chain) > 1 else namespace
        name = f"{chain[0]}.{ns}.svc.{cluster_domain}"
    name = name.removesuffix(".")
    if len(name) > LONGEST_NAME:
        raise ConfigError("service", service, f"gives a DNS name longer than {LONGEST_NAME} characters: {name}")
    return name + "."


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _complaint(text: str) -> str:
    if not text.strip(". \t\r\n"):
        return "is empty"
    if "://" in text:
        return "is a URL"
    if _is_ip(text.strip("[]")):
        return "is an IP address"
    if "/" in text:
        return "has a slash"
    if ":" in text:
        return "has a colon"
    if any(c.isspace() or not c.isprintable() for c in text):
        return "contains a blank or a control character"
    if any(len(part) > 63 for part in text.split(".")):
        return "has a label longer than 63 characters"
    return "is not a DNS name: use labels of a-z, 0-9, '_' and inner '-', with single dots between them"
