"""The parts of the benchmarks: the responder's replies, and the figures made from measurements. Nothing is timed."""

import math
import struct

import dns.flags
import dns.message
import pytest

from peerdisco._dns.query import LARGEST_MESSAGE, UDP_PAYLOAD, encode
from peerdisco.answers import Question
from tests.benchmarks import contenders as names
from tests.benchmarks import raw
from tests.benchmarks.apart import serving
from tests.benchmarks.blocking import longest_block
from tests.benchmarks.contenders import CONTENDERS, Setting
from tests.benchmarks.measure import Spread, Timing, percentile
from tests.benchmarks.replies import Replies, addresses, full_name
from tests.benchmarks.report import markdown_table, report
from tests.benchmarks.targets import SIZES, Results, Target, targets


def question(pods: int, ident: int = 7) -> bytes:
    """Return the query for the Service with so many Pods."""
    return struct.pack("!H", ident) + encode(Question(full_name(pods), "A"))[2:]


@pytest.mark.parametrize("pods", [1, 3, 10, 73, 100, 1000, 4000])
def test_replies(pods: int) -> None:
    """Over UDP a reply has at most 1232 bytes and says whether it was cut; over TCP it has all Pods."""
    asked = question(pods)
    datagram = dns.message.from_wire(bytes(Replies("udp").to(asked)))
    framed = bytes(Replies("tcp").to(asked))
    whole = dns.message.from_wire(framed[2:])
    assert len(Replies("udp").to(asked)) <= UDP_PAYLOAD
    assert bool(datagram.flags & dns.flags.TC) == (pods > 73)
    assert not whole.flags & dns.flags.TC
    assert len(framed) - 2 == int.from_bytes(framed[:2]) <= LARGEST_MESSAGE
    assert {rdata.to_text() for rdata in whole.answer[0]} == set(addresses(pods))


def test_replies_carry_the_id_of_the_question_and_are_shuffled() -> None:
    """The same question with another id is answered with that id, in another order."""
    replies = Replies("udp")
    first, second = bytes(replies.to(question(10, 1))), bytes(replies.to(question(10, 2)))
    assert [first[:2], second[:2]] == [b"\0\1", b"\0\2"]
    assert first[2:] != second[2:]
    assert len(first) == len(second)


@pytest.mark.parametrize("pods", [3, 100])
@pytest.mark.parametrize("kind", [raw.Opened, raw.Remembering, raw.Kept])
def test_raw_sockets_against_the_responder(kind: type[raw.Opened] | type[raw.Kept], pods: int) -> None:
    """Raw sockets get the whole list from a responder in another process, several times in a row."""
    with serving("responder", 0) as port, kind(("127.0.0.1", int(port)), full_name(pods)) as look:
        for _ in range(3):
            assert len(dns.message.from_wire(look()).answer[0]) == pods


def test_own_contenders_bring_the_whole_list() -> None:
    """The blocking contenders of peerdisco and dnspython find all Pods, over UDP and over TCP."""
    wanted = {names.DISCOVER, names.KEYWORDS, names.IPS, names.PEERS, names.WATCHER, names.DNSPYTHON}
    with serving("responder", 0) as port:
        setting = Setting(("127.0.0.1", int(port)), {}, isolated=False)
        for contender in CONTENDERS:
            if contender.name in wanted:
                brought = set(contender.addresses(contender.make(setting, 100)()))
                assert brought | {addresses(1)[0]} == set(addresses(100)), contender.name


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([5.0], 99, 5.0), ([3.0, 1.0, 2.0], 50, 2.0), (list(range(1, 101)), 99, 99), (list(range(1, 11)), 10, 1)],
)
def test_percentile(values: list[float], percent: float, expected: float) -> None:
    """The percentile is the smallest value that so many percent do not exceed."""
    assert percentile(values, percent) == expected


def results(microseconds: float) -> Results:
    """Return results in which everything takes 100 µs, except discover_peers."""
    timings = {(contender.name, pods): Timing(1e-4, 1e-4, 1e-4, 1e-4) for contender in CONTENDERS for pods in SIZES}
    mine = Timing(microseconds * 1e-6, 5e-5, 1e-4, 1e-4)
    return Results({**timings, **{(names.DISCOVER, pods): mine for pods in SIZES}})


def test_ratio() -> None:
    """A ratio is given for medians and for 10th percentiles, and for nothing if one side did not run."""
    ratio = results(150).ratio(names.DISCOVER, names.RAW, 3)
    assert ratio is not None
    assert [round(each, 6) for each in ratio] == [1.5, 0.5]
    assert results(150).ratio(names.DISCOVER, names.RAW, 7) is None


@pytest.mark.parametrize(("microseconds", "expected"), [(119, "met"), (121, "missed")])
def test_targets(microseconds: float, expected: str) -> None:
    """The median decides whether a target is met."""
    found = {target.what: target.verdict for target in targets(results(microseconds))}
    assert found["discover_peers ÷ raw sockets, N=3"] == expected
    assert found["longest event-loop block of a refresh, N=4000"] == "not run"


def test_target_of_at_least() -> None:
    """If more is better, less than the limit is missed."""
    assert Target("", 4, Spread(4, 0), at_least=True).verdict == "met"
    assert Target("", 4, Spread(3.9, 9), at_least=True).verdict == "missed"


def test_every_target_names_contenders_that_exist() -> None:
    """With the timings of all contenders, only the targets for whole processes and the event loop lack a figure."""
    missing = [target.what for target in targets(results(100)) if target.measured is None]
    assert len(missing) == 3


def test_report() -> None:
    """The report has a row for each contender and each target."""
    text = report(results(100))
    assert text.count("\n| " + names.DISCOVER + " |") == 3 + 1
    assert "| discover_peers ÷ raw sockets, N=1 | ≤ 1.2 times | 1.00 | 0.50 | met |" in text


def test_markdown_table() -> None:
    """Columns but the first are aligned to the right."""
    assert markdown_table(["a", "b"], [["c", 1]]) == "| a | b |\n| --- | ---: |\n| c | 1 |"


async def test_longest_block_counts_the_turns_of_the_loop() -> None:
    """The turns of the loop are seen even if a call does nothing."""

    async def nothing() -> None:
        return

    assert 0 < await longest_block(nothing) < math.inf
