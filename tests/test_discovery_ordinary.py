"""What needs no further question, and what a sample counts for."""

from peerdisco import Answer, Question
from tests.support.lookups import answered, discovery


def test_an_ordinary_answer() -> None:
    """Several Pods are an ordinary answer, whether this Pod is among them or not; one is only if it is this Pod."""
    pods = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    question = Question("web.default.svc.cluster.local.", "A")

    assert discovery(own_ips=()).ordinary(Answer.of(question, pods)) is not None
    assert discovery(own_ips=pods[0]).ordinary(Answer.of(question, pods[:1])) is not None
    assert discovery(own_ips=()).ordinary(Answer.of(question, pods[:1])) is None


def test_a_sample_of_one() -> None:
    """A cut answer with one record is a sample of that size."""

    def by(question: Question) -> Answer:
        found = Answer.of(question, ["10.0.0.1"] if question.rtype == "A" else [])
        return found._replace(complete=question.rtype != "A")

    listing, _ = answered(discovery(own_ips=()).steps(), by)

    assert (listing.cut, listing.sample_size) == (True, 1)
