"""What a reply brings of the records asked for, with the aliases that lead to them (RFC 1034 section 3.6.2). No I/O.

Laws of this module:

- It finds what dnspython finds, in any order of records, in time that is linear in the length of the reply.
- It looks into aliases and into records of the type asked for; for SRV also into addresses in the additional section.
  All else, and records of another class, may contain anything.
- A reply in which nothing is found is None here: `peerdisco._dns.reply` says what that means.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from peerdisco._dns.lists import ADDRESS_SIZES, answer_of
from peerdisco._dns.query import HEADER, IN, TYPES, is_truncated
from peerdisco._dns.records import CNAME, HEAD, LARGEST_TTL, Message, Names, Record, name_end
from peerdisco.answers import Answer, Outcome, Question, SrvTarget

_T = TypeVar("_T")
# Priority, weight and port; the target comes next (RFC 2782).
_SRV_DATA = struct.Struct("!HHH")
# As many as dnspython follows.
_MOST_ALIASES = 16


def read_found(reply: bytes, message: Message, question: Question, known: Answer | None = None) -> Answer | None:
    """Return the answer that a reply brings, or None if it brings none.

    Args:
        reply: the bytes.
        message: the same, taken apart.
        question: what was asked.
        known: what was read last: given back where nothing has changed.

    Raises:
        ValueError: or another of `records.UNREADABLE`: the reply contradicts itself.
    """
    names, wanted = Names(reply), TYPES[question.rtype]
    read_data: Callable[[int, int], Any]
    match question.rtype:
        case "SRV":
            read_data = partial(_target, reply, names)
        case "PTR":
            read_data = names.read
        case _:
            read_data = partial(_address, reply, ADDRESS_SIZES[wanted])
    found: tuple[str, int, list[Any]] | None = _find(reply, message.answers, wanted, names, read_data)
    if found is None:
        return None
    canonical, ttl, data = found
    complete = not is_truncated(reply)
    if wanted in ADDRESS_SIZES and not canonical:
        return answer_of(data, ttl, known, complete=complete)
    answer = Answer(Outcome.FOUND, ttl=ttl, complete=complete, canonical=canonical)
    match question.rtype:
        case "SRV":
            targets = tuple([SrvTarget(name, port) for _, _, port, name in dict.fromkeys(data)])
            return answer._replace(targets=targets, glue=_glue(reply, message.additional, names))
        case "PTR":
            return answer._replace(names=tuple(dict.fromkeys(data)))
        case _:
            return answer._replace(addresses=frozenset(data))


def _find(
    reply: bytes, answers: list[Record], wanted: int, names: Names, read_data: Callable[[int, int], _T]
) -> tuple[str, int, list[_T]] | None:
    """Follows the aliases: the name that they lead to, if any; the least TTL on the way; the data of the records."""
    asked = name = names.read(HEADER.size, name_end(reply, HEADER.size))
    aliases: dict[str, list[tuple[int, str]]] = {}
    records: dict[str, list[tuple[int, _T]]] = {}
    for start, rtype, rclass, ttl, data, end in answers:
        if rclass != IN or rtype not in (wanted, CNAME):
            continue
        owner = names.read(start, data - HEAD.size)
        seconds = ttl if ttl <= LARGEST_TTL else 0
        if rtype == CNAME:
            aliases.setdefault(owner, []).append((seconds, names.read(data, end)))
        else:
            records.setdefault(owner, []).append((seconds, read_data(data, end)))
    least = LARGEST_TTL
    for _ in range(_MOST_ALIASES):
        if name in records:
            least = min(least, *(ttl for ttl, _ in records[name]))
            return "" if name == asked else name, least, [found for _, found in records[name]]
        if name not in aliases:
            return None
        least = min(least, *(ttl for ttl, _ in aliases[name]))
        # Of several aliases for one name, dnspython follows the last.
        name = aliases[name][-1][1]
    raise ValueError("its aliases do not come to an end")


def _glue(reply: bytes, additional: list[Record], names: Names) -> dict[str, tuple[bytes, ...]]:
    """The addresses that came along, by name; those of IPv4 first."""
    glue: dict[str, dict[bytes, None]] = {}
    for start, rtype, rclass, _, data, end in additional:
        if rclass == IN and rtype in ADDRESS_SIZES:
            address = _address(reply, ADDRESS_SIZES[rtype], data, end)
            glue.setdefault(names.read(start, data - HEAD.size), {})[address] = None
    return {name: tuple(sorted(found, key=len) if len(found) > 1 else found) for name, found in glue.items()}


def _address(reply: bytes, size: int, start: int, end: int) -> bytes:
    if end - start != size:
        raise ValueError("an address is too long or too short")
    return reply[start:end]


def _target(reply: bytes, names: Names, start: int, end: int) -> tuple[int, int, int, str]:
    priority, weight, port = _SRV_DATA.unpack_from(reply, start)
    return priority, weight, port, names.read(start + _SRV_DATA.size, end)
