"""What `peerdisco._dns.reply` reads straight from the bytes is what dnspython reads, whatever the bytes are."""

import pytest
from hypothesis import given, settings

from peerdisco import Answer
from peerdisco._dns import query
from peerdisco._dns.lists import read_list
from peerdisco._dns.records import UNREADABLE
from tests.support import replies
from tests.support.oracle import Said, by_dnspython, by_us
from tests.support.recorded import CORPUS, Recorded


def agreed(case: Recorded) -> Said | None:
    """Checks that both say the same, and returns that; None if the reply does not fit the query."""
    question, asked, reply = case
    if not query.fits(asked, reply):
        return None
    said = by_us(asked, reply, question)
    assert said == by_dnspython(asked, reply, question)
    return said


def is_plain(case: Recorded) -> bool:
    """Whether the reader of plain lists takes a reply on itself."""
    try:
        return read_list(case.asked, case.reply, case.question) is not None
    except UNREADABLE:
        return False


@pytest.mark.parametrize("recorded", CORPUS.values(), ids=CORPUS)
def test_recorded(recorded: Recorded) -> None:
    """Both agree on what CoreDNS sends, and each list of addresses without an alias is read as a plain one."""
    said = agreed(recorded)
    is_list = isinstance(said, Answer) and bool(said.addresses) and not said.canonical

    assert is_plain(recorded) is is_list


@settings(max_examples=300)
@given(replies.messages())
def test_any_message(case: Recorded) -> None:
    """Both agree on any well-formed message: aliases, authority, mixed types, cut or not."""
    agreed(case)


@settings(max_examples=1000)
@given(replies.written())
def test_any_records(case: Recorded) -> None:
    """Both agree on records in any order, class and size, with names spelt in any way."""
    agreed(case)


@settings(max_examples=300)
@given(replies.plain_lists())
def test_any_list(case: Recorded) -> None:
    """Both agree on lists of addresses, whatever stands among and behind them."""
    agreed(case)


@settings(max_examples=50)
@given(replies.served())
def test_any_list_of_a_cluster(case: Recorded) -> None:
    """A cluster's list is read as a plain one, whether it is spelt out, compressed or cut."""
    assert isinstance(agreed(case), Answer)
    assert is_plain(case)


@settings(max_examples=500)
@given(replies.damaged())
def test_any_damage(case: Recorded) -> None:
    """Both agree on damaged replies, and nothing but NoAnswer comes of one."""
    agreed(case)
