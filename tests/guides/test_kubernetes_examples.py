"""The manifests of examples/kubernetes: valid for the newest Kubernetes, and of one mind."""

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from peerdisco import DiscoveryConfig
from peerdisco.cli import _COMMANDS
from tests.support.examples import EXAMPLES

FOLDER = EXAMPLES / "kubernetes"
ROOT = EXAMPLES.parent
FILES = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "prometheusrule.yaml")
DOCKERFILES = sorted(EXAMPLES.glob("**/Dockerfile"))
READ = {"POD_IP", "POD_IPS", "POD_NAMESPACE", *(f"PEERDISCO_{name.upper()}" for name in DiscoveryConfig.model_fields)}

Manifest = dict[str, Any]


def manifests(*names: str) -> list[Manifest]:
    """The objects of some files."""
    return [found for name in names for found in yaml.safe_load_all((FOLDER / name).read_text())]


def of_kind(*kinds: str) -> list[Manifest]:
    """Every object of these kinds."""
    return [found for found in manifests(*FILES) if found["kind"] in kinds]


def containers(workload: Manifest) -> list[Manifest]:
    """The containers of a workload's Pods."""
    spec = workload["spec"]["template"]["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


WORKLOADS = of_kind("Deployment", "StatefulSet")
LABELS = [workload["spec"]["template"]["metadata"]["labels"] for workload in WORKLOADS]


def name_of(manifest: Manifest) -> str:
    """Name an object in a test's id."""
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


@pytest.mark.parametrize("manifest", manifests(*FILES), ids=name_of)
def test_a_manifest_is_valid(manifest: Manifest) -> None:
    """It passes the schema of the newest Kubernetes, with no field that Kubernetes does not know."""
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_an_unknown_field_is_noticed() -> None:
    """The check above finds a misspelt field."""
    (deployment, *_) = of_kind("Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        kubernetes_validate.validate(deployment, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_a_workload_selects_its_own_pods(workload: Manifest) -> None:
    """Selector and labels agree, and no other workload has the same."""
    labels = workload["spec"]["template"]["metadata"]["labels"]

    assert workload["spec"]["selector"]["matchLabels"] == labels
    assert LABELS.count(labels) == 1


@pytest.mark.parametrize("manifest", of_kind("Service", "PodDisruptionBudget", "NetworkPolicy"), ids=name_of)
def test_a_selector_selects_a_workload(manifest: Manifest) -> None:
    """A Service, budget or policy is about the Pods of a workload here, in the same namespace."""
    spec = manifest["spec"]
    selector = spec.get("podSelector", spec.get("selector"))

    assert selector.get("matchLabels", selector) in LABELS
    assert {found["metadata"]["namespace"] for found in manifests(*FILES)} == {"default"}


def test_services_ports_are_containers_ports() -> None:
    """Each port of a Service is one that the selected container has, and the one that peers are given."""
    for service in of_kind("Service"):
        (workload,) = (found for found in WORKLOADS if selected(found) == service["spec"]["selector"])
        (container,) = containers(workload)
        (port,) = service["spec"]["ports"]
        (listening,) = container["ports"]
        given = {env["name"]: env.get("value") for env in container["env"]}

        assert port["port"] == listening["containerPort"] == int(given["PEERDISCO_PORT"])
        probes = container["readinessProbe"]["httpGet"]["port"], container["livenessProbe"]["tcpSocket"]["port"]
        assert probes == (listening["name"],) * 2


def selected(workload: Manifest) -> dict[str, str]:
    """The labels by which a workload selects its Pods."""
    labels: dict[str, str] = workload["spec"]["selector"]["matchLabels"]
    return labels


@pytest.mark.parametrize("workload", [found for found in WORKLOADS if "env" in containers(found)[0]], ids=name_of)
def test_the_environment_is_one_that_peerdisco_reads(workload: Manifest) -> None:
    """Each variable is read by peerdisco; the Service is a headless one that selects these very Pods."""
    (container,) = containers(workload)
    given = {env["name"]: env.get("value", "") for env in container["env"]}
    config = DiscoveryConfig.from_env({name: value for name, value in given.items() if value})
    (service,) = (found for found in of_kind("Service") if found["metadata"]["name"] == config.service)

    assert set(given) <= READ
    assert {"POD_IPS", "POD_NAMESPACE"} <= set(given)
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == selected(workload)
    assert workload["spec"].get("serviceName", config.service) == config.service


def test_the_init_container_waits_for_another_service() -> None:
    """Its command is one that peerdisco's command line understands, of a headless Service and its port."""
    (client,) = (found for found in WORKLOADS if "initContainers" in found["spec"]["template"]["spec"])
    program, name, *arguments = containers(client)[0]["command"]
    parser = argparse.ArgumentParser()
    _COMMANDS[name].declare(parser)
    given = parser.parse_args(arguments)
    (service,) = (found for found in of_kind("Service") if found["metadata"]["name"] == given.service)

    assert program == "peerdisco"
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] != selected(client)
    assert given.connect == service["spec"]["ports"][0]["port"]


def test_dns_is_allowed_over_udp_and_tcp() -> None:
    """The NetworkPolicy lets the Pods ask DNS over both, and call each other both ways."""
    (policy,) = of_kind("NetworkPolicy")
    dns, peers = policy["spec"]["egress"]
    own = policy["spec"]["podSelector"]

    assert {(port["protocol"], port["port"]) for port in dns["ports"]} == {("UDP", 53), ("TCP", 53)}
    assert peers["to"] == [{"podSelector": own}]
    assert {"podSelector": own} in policy["spec"]["ingress"][0]["from"]
    assert peers["ports"] == policy["spec"]["ingress"][0]["ports"]


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_nothing_runs_as_root(workload: Manifest) -> None:
    """Every container fulfils the restricted Pod security standard."""
    spec = workload["spec"]["template"]["spec"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    for container in containers(workload):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_pod_has_time_to_leave() -> None:
    """The pause before the end, and the server's own time to finish, fit into the grace period."""
    pauses = []
    for workload in (found for found in WORKLOADS if "lifecycle" in containers(found)[0]):
        pause = containers(workload)[0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        pauses.append(workload["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] - pause)
    (drain,) = re.findall(r'"--timeout-graceful-shutdown", "(\d+)"', (FOLDER / "Dockerfile").read_text())

    assert len(pauses) == 1
    assert min(pauses) > int(drain)


def test_the_alerts_become_a_prometheusrule() -> None:
    """The command in the README makes an object whose spec is the file of rules."""
    (command,) = re.findall(r"^(\(cat .*\)) \| kubectl", (FOLDER / "README.md").read_text(), re.MULTILINE)
    made = yaml.safe_load(subprocess.run(command, shell=True, cwd=ROOT, check=True, capture_output=True).stdout)  # noqa: S602 - our own README's

    assert made["kind"] == "PrometheusRule"
    assert made["spec"] == yaml.safe_load((ROOT / "docs/how-to/alerts/peerdisco.rules.yaml").read_text())


def test_the_readme_names_every_file() -> None:
    """Its table is complete."""
    text = (FOLDER / "README.md").read_text()

    assert [path.name for path in FOLDER.iterdir() if f"`{path.name}`" not in text and path.name != "README.md"] == []


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_a_dockerfile_is_clean(dockerfile: Path) -> None:
    """Nothing is found by hadolint, what is copied exists, and the image does not run as root."""
    command = [str(Path(sys.executable).with_name("hadolint")), str(dockerfile)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a tool for tests
    text = dockerfile.read_text()
    context = EXAMPLES if dockerfile.parent == FOLDER else dockerfile.parent
    copied = [source for line in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE) for source in line.split()]

    assert (done.stdout, done.returncode) == ("", 0)
    assert copied
    assert [source for source in copied if not (context / source).is_file()] == []
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["65532:65532"]
