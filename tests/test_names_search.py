"""What a search list says about a Pod: the kubelet's entries come first, and whatever else stands there is no harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerdisco._core.names import ClusterPlace, place_in


@pytest.mark.parametrize(
    ("search", "namespace", "domain"),
    [
        ("shop.svc.k8s.example svc.k8s.example k8s.example", "shop", "k8s.example"),
        ("shop.svc.local svc.local local", "shop", "local"),
        ("svc.svc.cluster.local svc.cluster.local cluster.local", "svc", "cluster.local"),
        ("shop.svc.svc.example svc.svc.example svc.example", "shop", "svc.example"),
        ("Shop.SVC.Cluster.Local. svc.cluster.LOCAL. cluster.local.", "shop", "cluster.local"),
        (". shop.svc.cluster.local svc.cluster.local cluster.local", "shop", "cluster.local"),
        ("my_corp.example 1shop.svc.cluster.local svc.cluster.local", "1shop", "cluster.local"),
        (" ".join([f"d{n}.example" for n in range(9)] + ["shop.svc.c.l", "svc.c.l", "c.l"]), "shop", "c.l"),
        (f"{'x' * 63}.{'y' * 63}.{'z' * 63}.example shop.svc.{'c' * 63}.l svc.{'c' * 63}.l", "shop", "c" * 63 + ".l"),
        ("svc.cluster.local cluster.local shop.svc.cluster.local", "shop", "cluster.local"),
        ("svc.cluster.local cluster.local", None, "cluster.local"),
        ("shop.svc.cluster.local", "shop", "cluster.local"),
        ("example.com corp.example.com", None, None),
        ("svc", None, None),
        ("shop.svc", None, None),
        (".", None, None),
        ("", None, None),
    ],
)
def test_search_lists(search: str, namespace: str | None, domain: str | None) -> None:
    """Namespace and cluster domain are read from the kubelet's entries, wherever they stand among others."""
    assert place_in(search.split()) == (namespace, domain)


@pytest.mark.parametrize(
    ("others", "namespace"),
    [
        ("tools.svc.a.b svc.a.b", "shop"),
        ("svc.ab", "shop"),
        ("x.svc.y", "shop"),
    ],
)
def test_the_first_decides(others: str, namespace: str) -> None:
    """Entries that `dnsConfig.searches` appends change nothing, though they be shorter or complete another cluster."""
    cluster = "shop.svc.prod.k8s.example svc.prod.k8s.example prod.k8s.example"

    assert place_in(f"{cluster} {others}".split()) == (namespace, "prod.k8s.example")


def test_the_namespace_is_of_the_same_cluster() -> None:
    """Where `svc.<D>` comes first, a namespace in another cluster is passed over."""
    search = "svc.prod.example tools.svc.dev.example shop.svc.prod.example jobs.svc.prod.example"

    assert place_in(search.split()) == ("shop", "prod.example")
    assert place_in(["svc.prod.example", "tools.svc.dev.example"]) == (None, "prod.example")


@pytest.mark.parametrize(
    "entry",
    [
        "ö.svc.cluster.local",
        "shop.svc.clüster.local",
        "\u212aube.svc.cluster.local",
        "sh op.svc.cluster.local",
        "-.svc.cluster.local",
        "shop.svc..local",
        f"{'a' * 64}.svc.cluster.local",
        f"a.svc.{'.'.join(['a' * 63] * 4)}",
        "shop.svc.\udcff",
    ],
)
def test_what_is_no_name_is_passed_over(entry: str) -> None:
    """An entry that no name can end in is as if it were not there; the others count."""
    assert place_in([entry]) == (None, None)
    assert place_in([entry, "shop.svc.k8s.example"]) == ("shop", "k8s.example")


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_entries(search: list[str]) -> None:
    """Whatever stands there, reading it raises nothing, and there is no namespace without a domain."""
    place = place_in(search)

    assert place.namespace is None or place.domain


@pytest.mark.parametrize("domain", ["cluster.local", "k8s.example", "local", "a.b.c.d.example"])
@pytest.mark.parametrize("namespace", ["default", "svc", "1shop", "kube-system"])
def test_any_cluster(domain: str, namespace: str) -> None:
    """What the kubelet writes is read back, among a node's own domains."""
    search = f"{namespace}.svc.{domain} svc.{domain} {domain} eu-central-1.compute.internal corp.example"

    assert place_in(search.split()) == (namespace, domain)


def test_a_cluster_domain_of_one_label() -> None:
    """A cluster domain may have one label; `svc` alone names none."""
    assert place_in(["svc.local"]) == ClusterPlace(None, "local")
    assert place_in(["svc"]) == ClusterPlace()
