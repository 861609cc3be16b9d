"""The command line: `peerdisco`, or `python -m peerdisco`; a module for each command.

Laws of this module:

- What a command prints goes to stdout, everything else to stderr; `_errors` says where errors go.
- Where nobody reads on, as in `peerdisco lookup svc | head -1`, the command ends in silence, with the exit code that
  a shell shows of a program that SIGPIPE ended.
- What is printed to a stream that was closed from the start, as by `2>&-`, is lost: the other stream gets none of it.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from peerdisco._version import __version__
from peerdisco.cli import _errors, demo, doctor, lookup, wait, watch
from peerdisco.cli._arguments import BadUsage, Parser, wants_json
from peerdisco.errors import ConfigError, LookupFailed, NotHeadlessError, PeerDiscoError

_EXIT_CODES = {ConfigError: 2, LookupFailed: 3, NotHeadlessError: 4}
_BAD_USAGE = 2
_INTERRUPTED = 130
_NO_READER = 141
_WIDTH = 100
_TEXT = partial(argparse.RawDescriptionHelpFormatter, width=_WIDTH, max_help_position=28)


class Command(Protocol):
    """What a command's module has."""

    HELP: str

    def declare(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it, and return the exit code."""


_COMMANDS: dict[str, Command] = {"lookup": lookup, "wait": wait, "watch": watch, "doctor": doctor, "demo": demo}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments; default: the process's own.

    Returns:
        The exit code: 0 for success, 2 for an invalid option, 3 where DNS did not answer, 4 where the Service is not
        headless, 130 after Ctrl-C, 141 where the output has no reader any more; 1 is the command's own.

    Raises:
        SystemExit: argparse ended it: 0 after `--help` or `--version`, 2 where the arguments make no sense.
    """
    _open_closed_streams()
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        return _NO_READER
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_output()
        print(f"peerdisco: can't write the output: {error.strerror}", file=sys.stderr)
        return 1


def _run(argv: Sequence[str] | None) -> int:
    as_json = wants_json(sys.argv[1:] if argv is None else argv)
    try:
        arguments = _parser().parse_args(argv)
    except BadUsage as error:
        _errors.tell(error, {}, as_json=as_json)
        raise SystemExit(_BAD_USAGE) from None
    command = _COMMANDS[arguments.command]
    try:
        return command.run(arguments)
    except PeerDiscoError as error:
        _errors.tell(error, arguments.flags, as_json=as_json)
        return next((code for kind, code in _EXIT_CODES.items() if isinstance(error, kind)), 1)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _open_closed_streams() -> None:
    """Put something in the place of a stream that is None: `print` would send to stdout what is meant for stderr."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
            setattr(sys, name, nowhere)


def _discard_output() -> None:
    """Send what is still in the buffers nowhere, so that the interpreter does not complain as it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="peerdisco",
        description="Peer Pod IPs from a Kubernetes headless Service's DNS name.",
        formatter_class=_TEXT,
    )
    parser.set_defaults(flags={})
    parser.add_argument("--version", action="version", version=f"peerdisco {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in _COMMANDS.items():
        text = command.HELP
        added = commands.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", formatter_class=_TEXT
        )
        command.declare(added)
    return parser
