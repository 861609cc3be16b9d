"""Bytes of queries and replies as CoreDNS makes them: uncompressed if that fits, else compressed, else over TCP.

Payload only: IP, UDP and TCP add 28 to some 400 bytes to each exchange.
"""

from __future__ import annotations

from peerdisco._dns.query import LARGEST_MESSAGE, UDP_PAYLOAD, encode
from peerdisco.answers import Question

NAME = "test-cs-svc.default.svc.cluster.local."
_ASKED = len(encode(Question(NAME, "A")))
_OWNER = len(NAME) + 1
_FIXED, _ADDRESS, _POINTER = 10, 4, 2
_COMPRESSED = _POINTER + _FIXED + _ADDRESS
_SPELT_OUT = _OWNER + _FIXED + _ADDRESS
_SOA = _OWNER + 70
_LENGTH = 2  # in front of a message over TCP (RFC 1035 section 4.2.2)

MOST_OVER_UDP = (UDP_PAYLOAD - _ASKED) // _COMPRESSED
MOST_OVER_TCP = (LARGEST_MESSAGE - _ASKED) // _COMPRESSED


def answer(pods: int, room: int) -> int:
    """Return the bytes of an answer with so many addresses; of NXDOMAIN if there are none."""
    if not pods:
        return _ASKED + _SOA
    spelt_out = _ASKED + pods * _SPELT_OUT
    if spelt_out <= room:
        return spelt_out
    return _ASKED + min(pods, (room - _ASKED) // _COMPRESSED) * _COMPRESSED


def traffic(pods: int, *, needs_tcp: bool) -> tuple[int, int, bool]:
    """Return what one question costs.

    Args:
        pods: how many Pods are listed.
        needs_tcp: whether the watcher remembers that UDP was too small.

    Returns:
        Messages that the server answers, bytes of queries and replies, and whether TCP is remembered afterwards.
    """
    over_udp = _ASKED + answer(pods, UDP_PAYLOAD)
    over_tcp = 2 * _LENGTH + _ASKED + answer(pods, LARGEST_MESSAGE)
    if needs_tcp:
        return 1, over_tcp, answer(pods, LARGEST_MESSAGE) > UDP_PAYLOAD
    if pods <= MOST_OVER_UDP:
        return 1, over_udp, False
    return 2, over_udp + over_tcp, True
