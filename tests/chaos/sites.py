"""The nameservers that break: a `LocalCluster` and, where the binary is had, a CoreDNS; each behind a `Middlebox`."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, Self, get_args

from peerdisco.testing import LocalCluster
from peerdisco.testing.cluster import Fault
from tests.chaos.middlebox import MEDDLINGS, Middlebox
from tests.e2e.api_server import ApiServer
from tests.e2e.coredns import CoreDNS, settled
from tests.e2e.corefiles import corefile

SERVICE = "svc"
PORTS = {"http": 80}
FAULTS: tuple[Fault, ...] = get_args(Fault)


class Site(Protocol):
    """A nameserver that serves one Service, and can be made to fail.

    Attributes:
        name: for the report.
        network: the first two bytes of its Pods' addresses.
        middlebox: what stands before it, and is asked.
    """

    name: str
    network: str
    middlebox: Middlebox

    def scale(self, pods: Sequence[str]) -> None:
        """Give the Service exactly these Pods."""

    def faults(self) -> dict[str, Callable[[random.Random], object]]:
        """Return each thing that can go wrong, by name."""

    def heal(self) -> None:
        """End every fault; when this returns, the server answers rightly."""


class LocalSite:
    """A `LocalCluster` that answers wrongly."""

    name = "LocalCluster"
    network = "10.1"

    def __init__(self, stack: ExitStack, seed: int) -> None:
        self._cluster = stack.enter_context(LocalCluster(seed=seed))
        self.middlebox = stack.enter_context(Middlebox(self._cluster.nameserver, seed))

    def scale(self, pods: Sequence[str]) -> None:
        """Give the Service exactly these Pods."""
        self._cluster.headless(SERVICE, pods, ports=PORTS)

    def faults(self) -> dict[str, Callable[[random.Random], object]]:
        """Return each thing that can go wrong, by name."""
        return {fault: self._failing(fault) for fault in FAULTS} | _meddlings(self.middlebox)

    def heal(self) -> None:
        """End every fault."""
        self._cluster.heal()
        self.middlebox.heal()

    def _failing(self, fault: Fault) -> Callable[[random.Random], object]:
        def fail(rng: random.Random) -> None:
            self._cluster.fail(fault, seconds=0.3 if fault == "delay" else None, times=rng.randint(1, 6))

        return fail


class CoreDnsSite:
    """A CoreDNS that is killed, stopped, cut off from its API server."""

    name = "CoreDNS"
    network = "10.2"

    def __init__(self, stack: ExitStack, seed: int, binary: Path) -> None:
        self._api = stack.enter_context(ApiServer())
        # As in a cluster, it waits for the objects before it answers. Else it may look for the Service before they have
        # come, see just after that they have, and deny it: its plugin asks whether it has synced after it has looked.
        text = corefile(self._api.url, ttl=0, startup_timeout="5s")
        self._coredns = stack.enter_context(CoreDNS(binary, text))
        self.middlebox = stack.enter_context(Middlebox(self._coredns.address, seed))
        self._partition = ExitStack()
        self._is_killed = False
        stack.callback(self.heal)

    def scale(self, pods: Sequence[str]) -> None:
        """Give the Service exactly these Pods."""
        self._api.headless(SERVICE, pods, ports=PORTS)

    def faults(self) -> dict[str, Callable[[random.Random], object]]:
        """Return each thing that can go wrong, by name."""
        ours: dict[str, Callable[[random.Random], object]] = {
            "kill": self._kill,
            "freeze": lambda _: self._signal(signal.SIGSTOP),
            "thaw": lambda _: self._signal(signal.SIGCONT),
            "partition": self._cut_off,
        }
        return ours | _meddlings(self.middlebox)

    def heal(self) -> None:
        """End every fault; come back when CoreDNS knows every object."""
        self.middlebox.heal()
        self._partition.close()
        self._signal(signal.SIGCONT)
        if self._is_killed:
            self._coredns.restart()
            self._is_killed = False
        settled(self._coredns, self._api)

    def _kill(self, _: random.Random) -> None:
        self._signal(signal.SIGCONT)
        self._coredns.kill()
        self._is_killed = True

    def _cut_off(self, _: random.Random) -> None:
        self._partition.close()
        self._partition.enter_context(self._api.paused())

    def _signal(self, number: signal.Signals) -> None:
        if not self._is_killed:
            os.kill(self._coredns._process.pid, number)


def _meddlings(box: Middlebox) -> dict[str, Callable[[random.Random], object]]:
    def meddling(index: int) -> Callable[[random.Random], object]:
        return lambda rng: box.meddle(MEDDLINGS[index], rng.randint(1, 6))

    return {name: meddling(index) for index, name in enumerate(MEDDLINGS)}


class Declared:
    """The Pods of a site: the core, which never goes, and others that come and go.

    Args:
        site: where they are declared.
        rng: makes the numbers.
    """

    def __init__(self, site: Site, rng: random.Random) -> None:
        self._site, self._rng = site, rng
        self.own = f"{site.network}.0.1"
        self.core = tuple(f"{site.network}.0.{last}" for last in (2, 3))
        self.peers: tuple[str, ...] = ()
        self.scale(3)

    def scale(self, count: int) -> Self:
        """Declare so many others, each at an address of its own choice."""
        numbers = self._rng.sample(range(4096), count)
        others = (f"{self._site.network}.{16 + number // 256}.{number % 256}" for number in numbers)
        self.peers = (*self.core, *others)
        self._site.scale((self.own, *self.peers))
        return self
