"""Replies of a real CoreDNS, as they came."""

from pathlib import Path
from typing import NamedTuple

from peerdisco import Question


class Recorded(NamedTuple):
    """A question, and what CoreDNS sent back."""

    question: Question
    asked: bytes
    reply: bytes


def recorded() -> dict[str, Recorded]:
    """Every reply on file, by case and transport."""
    lines = (Path(__file__).parent / "data" / "coredns.txt").read_text("ascii").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return {
        f"{case}-{transport}": Recorded(
            Question(name, rtype),  # type: ignore[arg-type] # one of the types
            *map(bytes.fromhex, (asked, reply)),
        )
        for case, transport, name, rtype, asked, reply in rows
    }


CORPUS = recorded()
