"""The options that commands share: each is a field of `DiscoveryConfig`, and defaults to its `PEERDISCO_` variable."""

from __future__ import annotations

import argparse
import os
from typing import cast

from peerdisco.config import DiscoveryConfig, Options
from peerdisco.errors import ConfigError

_OPTIONS = {
    "port": ("PORT", "a number, attached to each peer; or a port's name, looked up by SRV"),
    "namespace": ("NAME", "the Service's namespace, where NAME has none"),
    "cluster_domain": ("DOMAIN", "default: from the search list of resolv.conf, else cluster.local"),
    "family": ("FAMILY", "auto, ipv4, ipv6 or both"),
    "own_ips": ("IPS", "this Pod's addresses, separated by commas; they are left out"),
    "resolv_conf": ("PATH", "default: /etc/resolv.conf"),
    "timeout": ("SECONDS", "for {covers}, retries included; default: 5"),
    "allowed_networks": ("CIDRS", "separated by commas; addresses outside are dropped"),
}


def declare(parser: argparse.ArgumentParser, *, timeout: str = "--timeout", covers: str = "the whole lookup") -> None:
    """Declare the Service and the options of a lookup. Each flag is kept in the default `flags`, by the option's name.

    Args:
        parser: of the command.
        timeout: what the timeout of a lookup is called here.
        covers: what that timeout is for.
    """
    flags = {"service": "NAME", "nameservers": "--nameserver"}
    parser.add_argument(
        "service",
        metavar="NAME",
        nargs="?",
        help="the headless Service: svc, svc.ns, svc.ns.svc or a full name; default: PEERDISCO_SERVICE",
    )
    for name, (metavar, text) in _OPTIONS.items():
        flag = flags[name] = timeout if name == "timeout" else "--" + name.replace("_", "-")
        parser.add_argument(flag, dest=name, metavar=metavar, help=text.format(covers=covers))
    parser.add_argument(
        "--nameserver",
        dest="nameservers",
        action="append",
        metavar="ADDRESS",
        help="10.96.0.10, 127.0.0.1:5353 or [::1]:53; may be repeated; default: from resolv.conf",
    )
    parser.set_defaults(flags=flags)
    parser.epilog = "An option that is not given is read from the environment: PEERDISCO_PORT, PEERDISCO_OWN_IPS, ..."


def config_of(arguments: argparse.Namespace) -> DiscoveryConfig:
    """The config that arguments and environment ask for; an argument goes first.

    Raises:
        ConfigError: One of them is invalid.
    """
    options = {name: getattr(arguments, name) for name in given(arguments)}
    environ = dict(os.environ)
    if arguments.service is None and not environ.get("PEERDISCO_SERVICE"):
        raise ConfigError("service", "", "is missing; give the headless Service's name, or set PEERDISCO_SERVICE")
    if arguments.service is not None:
        environ["PEERDISCO_SERVICE"] = DiscoveryConfig(arguments.service).service
    return DiscoveryConfig.of(DiscoveryConfig.from_env(environ), cast("Options", options))


def given(arguments: argparse.Namespace) -> frozenset[str]:
    """Return the names of the options that arguments give."""
    return frozenset(name for name in (*_OPTIONS, "nameservers") if getattr(arguments, name) is not None)
