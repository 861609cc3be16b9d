"""Addresses as bytes: there and back, their names in DNS, and which of them may be a peer's."""

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerdisco._core.addresses import Networks, dashed, pack_ip, pack_ips, reverse_name, text_of, undashed


def is_one_of_its_kind(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is not IPv4's in the clothes of IPv6."""
    return not (isinstance(address, IPv6Address) and address.ipv4_mapped)


ADDRESSES = st.ip_addresses().filter(is_one_of_its_kind)


@given(ADDRESSES)
def test_there_and_back(address: IPv4Address | IPv6Address) -> None:
    """Text and bytes say the same, however the text is spelt."""
    packed = pack_ip(str(address))

    assert address.packed == packed == pack_ip(address.exploded)
    assert address == ip_address(text_of(packed))
    assert text_of(packed) == text_of(pack_ip(text_of(packed)))


@given(ADDRESSES)
def test_dashes(address: IPv4Address | IPv6Address) -> None:
    """The name of a Pod without a hostname stands for its address, and is a DNS label."""
    name = dashed(address.packed)

    assert address.packed == undashed(name)
    assert not name.endswith("-")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.1.0.1", "10-1-0-1"),
        ("fd00::1", "fd00--1"),
        ("fd00::", "fd00--0"),
        ("2001:db8::1:0:0:1", "2001-db8--1-0-0-1"),
    ],
)
def test_coredns_names(address: str, name: str) -> None:
    """CoreDNS's own examples."""
    assert name == dashed(pack_ip(address))


@pytest.mark.parametrize("label", ["web-0", "web", "1-2-3", "300-1-1-1", "", "10-1-0-1-5"])
def test_no_dashes(label: str) -> None:
    """A hostname is no address."""
    assert undashed(label) is None


def as_pack_ip_reads(label: str) -> bytes | None:
    """The address that a label shows by the rules of `pack_ip`."""
    for separator in ".:":
        with suppress(ValueError):
            return pack_ip(label.replace("-", separator))
    return None


ODD_LABELS = st.one_of(
    st.text("0123456789afAFgx-:.%_ \0٣\ud800", max_size=20),
    st.lists(st.sampled_from(["", "0", "1", "01", "255", "256", "ffff", "FFFF", "00001", "10.0.0.1"]), max_size=10).map(
        "-".join
    ),
    st.builds(
        "".join,
        st.tuples(
            st.sampled_from(["", "0", "-", "--", "::ffff:", "--ffff-", "--ffff:0-"]),
            st.ip_addresses().flatmap(lambda ip: st.sampled_from([dashed(ip.packed), str(ip), ip.exploded])),
            st.sampled_from(["", "0", "-", "--", ".", "%eth0", "%", "-1"]),
        ),
    ),
)


@settings(max_examples=2000)
@given(ODD_LABELS)
def test_odd_labels(label: str) -> None:
    """A label shows an address by the same rules by which a user writes one."""
    assert as_pack_ip_reads(label) == undashed(label)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.1.2.3", "3.2.1.10.in-addr.arpa."),
        ("fd00::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa."),
    ],
)
def test_reverse_names(address: str, name: str) -> None:
    """The names under which PTR is asked for."""
    assert name == reverse_name(pack_ip(address))


def test_mapped_addresses_mean_ipv4() -> None:
    """An IPv4-mapped address and the IPv4 address are one."""
    assert pack_ip("10.0.0.1") == pack_ip("::ffff:10.0.0.1") == pack_ip("::FFFF:0a00:1")


@pytest.mark.parametrize(
    "text", ["", "web", "10.0.0", "10.0.0.256", "10.0.0.01", "fd00:::1", "fe80::1%eth0", " 10.0.0.1"]
)
def test_no_address(text: str) -> None:
    """What is no address, or one that is bound to an interface, is refused."""
    with pytest.raises(ValueError, match=r".+"):
        pack_ip(text)


@pytest.mark.parametrize(
    "text", ["10.0.0.1,fd00::1", " 10.0.0.1 , fd00::1 ", "10.0.0.1 fd00::1", "10.0.0.1,\nfd00::1,"]
)
def test_lists(text: str) -> None:
    """Commas and blanks stand between addresses, in the order given."""
    assert (pack_ip("10.0.0.1"), pack_ip("fd00::1")) == pack_ips(text)


@pytest.mark.parametrize("text", ["", " ", ",", "10.0.0.1,web"])
def test_no_lists(text: str) -> None:
    """A list has addresses, and nothing else."""
    with pytest.raises(ValueError, match=r".+"):
        pack_ips(text)


NEVER = [
    "0.0.0.0",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "ff02::1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b:1:ffff::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2002:7f00:1::",
    "2002:e000:1::1",
    "::169.254.169.254",
    "::127.0.0.1",
    "::ffff:0:169.254.169.254",
    "fd00:ec2::254",
    "fd20:ce::254",
]
ALWAYS = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.253.0.1",
    "200.96.1.50",
    "8.8.8.8",
    "0.0.0.1",
    "fd00::1",
    "2001:db8::1",
    "64:ff9b::1",
    "64:ff9b::a00:1",
    "64:ff9b:2::a9fe:a9fe",
    "2002:a00:1::1",
    "2002:a9fd:1::1",
    "2003:a9fe:a9fe::1",
    "2a02:7f00:1::",
    "fd00:ec2::255",
    "fec0::1",
]


def packed(*texts: str) -> frozenset[bytes]:
    """Addresses as bytes."""
    return frozenset(map(pack_ip, texts))


def test_what_kubernetes_allows() -> None:
    """Of all addresses together, and of each alone, those that no endpoint can have are outside."""
    assert packed(*NEVER) == Networks().outside(packed(*NEVER, *ALWAYS))
    for text in NEVER:
        assert packed(text) == Networks().outside(packed(text)), text
    for text in ALWAYS:
        assert frozenset() == Networks().outside(packed(text)), text
    assert frozenset() == Networks().outside(frozenset())


def test_a_mapped_address_is_judged_by_what_it_means() -> None:
    """DNS can't smuggle a loopback address in as IPv6."""
    mapped = {text: b"\0" * 10 + b"\xff\xff" + pack_ip(text) for text in ("127.0.0.1", "10.0.0.1", "255.255.255.255")}

    assert {mapped["127.0.0.1"], mapped["255.255.255.255"]} == Networks().outside(frozenset(mapped.values()))


@given(st.frozensets(ADDRESSES.map(lambda address: address.packed), max_size=30))
def test_each_is_judged_alone(addresses: frozenset[bytes]) -> None:
    """The look at all addresses together says what a look at each does."""
    alone = (Networks().outside(frozenset({one})) for one in addresses)

    assert frozenset().union(*alone) == Networks().outside(addresses)


def test_allowed_networks() -> None:
    """Where networks are named, they alone count."""
    networks = Networks(["10.0.0.0/8", "127.0.0.0/8", "fd00::/8"])

    assert packed("11.0.0.1", "fe80::1") == networks.outside(
        packed("10.0.0.1", "127.0.0.1", "fd00::1", "11.0.0.1", "fe80::1")
    )
