"""Plain lists of addresses, read straight from the bytes of a reply (RFC 1035 section 4.1.3). No I/O.

Laws of this module:

- Records that are alike take a few operations in all, not some for each of them. Records of other types between and
  behind them are stepped over.
- Where nothing has changed, what was known before is given back.
- Whatever is no plain list, such as an alias, is None here: `peerdisco._dns.found` reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from peerdisco._dns.query import HEADER, IN, TYPES, is_truncated, question_end
from peerdisco._dns.records import CNAME, HEAD, LARGEST_TTL, OPT, name_end, take_apart
from peerdisco.answers import Answer, Outcome, Question

POINTER_TO_QUESTION = b"\xc0\x0c"
"""The compressed owner of a record that belongs to the name in the question."""

ADDRESS_SIZES = {TYPES["A"]: 4, TYPES["AAAA"]: 16}
"""Bytes of an address, by the type of its record."""

_TYPES = {size: rtype for rtype, size in ADDRESS_SIZES.items()}
_OPT_RECORD = struct.Struct("!BHHHHH")

# A list in more pieces than these is no plain one.
_MOST_RUNS = 16


class KnownList(NamedTuple):
    """A list as it was last read, and what a reply looks like that says the same in another order.

    Attributes:
        answer: what the list says.
        length: the bytes of the reply.
        opening: its bytes from behind the id to the first address.
        start: where its first record begins.
        head: what stands before each address.
        layout: where the addresses are; None where no reply is compared with this one.
        ending: what follows the last address.
    """

    answer: Answer
    length: int = 0
    opening: bytes = b""
    start: int = 0
    head: bytes = b""
    layout: struct.Struct | None = None
    ending: bytes = b""


_List = tuple[Sequence[bytes], int, int]
"""Addresses, their TTL, and where they end."""


def read_list(asked: bytes, reply: bytes, question: Question, known: Answer | None = None) -> Answer | None:
    """Return what a plain list of addresses says, or None where the reply is something else.

    Args:
        asked: the query.
        reply: a reply that fits it.
        question: what was asked.
        known: what was read last: given back where nothing has changed, or at least its set of addresses.

    Raises:
        ValueError: or another of `records.UNREADABLE`: the reply contradicts itself.
    """
    size = ADDRESS_SIZES.get(TYPES[question.rtype])
    _, flags, questions, count, authority, additional = HEADER.unpack_from(reply)
    if size is None or flags & 0xF or questions != 1 or not count:
        return None
    start = question_end(asked)
    name = asked[HEADER.size : start - 4]
    found = _read_alike(reply, start, count, size, name) or _read_runs(reply, start, count, size, name)
    if found is None:
        return None
    addresses, ttl, end = found
    is_plain = end == len(reply) if not additional else additional == 1 and _is_plain_opt(reply, end)
    if (authority or not is_plain) and take_apart(reply, end, (0, authority, additional)).rcode:
        return None
    return answer_of(addresses, ttl, known, complete=not is_truncated(reply))


def known_list(asked: bytes, reply: bytes, answer: Answer) -> KnownList:
    """Return what is kept of a reply, for `says_the_same`."""
    size, count = len(next(iter(answer.addresses))), HEADER.unpack_from(reply)[3]
    start = question_end(asked)
    owner = _owner_at(reply, start, asked[HEADER.size : start - 4])
    head = reply[start : start + len(owner) + HEAD.size]
    end = start + count * (len(head) + size)
    is_known = _ttl_of(head, owner, size) is not None  # else it is no head, and where it would end is a guess
    if is_known and answer.complete and count == len(answer.addresses) and end <= len(reply):
        layout = _layout(len(head), size, count)
        if _are_alike(reply, start, head, layout.unpack_from(reply, start)):
            return KnownList(answer, len(reply), reply[2:start] + head, start, head, layout, reply[end:])
    return KnownList(answer)


def says_the_same(known: KnownList, asked: bytes, reply: bytes) -> bool:
    """Return whether a reply fits a query and says what is known: then reading it would bring the same answer."""
    answer, length, opening, start, head, layout, ending = known
    if layout is None or len(reply) != length:
        return False
    addresses = layout.unpack_from(reply, start)
    is_alike = b"".join((asked[:2], opening, head.join(addresses), ending)) == reply
    return is_alike and not answer.addresses.difference(addresses)


def answer_of(addresses: Sequence[bytes], ttl: int, known: Answer | None, *, complete: bool) -> Answer:
    """Return the answer with these addresses: `known`, or at least its set of them, where they are the same."""
    # Less work than to make a set of them and compare that: as many as are known, and none of those is missing.
    if known is None or len(known.addresses) != len(addresses) or known.addresses.difference(addresses):
        return Answer(Outcome.FOUND, frozenset(addresses), ttl, complete)
    if known.ttl == ttl and known.complete is complete:
        return known
    return Answer(Outcome.FOUND, known.addresses, ttl, complete)


def _read_alike(reply: bytes, start: int, count: int, size: int, name: bytes) -> _List | None:
    """Reads records that are alike up to their address, all at once; None if they are not."""
    owner = _owner_at(reply, start, name)
    head = reply[start : start + len(owner) + HEAD.size]
    stride = len(head) + size
    end = start + count * stride
    # A long list that is not alike mostly ends in something else: that is seen before the work is done.
    if end > len(reply) or (count > 16 and not reply.startswith(head, end - stride)):
        return None
    ttl = _ttl_of(head, owner, size)
    if ttl is None:
        return None
    addresses = _layout(len(head), size, count).unpack_from(reply, start)
    return (addresses, ttl, end) if _are_alike(reply, start, head, addresses) else None


def _are_alike(reply: bytes, start: int, head: bytes, addresses: Sequence[bytes]) -> bool:
    """Return whether these addresses, each behind the same head, are the very bytes that came: all heads at once."""
    return reply.startswith(head.join(addresses), start + len(head))


def _owner_at(reply: bytes, position: int, name: bytes) -> bytes:
    return POINTER_TO_QUESTION if reply.startswith(POINTER_TO_QUESTION, position) else name


@lru_cache(maxsize=8)
def _layout(head: int, size: int, count: int) -> struct.Struct:
    """The addresses of records side by side; kept, since a list has the same length most of the time."""
    return struct.Struct(f"{head}x{size}s" * count)


def _read_runs(reply: bytes, start: int, count: int, size: int, name: bytes) -> _List | None:
    """Reads a list that has a few runs of records that are alike, and a few records of other types."""
    addresses: list[bytes] = []
    least, position = LARGEST_TTL, start
    for _ in range(_MOST_RUNS):
        owner = _owner_at(reply, position, name)
        head = reply[position : position + len(owner) + HEAD.size]
        ttl = _ttl_of(head, owner, size)
        if ttl is None:
            rtype, position = _step_over(reply, position)
            if rtype in (_TYPES[size], CNAME):
                return None
            count -= 1
        else:
            many = _count_alike(reply, position, head, len(head) + size, count)
            run = _read_alike(reply, position, many, size, name)
            if run is None:
                return None
            found, _, position = run
            addresses += found
            least = min(least, ttl)
            count -= many
        if not count:
            return (addresses, least, position) if addresses else None
    return None


def _step_over(reply: bytes, position: int) -> tuple[int, int]:
    """The type of a record, and where it ends."""
    head = name_end(reply, position)
    rtype, _, _, length = HEAD.unpack_from(reply, head)
    return rtype, head + HEAD.size + length


def _count_alike(reply: bytes, start: int, head: bytes, stride: int, most: int) -> int:
    """How many records seem to have this head, if those that have it come first: looks at a dozen of them."""
    least = 1
    if most > 1 and not reply.startswith(head, start + stride):
        return 1
    while least < most:
        middle = (least + most + 1) // 2
        if reply.startswith(head, start + (middle - 1) * stride):
            least = middle
        else:
            most = middle - 1
    return least


def _ttl_of(head: bytes, owner: bytes, size: int) -> int | None:
    """The TTL that a record's head gives; None where it is no head of an address record of that owner."""
    if len(head) != len(owner) + HEAD.size or head[: len(owner)].lower() != owner:
        return None
    ttl: int
    rtype, rclass, ttl, length = HEAD.unpack_from(head, len(owner))
    if rtype != _TYPES[size] or rclass != IN or length != size or ttl > LARGEST_TTL:
        return None
    return ttl


def _is_plain_opt(reply: bytes, start: int) -> bool:
    """Whether the reply ends in an EDNS record without options, extended rcode or version."""
    if len(reply) != start + _OPT_RECORD.size:
        return False
    root, rtype, _, rcode_and_version, _, length = _OPT_RECORD.unpack_from(reply, start)
    return rtype == OPT and not (root or rcode_and_version or length)
