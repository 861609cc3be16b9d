"""How a command tells what went wrong: as text, or as one JSON object. Both name options by their flags.

Laws of this module:

- Text goes to standard error. Where JSON is asked for, the object goes to standard output, on a line of its own, and
  nothing to standard error.
- Every object has `code`, `message` and `page`; what else it has depends on the code alone.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping

from peerdisco.cli._arguments import BadUsage
from peerdisco.cli._doctor_report import PAGE
from peerdisco.errors import ConfigError, LookupFailed, NotHeadlessError, PeerDiscoError


def tell(error: PeerDiscoError | BadUsage, flags: Mapping[str, str], *, as_json: bool) -> None:
    """Print an error.

    Args:
        error: what went wrong.
        flags: what each option is called on this command line.
        as_json: whether to print an object.
    """
    if as_json:
        print(json.dumps({"error": _as_dict(error, flags)}))
        return
    usage = error.usage if isinstance(error, BadUsage) else ""
    print(f"{usage}peerdisco: {_message(error, flags)}", file=sys.stderr)


def in_flags(text: str, flags: Mapping[str, str]) -> str:
    """Return a text in which each option that stands in backticks is called by its flag."""
    return re.sub(r"`(\w+)`", lambda found: f"`{flags.get(found[1], found[1])}`", text)


def renamed(error: ConfigError, flags: Mapping[str, str]) -> ConfigError:
    """Return the same error, which names options by their flags."""
    value = error.value
    if isinstance(value, (list, tuple)) and len(value) == 1:  # a flag that may be repeated, given once
        value = value[0]
    return ConfigError(_name_of(error.key, flags), value, in_flags(error.problem, flags), error.code)


def _message(error: PeerDiscoError | BadUsage, flags: Mapping[str, str]) -> str:
    return str(renamed(error, flags)) if isinstance(error, ConfigError) else in_flags(str(error), flags)


def _name_of(option: str, flags: Mapping[str, str]) -> str:
    """Return what an option is called: its flag, else the variable that set it."""
    variable = f"PEERDISCO_{option.upper()}"
    return flags.get(option, variable if variable in os.environ else option)


def _as_dict(error: PeerDiscoError | BadUsage, flags: Mapping[str, str]) -> dict[str, object]:
    code = ConfigError.code if isinstance(error, BadUsage) else error.code
    told: dict[str, object] = {"code": code, "message": _message(error, flags), "page": f"{PAGE}#{code}"}
    match error:
        case BadUsage():
            told["usage"] = " ".join(error.usage.removeprefix("usage: ").split())
        case ConfigError():
            told["option"] = _name_of(error.key, flags)
        case LookupFailed():
            told["question"] = error.question
            told["attempts"] = [attempt._asdict() for attempt in error.attempts]
        case NotHeadlessError():
            told |= {"service": error.service, "address": error.address}
    return told
