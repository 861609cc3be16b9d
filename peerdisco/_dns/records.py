"""Where the records of a message are, and what its names say (RFC 1035 section 4.1). No I/O.

Laws of this module:

- Records and names are those that dnspython finds. What it could not read raises one of `UNREADABLE`.
- The data of a record is not looked into until a name in it is asked for.
- The time is linear in the length of the message, whatever it contains: reading names takes at most `MOST_STEPS` steps,
  and a message that needs more is unreadable. A reply of 64 KiB from a name server needs a few dozen.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

UNREADABLE = (ValueError, IndexError, struct.error)
"""What reading a message raises that contradicts itself."""

MOST_STEPS = 4096
"""Labels and pointers that are followed to read the names of a message. What was read before takes no step: a whole
name, and all of a name but its first label."""

HEAD = struct.Struct("!HHIH")
"""What follows the owner of a record: type, class, TTL in seconds, and the length of the data that comes next."""

LARGEST_TTL = 0x7FFFFFFF
"""Seconds; a TTL above it counts as 0 (RFC 2181 section 8)."""

CNAME, OPT = 5, 41
"""Types of records: an alias (RFC 1035 section 3.3.1), and what carries EDNS (RFC 6891 section 6.1.2)."""

Record = tuple[int, int, int, int, int, int]
"""A record: where its owner begins; its type, class and TTL; where its data begins and ends."""

_Name = tuple[str, int, int]
"""The text without the root's dot; the number of bytes if written out; the number of pointers that are followed."""

_ROOT: _Name = ("", 1, 0)
_POINTER = 0xC0
_LONGEST_LABEL = 63
_LONGEST_NAME = 255
_MOST_POINTERS = 16

# How a byte of a label is written in text, in lower case (RFC 1035 section 5.1). dnspython escapes the same ones.
_TEXT = {
    byte: f"\\{byte:c}" if byte in b'"().;\\@$' else f"{byte:c}".lower() if 0x20 < byte < 0x7F else f"\\{byte:03}"
    for byte in range(256)
}


class Message(NamedTuple):
    """A message taken apart.

    Attributes:
        flags: the second field of the header.
        rcode: with the upper bits that EDNS adds (RFC 6891 section 6.1.3).
        answers: the records of the answer section.
        authority: those of the authority section.
        additional: those of the additional section.
    """

    flags: int
    rcode: int
    answers: list[Record]
    authority: list[Record]
    additional: list[Record]


def take_apart(message: bytes, start: int, counts: tuple[int, int, int]) -> Message:
    """Return the records of a message, from `start` to its end.

    Args:
        message: the bytes.
        start: where the first record begins.
        counts: how many records come in the answer, authority and additional section.

    Raises:
        ValueError: or another of `UNREADABLE`: the records do not end where the message ends.
    """
    answers, position = _section(message, start, counts[0])
    authority, position = _section(message, position, counts[1])
    additional, position = _section(message, position, counts[2])
    if position != len(message):
        raise ValueError("its last record does not end where it ends")
    flags = int.from_bytes(message[2:4])
    rcode = flags & 0xF
    for _, rtype, _, ttl, _, _ in additional:
        if rtype == OPT:
            rcode |= ttl >> 24 << 4
    return Message(flags, rcode, answers, authority, additional)


def _section(message: bytes, position: int, count: int) -> tuple[list[Record], int]:
    """Returns so many records that begin at a position, and where they end."""
    records = []
    unpack, head_size = HEAD.unpack_from, HEAD.size
    for _ in range(count):
        owner = position
        head = position + 2 if message[position] >= _POINTER else name_end(message, position)
        rtype, rclass, ttl, length = unpack(message, head)
        data = head + head_size
        position = data + length
        records.append((owner, rtype, rclass, ttl, data, position))
    return records, position


def name_end(message: bytes, position: int) -> int:
    """Return where a name ends, without a look at what its pointer leads to.

    Raises:
        ValueError: or another of `UNREADABLE`: it has no end.
    """
    while length := message[position]:
        if length >= _POINTER:
            return position + 2
        if length > _LONGEST_LABEL:
            raise ValueError("a name has a label of unknown kind")
        position += 1 + length
    return position + 1


class Names:
    """The names of one message, in lower case, with their final dot. Read them in the order in which they stand.

    Args:
        message: the bytes.
    """

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._steps = 0
        # What was read before, by its bytes: whole names, and all but the first label of one. A pointer that was right
        # in one name is right in every later one. By place: the bytes of names that pointers may lead to.
        self._by_bytes: dict[bytes, _Name] = {}
        self._by_place: dict[int, bytes] = {}

    def read(self, start: int, end: int) -> str:
        """Return the name that fills these bytes of the message.

        Raises:
            ValueError: or another of `UNREADABLE`: they are no name.
        """
        spelt = self._message[start:end]
        name = self._by_bytes.get(spelt)
        if name is None:
            name = self._by_bytes[spelt] = self._read(start, end)
            self._by_place[start] = spelt
        return name[0] or "."

    def _read(self, start: int, end: int) -> _Name:
        """Reads a new name: mostly a label in front of what is known."""
        message = self._message
        length = message[start]
        if not 0 < length <= _LONGEST_LABEL:
            return self._follow(start, start, end)
        position = start + 1 + length
        rest = message[position:end]
        name = self._by_bytes.get(rest)
        if name is None:
            name = self._by_bytes[rest] = self._follow(position, start, end)
        text, octets, pointers = name
        octets += 1 + length
        if octets > _LONGEST_NAME:
            raise ValueError("a name is too long")
        return f"{_text(message[start + 1 : position])}.{text}", octets, pointers

    def _follow(self, position: int, start: int, end: int) -> _Name:
        """Reads the part from a position on of a name that begins at `start`; its own bytes end at `end`."""
        message = self._message
        labels: list[str] = []
        octets = pointers = 0
        while True:
            first = position
            if message[position] < _POINTER:
                position = self._collect(labels, position)
                octets += position - first
            is_pointer = message[position] > 0
            position += 1 + is_pointer
            if position > end or (not pointers and position < end):
                raise ValueError("a name is longer or shorter than its place")
            if not is_pointer:
                text, more, further = _ROOT
                break
            target = int.from_bytes(message[position - 2 : position]) & 0x3FFF
            if target >= start:
                raise ValueError("a pointer does not lead back")
            pointers += 1
            # What a pointer leads to ends before the labels begin that the pointer comes after.
            position, start, end = target, target, start
            if target in self._by_place:
                spelt = self._by_place[target]
                text, more, further = self._by_bytes[spelt]
                if target + len(spelt) > end:
                    raise ValueError("a name is longer or shorter than its place")
                break
        octets += more
        pointers += further
        self._steps += len(labels) + pointers
        if octets > _LONGEST_NAME or pointers > _MOST_POINTERS or self._steps > MOST_STEPS:
            raise ValueError("its names are too long")
        return ".".join([*labels, text]), octets, pointers

    def _collect(self, labels: list[str], position: int) -> int:
        """Adds the labels from a position on; returns where the pointer or the final zero is."""
        message, last = self._message, position + _LONGEST_NAME
        while 0 < (length := message[position]) <= _LONGEST_LABEL:
            labels.append(_text(message[position + 1 : position + 1 + length]))
            position += 1 + length
            if position > last:
                raise ValueError("a name is too long")
        if 0 < length < _POINTER:
            raise ValueError("a name has a label of unknown kind")
        return position


def _text(label: bytes) -> str:
    if label.replace(b"-", b"").isalnum():  # nearly all are, and it takes half the time
        return label.lower().decode()
    return label.decode("latin-1").translate(_TEXT)
