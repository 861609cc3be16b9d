"""A Service of Pods behind a named port, answer by answer: its addresses, its SRV records, its targets."""

from collections.abc import Mapping

from peerdisco import Answer, LookupFailed, Outcome, Peer, Question
from peerdisco._core.addresses import pack_ip, text_of
from peerdisco._core.discovery import Discovery
from peerdisco._core.listing import UNLIMITED, Limits, Listing
from peerdisco.answers import SrvTarget
from tests.support.lookups import answered, named

WEB = "web.default.svc.cluster.local."


def srv(targets: Mapping[str, tuple[str, ...]], *, complete: bool = True, port: int = 80) -> Answer:
    """An SRV answer: targets below the Service, and their glue."""
    names = {label: f"{label}.{WEB}" for label in targets}
    glue = {names[label]: tuple(map(pack_ip, addresses)) for label, addresses in targets.items() if addresses}
    return Answer(
        Outcome.FOUND, ttl=30, complete=complete, targets=tuple(SrvTarget(n, port) for n in names.values()), glue=glue
    )


def peers(listing: Listing) -> list[Peer]:
    """The endpoints of a listing as peers, in order."""
    found = [endpoint for endpoint in listing.endpoints if not isinstance(endpoint, bytes)]
    return sorted(Peer(text_of(ip), port or None, name or None) for ip, port, name in found)


class Zone:
    """Answers for a Service: its addresses, its SRV answers in turn (the last one stays), its targets."""

    def __init__(self, everyone: list[str], *answers: Answer | None, targets: Mapping[str, str] | None = None) -> None:
        self.everyone = everyone
        self.answers = list(answers)
        self.ttl = 30
        self.targets = targets or {}
        self.asked: list[Question] = []

    def __call__(self, question: Question) -> Answer:
        """Answer one question."""
        self.asked.append(question)
        if question.name == WEB and question.rtype != "SRV":
            return Answer.of(question, self.everyone, ttl=self.ttl)
        if question.rtype != "SRV":
            ip = self.targets.get(question.name.partition(".")[0])
            return Answer.of(question, [ip] if ip else [])
        if question.name.startswith("_") and "._tcp." not in question.name:
            return Answer(Outcome.NXDOMAIN)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise LookupFailed(question, "servfail")
        return answer

    @property
    def asked_by_name(self) -> list[str]:
        """The labels of the targets that were asked for."""
        return [question.name.partition(".")[0] for question in self.asked if question.rtype == "A"][1:]


def looked(zone: Zone, subject: Discovery | None = None, limits: Limits = UNLIMITED, now: float = 0.0) -> Listing:
    """Look the Service up once."""
    zone.asked.clear()
    return answered((subject or named()).steps(limits, now), zone)[0]


def ports_differ(*, complete: bool = True) -> Answer:
    """An SRV answer with one Pod's glue, and two more targets at other ports."""
    found = srv({"a": ("10.0.0.1",)}, complete=complete)
    return found._replace(targets=(*found.targets, SrvTarget(f"b.{WEB}", 81), SrvTarget(f"c.{WEB}", 82)))


THREE = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
TARGETS = {"b": "10.0.0.2", "c": "10.0.0.3"}
NAMED = [Peer("10.0.0.1", 80, "a"), Peer("10.0.0.2", 81, "b"), Peer("10.0.0.3", 82, "c")]
