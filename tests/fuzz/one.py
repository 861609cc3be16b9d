"""Fuzzes one target in a process of its own: `python -m tests.fuzz.one TARGET SECONDS CORPUS… [libFuzzer option…]`.

With atheris, libFuzzer mutates inputs towards new branches of the package. Where atheris does not install, hypothesis
makes inputs from the corpus and from nothing. Both end in a line `executions: N`, and print an input that fails.
"""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LONGEST = 8192
"""Bytes of an input."""

_BY_LIBFUZZER = 0.6


def by_atheris(atheris: Any, target: str, options: list[str]) -> None:
    """Fuzz until the time is up; this process ends with it."""
    with atheris.instrument_imports(include=["peerdisco"]):
        from tests.fuzz.targets import TARGETS

    law = TARGETS[target]

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        # libFuzzer mostly breaks what it changes; one byte alone leaves a message that can be read.
        random = Random(seed)
        if not data or random.random() < _BY_LIBFUZZER:
            return bytes(atheris.Mutate(data, longest))
        place = random.randrange(len(data))
        byte = random.choice((*b"\0\1\x7f\x80\xc0\xff", random.randrange(256), data[place] ^ 1 << random.randrange(8)))
        return data[:place] + bytes([byte]) + data[place + 1 :]

    flags = [sys.argv[0], f"-max_len={LONGEST}", "-print_final_stats=1", *options]
    atheris.Setup(flags, law, custom_mutator=mutate)
    atheris.Fuzz()


def by_hypothesis(target: str, seconds: float, artifacts: str) -> int:
    """Fuzz until the time is up, and return how many inputs there were."""
    from tests.fuzz.targets import TARGETS, corpus

    known = list(corpus(target).values()) or [b""]
    until, count = time.monotonic() + seconds, 0

    def changed(data: bytes, place: int, removed: int, added: bytes) -> bytes:
        at = place % (len(data) + 1)
        return data[:at] + added + data[at + removed :]

    once = st.builds(
        changed, st.sampled_from(known), st.integers(0, LONGEST), st.integers(0, 20), st.binary(max_size=20)
    )
    inputs = st.one_of(
        once, once, st.builds(changed, once, st.integers(0, LONGEST), st.integers(0, 20), st.binary(max_size=20)),
        st.binary(max_size=300),
    )  # fmt: skip

    @settings(max_examples=200, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(inputs)
    def run(data: bytes) -> None:
        nonlocal count
        count += 1
        _keeping_failures(TARGETS[target], data, artifacts)

    while time.monotonic() < until:
        run()
    return count


def _keeping_failures(law: Callable[[bytes], None], data: bytes, artifacts: str) -> None:
    try:
        law(data)
    except BaseException:
        Path(artifacts).mkdir(parents=True, exist_ok=True)
        Path(artifacts, "crash-hypothesis").write_bytes(data)  # the last is the smallest
        print("Base64:", base64.b64encode(data).decode())
        raise


def main() -> None:
    """Fuzz as the command line says."""
    target, seconds, artifacts, *rest = sys.argv[1:]
    try:
        import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore] # it has no types, if it is here
    except ImportError:
        print("executions:", by_hypothesis(target, float(seconds), artifacts))
    else:
        by_atheris(atheris, target, [f"-max_total_time={seconds}", f"-artifact_prefix={artifacts}/", *rest])


if __name__ == "__main__":
    main()
