"""The doctor's group *where am I*: what is concluded from a host's files and variables."""

import pytest

from peerdisco._core.listing import Listing
from peerdisco.answers import Answer, Outcome
from peerdisco.cli._doctor_observations import Fact, Observations, Place, Probe, api_question, namespace_question
from peerdisco.errors import ConfigError
from tests.support.checkups import IN_A_POD, WEB, addresses, checks, described, healthy, listing, lost, problems

NOBODY = Listing(Outcome.NXDOMAIN, frozenset())


def at(place: Place) -> Observations:
    """What is seen where all is well but the place."""
    return healthy()._replace(place=place)


def test_a_pod() -> None:
    """In an ordinary Pod each check is well."""
    assert [check.code for check in checks(healthy(), "where")] == [
        "pod",
        "resolv-conf",
        "namespace",
        "cluster-domain",
        "own-addresses",
    ]


def test_elsewhere() -> None:
    """Outside a Pod the doctor says where to run it, and does not fail."""
    laptop = IN_A_POD._replace(kubernetes="", hosts_file="none", search=("corp.example",))

    assert problems(at(laptop), "where") == [("not-in-a-pod", "warning")]


def test_on_the_network_of_the_node() -> None:
    """A hostNetwork Pod is fine with the cluster's resolv.conf, and warned of the node's."""
    node = IN_A_POD._replace(hosts_file="node")

    assert "hostNetwork" in described(at(node), "pod")
    assert problems(at(node), "where") == []
    with_nodes_dns = at(node._replace(search=("corp.example",)))
    assert problems(with_nodes_dns, "where") == [("host-network", "warning")]
    assert "ClusterFirstWithHostNet" in next(c.hint for c in checks(with_nodes_dns) if c.code == "host-network")


def test_a_pod_without_cluster_search() -> None:
    """A Pod whose resolv.conf is not the cluster's is warned, unless nameservers are given."""
    place = IN_A_POD._replace(search=())

    assert problems(at(place), "where") == [("no-cluster-search", "warning")]
    assert problems(at(place._replace(servers_from="the option `nameservers`")), "where") == []


@pytest.mark.parametrize(
    ("key", "code"),
    [("namespace", "no-namespace"), ("resolv_conf", "no-nameserver"), ("POD_IPS", "bad-option")],
)
def test_what_keeps_a_lookup_from_being_made(key: str, code: str) -> None:
    """Each problem has a code, and the groups that need a lookup fail by it as well."""
    place = Place(kubernetes="10.96.0.1", problems=(ConfigError(key, "x", "is wrong", code),))
    seen = Observations(place)

    assert (code, "error") in problems(seen, "where")
    for group in ("headless", "who", "me"):
        assert problems(seen, group) == [(code, "error")]


def test_a_namespace_that_differs() -> None:
    """POD_NAMESPACE that is not the Pod's namespace is warned of; an option may name any."""
    place = IN_A_POD._replace(namespace=Fact("shop", "POD_NAMESPACE"))

    assert problems(at(place), "where") == [("namespace-differs", "warning")]
    assert problems(at(place._replace(namespace=Fact("shop", "the option `namespace`"))), "where") == []


def test_static_ips() -> None:
    """A fixed list is warned of, since applications with it never ask DNS."""
    assert problems(at(IN_A_POD._replace(static_ips=("10.0.0.1",))), "where") == [("static-ips", "warning")]


def test_a_confirmed_domain() -> None:
    """The schema version confirms the cluster domain."""
    assert described(healthy(), "cluster-domain") == (
        "cluster domain cluster.local, from the search list; confirmed by dns-version.cluster.local (1.1.0)"
    )


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (Probe(rcode="NXDOMAIN"), "answered NXDOMAIN"),
        (Probe(rcode="NOERROR"), "answered NODATA"),
        (lost("timeout"), "did not answer"),
        (None, "no nameserver replied"),
    ],
)
def test_an_unconfirmed_domain(schema: Probe | None, told: str) -> None:
    """A server that lists the Service serves the cluster, whether or not it confirms the domain."""
    seen = healthy()._replace(schema=schema)

    assert problems(seen, "where") == []
    assert told in described(seen, "cluster-domain")


def test_a_wrong_domain() -> None:
    """A server that knows neither the domain's version nor the Service serves another cluster, or none."""
    missing = {namespace_question(WEB): Answer(Outcome.NXDOMAIN)}
    seen = healthy()._replace(schema=Probe(rcode="NXDOMAIN"), verdict=NOBODY, said=missing)

    assert problems(seen, "where") == [("wrong-cluster-domain", "error")]
    assert problems(seen._replace(schema=lost("timeout")), "where") == []
    assert problems(seen._replace(said={namespace_question(WEB): Answer(Outcome.NODATA)}), "where") == []


def test_a_domain_that_the_api_server_confirms() -> None:
    """A server that says no schema version, but knows the API server, serves the domain."""
    known = {api_question("cluster.local"): Answer(Outcome.FOUND, addresses("10.96.0.1"))}
    seen = healthy()._replace(schema=Probe(rcode="NXDOMAIN"), verdict=NOBODY, said=known)

    assert described(seen, "cluster-domain").endswith("confirmed by kubernetes.default.svc.cluster.local.")


def test_own_addresses_that_are_not_given() -> None:
    """Where nothing gives this Pod's addresses, those that are listed and local are shown."""
    unknown = IN_A_POD._replace(own=Fact(), own_packed=())

    assert "this host has 10.0.0.1" in described(at(unknown), "own-addresses")
    nobody = at(unknown)._replace(verdict=NOBODY)
    assert "no listed address is this host's" in described(nobody, "own-addresses")
    assert described(at(IN_A_POD), "own-addresses") == "this Pod's addresses: 10.0.0.1, from POD_IPS"
    assert "10.0.0.9" in described(at(unknown)._replace(verdict=listing(own="10.0.0.9")), "own-addresses")
