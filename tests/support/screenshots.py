"""The pictures of the documentation: what commands print on a real terminal, written as SVG by `make screenshots`.

Each scene runs the real command on a pseudo-terminal, against a cluster's DNS on 127.0.0.1.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from peerdisco.testing import LocalCluster, Pod
from tests.support.commands import PATIENCE, environment

FOLDER = Path(__file__).parents[2] / "docs/_static"
COLUMNS = 100
_RESOLV_CONF = Path(__file__).parent / "data/pod-resolv.conf"
OWN = "200.96.0.59"
PODS = [Pod("200.96.1.50", "web-0"), Pod(OWN, "web-1"), Pod("200.96.2.24", "web-2")]
ANSI = re.compile(r"\x1b\[[0-9;]*m")
_FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)


class Terminal:
    """The other end of a pseudo-terminal, on which a command runs.

    Attributes:
        shown: what it has printed so far, with its colours.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Read on until this text has been printed."""
        while text not in self.shown:
            assert self._read(), f"the command ended without {text!r}: {self.shown}"

    def read_all(self) -> str:
        """Read on until the command ends, and return everything."""
        while self._read():
            continue
        return self.shown

    def _read(self) -> bool:
        readable, _, _ = select.select([self._descriptor], [], [], PATIENCE)
        assert readable, f"nothing was printed for {PATIENCE:g} s after {self.shown}"
        try:
            printed = os.read(self._descriptor, 65536)
        except OSError:  # EIO, where the command has ended
            return False
        self.shown += printed.decode().replace("\r\n", "\n")
        return bool(printed)


@contextmanager
def on_terminal(line: str, env: Mapping[str, str], columns: int = COLUMNS, **settings: str) -> Iterator[Terminal]:
    """Run `peerdisco` on a terminal of so many columns in the block; it is ended by SIGTERM."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (60, columns))
    shown = {"TERM": "xterm-256color", "PYTHONUTF8": "1", **settings}
    process = subprocess.Popen(  # noqa: S603 - our own lines
        ["/bin/sh", "-c", f"exec {shlex.quote(sys.executable)} -m {line}"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={key: value for key, value in env.items() if key not in ("NO_COLOR", "COLUMNS")} | shown,
    )
    os.close(theirs)
    try:
        yield Terminal(ours)
    finally:
        process.terminate()
        process.wait(PATIENCE)
        os.close(ours)


def _in_pod(cluster: LocalCluster) -> dict[str, str]:
    settings = {"PEERDISCO_RESOLV_CONF": str(_RESOLV_CONF), "PEERDISCO_CLUSTER_DOMAIN": "", "PEERDISCO_TIMEOUT": "5"}
    return environment(cluster, OWN, KUBERNETES_SERVICE_HOST="10.96.0.1", **settings)


def _doctor(line: str) -> str:
    with LocalCluster() as cluster:
        cluster.headless("web", PODS, ports={"http": 80})
        cluster.cluster_ip("web-vip", "200.68.238.114")
        with on_terminal(line, _in_pod(cluster)) as terminal:
            return terminal.read_all()


def _watch(line: str) -> str:
    with LocalCluster() as cluster:
        cluster.headless("web", PODS[:2], ports={"http": 80})
        with on_terminal(line, _in_pod(cluster)) as terminal:
            terminal.wait_for("web-0")
            cluster.headless("web", PODS, ports={"http": 80})
            terminal.wait_for("web-2")
            cluster.fail("refused")
            terminal.wait_for("STALE")
            cluster.heal()
            terminal.wait_for("FRESH")
            cluster.headless("web", PODS[1:], ports={"http": 80})
            terminal.wait_for("REMOVED")
            return terminal.shown


class Scene(NamedTuple):
    """A command, and what happens while it runs."""

    line: str
    play: Callable[[str], str]


SCENES = {
    "doctor": Scene("peerdisco doctor web", _doctor),
    "doctor-not-headless": Scene("peerdisco doctor web-vip", _doctor),
    "watch": Scene("peerdisco watch web --port http 2>/dev/null", _watch),
}
"""Every picture, by the name of its file."""


def screen(scene: Scene) -> str:
    """Play a scene, and return what the terminal shows: the line that was typed, and what the command printed."""
    return f"$ {scene.line}\n{scene.play(scene.line).rstrip()}\n"


def masked(text: str) -> str:
    """Return the words of a text without its colours, and without what differs from run to run."""
    plain = ANSI.sub("", text).replace("\xa0", " ")
    for pattern in (r"127\.0\.0\.1:\d+", r"[\d.]+ ms", r"\d{4}-\d\d-\d\dT[\d:.]+Z"):
        plain = re.sub(pattern, "…", plain)
    return " ".join(plain.split())


def text_of(svg: Path) -> str:
    """Return what a picture shows, line by line."""
    lines: dict[float, list[tuple[float, str]]] = {}
    for element in ET.parse(svg).iter("{http://www.w3.org/2000/svg}text"):  # noqa: S314 - our own file
        if "clip-path" in element.attrib:
            at = float(element.attrib["y"])
            lines.setdefault(at, []).append((float(element.attrib["x"]), element.text or ""))
    return "\n".join("".join(part for _, part in sorted(parts)) for _, parts in sorted(lines.items()))


def draw(name: str) -> None:
    """Play a scene, and draw it."""
    from io import StringIO

    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(screen(SCENES[name])), soft_wrap=True, end="")
    svg = _FONT.sub("", console.export_svg(title=SCENES[name].line, unique_id=name))
    lines = (line.rstrip() for line in svg.splitlines())
    (FOLDER / f"{name}.svg").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    for each in SCENES:
        draw(each)
