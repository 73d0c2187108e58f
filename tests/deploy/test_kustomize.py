"""What `kubectl apply --kustomize` sends to a cluster: the base, and an overlay with everything."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate

from documented import DOCUMENT, documented, text_of
from needs import needs
from test_manifests import KUBERNETES, NEWEST, WORKER_CAPABILITIES

# Debian's own is too old for components.
kubectl = needs("kubectl", "see kubernetes.io/docs/tasks/tools, version 1.27 or newer", in_ci=False)
# Only a cluster with the Prometheus operator knows it.
UNKNOWN = {"ServiceMonitor"}


@pytest.fixture
def kubernetes(tmp_path: Path) -> Path:
    """A copy of the files, with the secrets that the documents tell to write."""
    copy = tmp_path / "deploy/kubernetes"
    ignored = shutil.ignore_patterns("secrets.env")
    shutil.copytree(KUBERNETES, copy, ignore=ignored)
    command = documented(
        "cp deploy/kubernetes/base/secrets.env.example deploy/kubernetes/base/secrets.env"
    )
    subprocess.run(command.split(), cwd=tmp_path, check=True)
    return copy


def rendered(folder: Path) -> list[dict[str, Any]]:
    command = ["kubectl", "kustomize", str(folder)]
    called = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (called.returncode, called.stderr) == (0, "")
    found = list(yaml.safe_load_all(called.stdout))
    assert found
    for resource in found:
        if resource["kind"] not in UNKNOWN:
            for minor in NEWEST:
                validate(resource, ".".join(map(str, minor)), strict=True)
        if resource["kind"] != "Namespace":
            assert resource["metadata"]["namespace"] == "mprelease", resource["kind"]
    return found


def named(resources: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = (
        each
        for each in resources
        if each["kind"] == kind and re.fullmatch(rf"{name}(-\w+)?", each["metadata"]["name"])
    )
    return found


@kubectl
def test_the_base_is_whole(kubernetes: Path) -> None:
    documented("kubectl apply --kustomize deploy/kubernetes/base")
    documented("kubectl --namespace mprelease logs deployment/web")
    resources = rendered(kubernetes / "base")
    sources = {
        named(resources, "ConfigMap", "settings")["metadata"]["name"],
        named(resources, "Secret", "secrets")["metadata"]["name"],
    }
    for kind, name in (("Deployment", "web"), ("StatefulSet", "worker")):
        (container,) = named(resources, kind, name)["spec"]["template"]["spec"]["containers"]
        assert container["image"] == "mprelease:latest"
        given = {next(iter(each.values()))["name"] for each in container["envFrom"]}
        # A change of a setting makes another name, and so new pods.
        assert given == sources


@kubectl
def test_an_overlay_of_ones_own_has_both_components(kubernetes: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", text_of(DOCUMENT), re.DOTALL | re.MULTILINE)
    (overlay,) = (block for block in blocks if "kind: Kustomization" in block)
    (kubernetes / "mine").mkdir()
    (kubernetes / "mine/kustomization.yaml").write_text(overlay)
    resources = rendered(kubernetes / "mine")
    pod = named(resources, "StatefulSet", "worker")["spec"]["template"]["spec"]
    assert pod["hostUsers"] is False
    (container,) = pod["containers"]
    assert set(container["securityContext"]["capabilities"]["add"]) > WORKER_CAPABILITIES
    # It selects services of its own namespace.
    monitor = named(resources, "ServiceMonitor", "web")
    (endpoint,) = monitor["spec"]["endpoints"]
    service = named(resources, "Service", "web")
    assert monitor["metadata"]["namespace"] == service["metadata"]["namespace"]
    labels = monitor["spec"]["selector"]["matchLabels"]
    assert labels.items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
