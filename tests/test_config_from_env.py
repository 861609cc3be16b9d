"""The options as the environment gives them."""

import pytest

from peerdisco import ConfigError, DiscoveryConfig
from tests.support import bad_input

GOOD = {
    "SERVICE": "web.shop",
    "NAMESPACE": "shop",
    "CLUSTER_DOMAIN": "k8s.example",
    "PORT": "8080",
    "HOSTNAMES": "true",
    "FAMILY": "ipv4",
    "OWN_IPS": "10.0.0.1,fd00::1",
    "NAMESERVERS": "10.96.0.10,[fd00::a]:53",
    "RESOLV_CONF": "/run/resolv.conf",
    "TIMEOUT": "2.5",
    "STATIC_IPS": "",
    "REFRESH": "10",
    "JITTER": "0.2",
    "MAX_BACKOFF": "60",
    "MAX_STALE": "300",
    "REMOVAL_CONFIRMATIONS": "3",
    "MAX_FLEET_QPS": "50",
    "ALLOWED_NETWORKS": "10.0.0.0/8, fd00::/8",
}


def env(**variables: str) -> dict[str, str]:
    """An environment with these options, and what else is there."""
    return {
        "PATH": "/bin",
        "POD_IP": "nothing of ours",
        **{f"PEERDISCO_{key}": text for key, text in variables.items()},
    }


def test_every_option() -> None:
    """Each option has its variable."""
    config = DiscoveryConfig.from_env(env(**GOOD))

    assert set(DiscoveryConfig.model_fields) == {key.lower() for key in GOOD}
    assert config == DiscoveryConfig(
        "web.shop",
        namespace="shop",
        cluster_domain="k8s.example",
        port=8080,
        hostnames=True,
        family="ipv4",
        own_ips=["10.0.0.1", "fd00::1"],
        nameservers=["10.96.0.10", "[fd00::a]:53"],
        resolv_conf="/run/resolv.conf",
        timeout=2.5,
        refresh=10,
        jitter=0.2,
        max_backoff=60,
        max_stale=300,
        removal_confirmations=3,
        max_fleet_qps=50,
        allowed_networks=["10.0.0.0/8", "fd00::/8"],
    )


def test_empty_is_not_set() -> None:
    """An empty variable leaves the default."""
    config = DiscoveryConfig.from_env(env(SERVICE="web", PORT="", REFRESH="", OWN_IPS=""))

    assert DiscoveryConfig("web") == config
    assert {"service"} == config.model_fields_set


@pytest.mark.parametrize("variables", [{}, {"SERVICE": ""}, {"PORT": "80"}])
def test_no_service(variables: dict[str, str]) -> None:
    """Without the Service's name there is nothing to look up."""
    with pytest.raises(ConfigError, match="PEERDISCO_SERVICE='': is not set"):
        DiscoveryConfig.from_env(env(**variables))


@pytest.mark.parametrize(
    "service", [text for text in bad_input.SERVICES.values() if isinstance(text, str) and text], ids=repr
)
def test_no_such_service(service: str) -> None:
    """What names no Service is refused by the variable's name."""
    with pytest.raises(ConfigError) as raised:
        DiscoveryConfig.from_env(env(SERVICE=service))

    assert ("PEERDISCO_SERVICE", service) == (raised.value.key, raised.value.value)


@pytest.mark.parametrize(("key", "text"), bad_input.TEXTS, ids=lambda part: part[:40])
def test_no_option(key: str, text: str) -> None:
    """What an option can't be, and what is none, is refused by the variable's name and value."""
    with pytest.raises(ConfigError) as raised:
        DiscoveryConfig.from_env(env(SERVICE="web", **{key.upper(): text}))

    assert (f"PEERDISCO_{key.upper()}", text) == (raised.value.key, raised.value.value)


def test_a_misspelt_variable_is_no_missing_service() -> None:
    """A variable in mixed letters is the option that it names, and is named as it was given."""
    with pytest.raises(ConfigError, match=r"^PEERDISCO_Refresh='0': input should be"):
        DiscoveryConfig.from_env({"PEERDISCO_SERVICE": "web", "PEERDISCO_Refresh": "0"})


LINKS = {
    "SERVICE_HOST": "10.96.0.7",
    "SERVICE_PORT": "80",
    "SERVICE_PORT_HTTP": "80",
    "PORT": "tcp://10.96.0.7:80",
    "PORT_80_TCP": "tcp://10.96.0.7:80",
    "PORT_80_TCP_PROTO": "tcp",
    "PORT_80_TCP_PORT": "80",
    "PORT_80_TCP_ADDR": "10.96.0.7",
}


@pytest.mark.parametrize("prefix", ["", "DEMO_", "WEB_1_"])
def test_service_links(prefix: str) -> None:
    """What the kubelet sets for a Service called `peerdisco` or `peerdisco-demo` is no option."""
    links = {prefix + key: text for key, text in LINKS.items()}

    assert DiscoveryConfig("web") == DiscoveryConfig.from_env(env(SERVICE="web", **links))


@pytest.mark.parametrize("key", ["PORTS", "SERVICES", "PORT_HTTP", "SERVICE_NAME", "DEMO", ""])
def test_what_only_looks_like_a_link(key: str) -> None:
    """A typo is no link."""
    with pytest.raises(ConfigError):
        DiscoveryConfig.from_env(env(SERVICE="web", **{key: "80"}))


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("PEERDISCO_SELF", "PEERDISCO_SELF"),
        ("PEERDISCO_CLS", "PEERDISCO_CLS"),
        ("PEERDISCO_OPTIONS", "PEERDISCO_OPTIONS"),
        ("PEERDISCO_MODEL_CONFIG", "PEERDISCO_MODEL_CONFIG"),
        ("PEERDISCO_\x1b[31mRED", r"PEERDISCO_\x1b[31mRED"),
        ("PEERDISCO_A\nB", r"PEERDISCO_A\nB"),
        ("PEERDISCO_\udcff", r"PEERDISCO_\udcff"),
    ],
)
def test_any_variable_is_named(key: str, shown: str) -> None:
    """A variable that is no option is refused by its name, in which nothing can move a terminal's cursor."""
    with pytest.raises(ConfigError) as raised:
        DiscoveryConfig.from_env({"PEERDISCO_SERVICE": "web", key: "5"})

    assert (raised.value.key, raised.value.value) == (key, "5")
    assert str(raised.value).startswith(f"{shown}='5': no such option; there are service,")


@pytest.mark.parametrize("key", sorted(set(GOOD) - {"SERVICE", "RESOLV_CONF"}))
def test_text_that_is_no_unicode(key: str) -> None:
    """Bytes that are no UTF-8, as Python reads them from the environment, are refused as any other value."""
    with pytest.raises(ConfigError, match=f"^PEERDISCO_{key}="):
        DiscoveryConfig.from_env(env(SERVICE="web", **{key: "\udcff"}))
