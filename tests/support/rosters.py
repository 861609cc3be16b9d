"""A roster with a clock and a chance of the test's own, and the answers to tell it."""

from peerdisco import DiscoveryConfig, Outcome
from peerdisco._core.addresses import pack_ip
from peerdisco._core.listing import Endpoint, Listing
from peerdisco._core.roster import Roster
from peerdisco.config import Options
from peerdisco.testing import FakeClock

THREE = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
TWO = THREE[:2]


def listed(*ips: str, own: str | None = None) -> Listing:
    """A complete answer."""
    endpoints: frozenset[Endpoint] = frozenset(map(pack_ip, ips))
    outcome = Outcome.FOUND if ips else Outcome.NXDOMAIN
    return Listing(outcome, endpoints, frozenset(() if own is None else (pack_ip(own),)), 30)


def cut(*ips: str, size: int, samples: int = 1) -> Listing:
    """The union of so many cut answers that hold `size` Pods each."""
    return listed(*ips)._replace(complete=False, cut=True, samples=samples, sample_size=size)


class Story:
    """A roster, its clock, and the number that its jitter is made from."""

    def __init__(self, options: Options | None = None, *, luck: float = 0.5) -> None:
        self.clock = FakeClock(1000.0)
        self.luck = luck
        config = DiscoveryConfig("svc", **(options or {}))
        self.roster = Roster(config, "svc.", clock=self.clock, random=lambda: self.luck)

    def on_listing(self, *listings: Listing) -> tuple[str, ...]:
        """The list after these answers."""
        for listing in listings:
            self.roster.on_listing(listing, self.clock())
        return self.roster.peers.ips

    def on_failure(self, times: int = 1) -> tuple[str, ...]:
        """The list after so many failures."""
        for _ in range(times):
            self.roster.on_failure(self.clock())
        return self.roster.peers.ips

    def wait(self) -> float:
        """Seconds until the next lookup."""
        return self.roster.wait(self.clock())
