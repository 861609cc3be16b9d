"""Every target by its name, and the inputs that it starts from: those in `corpus/`, and the replies on file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.fuzz import replies, texts
from tests.support.recorded import CORPUS as RECORDED

TARGETS: dict[str, Callable[[bytes], None]] = replies.TARGETS | texts.TARGETS
CORPUS = Path(__file__).parent / "corpus"
_KINDS = {"addresses": ("A", "AAAA"), "services": ("SRV", "PTR")}


def corpus(target: str) -> dict[str, bytes]:
    """Return the inputs of a target, by name."""
    kept = {path.name: path.read_bytes() for path in sorted(CORPUS.joinpath(target).glob("*"))}
    return kept | {case: data for case, data in _from_recorded(target).items() if data}


def _from_recorded(target: str) -> dict[str, bytes]:
    """Return the replies of a real CoreDNS, as a target takes them."""
    if target in _KINDS:
        kinds = _KINDS[target]
        return {
            case: bytes([kinds.index(row.question.rtype)]) + row.reply
            for case, row in RECORDED.items()
            if row.question.rtype in kinds
        }
    if target == "same":
        return {case: data[:1] + bytes(replies.CHANGE) + data[1:] for case, data in _from_recorded("addresses").items()}
    if target == "peers":
        return {
            case: bytes([number % len(replies.OPTIONS)]) + (len(row.reply).to_bytes(2) + row.reply) * 3
            for number, (case, row) in enumerate(RECORDED.items())
        }
    if target == "tcp":
        return {case: b"\x3f" + len(row.reply).to_bytes(2) + row.reply for case, row in RECORDED.items()}
    return {}
