"""The files of deploy/ agree with each other, with the image, and with their formats."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import utils, validate

from mprelease.settings.settings import Settings
from needs import needs

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCS = ROOT / "docs/deploy.md"
KUBERNETES = DEPLOY / "kubernetes"
COMPOSE = sorted(DEPLOY.glob("compose*.yaml"))
WORKER_CAPABILITIES = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"}
NEWEST = sorted(
    {tuple(map(int, version.split(".")[:2])) for version in utils.all_versions()}, reverse=True
)[:3]


def documents(file: Path) -> list[Any]:
    return list(yaml.safe_load_all(file.read_text()))


def merged(base: Any, patch: Any) -> Any:
    """What a strategic merge makes of both, for the fields that the components patch."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return base | {key: merged(base.get(key), value) for key, value in patch.items()}
    if isinstance(base, list) and patch and isinstance(patch[0], dict):
        changed = {each["name"]: each for each in patch}
        return [merged(each, changed.get(each["name"], {})) for each in base]
    return patch


def containers() -> dict[str, dict[str, Any]]:
    found = {}
    for name in ("web", "worker"):
        pod = documents(KUBERNETES / f"base/{name}.yaml")[0]["spec"]["template"]["spec"]
        found[name] = pod["containers"][0]
    return found


@pytest.mark.parametrize("minor", [".".join(map(str, each)) for each in NEWEST])
def test_kubernetes_takes_every_resource(minor: str) -> None:
    resources = [each for file in KUBERNETES.glob("base/*.yaml") for each in documents(file)]
    patch = documents(KUBERNETES / "components/bwrap/worker.yaml")[0]
    workers = [each for each in resources if each["kind"] == "StatefulSet"]
    patched = [merged(each, patch) for each in workers]
    assert patched[0]["spec"]["template"]["spec"]["containers"][0]["image"] == "mprelease"
    known = [each for each in resources if each["kind"] != "Kustomization"]
    for resource in (*known, *patched):
        validate(resource, minor, strict=True)


def test_kustomizations_name_files_that_exist() -> None:
    for file in KUBERNETES.rglob("kustomization.yaml"):
        content = documents(file)[0]
        named = [*content.get("resources", []), *(p["path"] for p in content.get("patches", []))]
        assert named
        assert [each for each in named if not (file.parent / each).is_file()] == []


def test_every_setting_in_them_exists() -> None:
    known = {f"MPRELEASE_{name.upper()}" for name in Settings.model_fields}
    known |= {"MPRELEASE_CONFIG", "MPRELEASE_LANGUAGE", "MPRELEASE_IMAGE", "MPRELEASE_LISTEN"}
    files = [file for file in DEPLOY.rglob("*") if file.is_file()]
    for file in files:
        named = set(re.findall(r"MPRELEASE_[A-Z_]+", file.read_text()))
        assert named - known == set(), file


def test_workers_get_the_capabilities_that_docs_name_and_no_others() -> None:
    """Less would not confine builds; more than these need a reason (issue 14, point 2)."""
    compose = [
        service
        for file in COMPOSE
        for service in documents(file)[0]["services"].values()
        if service.get("cap_add") and file.name != "compose.bwrap.yaml"
    ]
    assert len(compose) == 3
    pod = containers()["worker"]["securityContext"]["capabilities"]
    for added, dropped in [
        (pod["add"], pod["drop"]),
        *((service["cap_add"], service["cap_drop"]) for service in compose),
    ]:
        assert (set(added), dropped) == (WORKER_CAPABILITIES, ["ALL"])
    named = re.search(r"capabilities (.+?) alone", DOCS.read_text(), re.DOTALL)
    assert named
    assert set(re.findall("[A-Z_]+", named[1])) == WORKER_CAPABILITIES


def test_nothing_falls_back_to_builds_without_a_sandbox() -> None:
    for file in COMPOSE:
        for name, service in documents(file)[0]["services"].items():
            if service.get("image", "").startswith("${MPRELEASE_IMAGE"):
                assert service["environment"]["MPRELEASE_SANDBOX"] == "required", name
    literals = documents(KUBERNETES / "base/kustomization.yaml")[0]["configMapGenerator"][0]
    assert "MPRELEASE_SANDBOX=required" in literals["literals"]
    assert "MPRELEASE_SANDBOX=required" in (DEPLOY / "Containerfile").read_text()
    for name in ("mprelease", "mprelease-worker"):
        unit = (DEPLOY / f"systemd/{name}.service").read_text()
        assert "Environment=MPRELEASE_SANDBOX=required" in unit


def test_web_nodes_are_ordinary_users_that_write_nothing_but_their_data() -> None:
    web = containers()["web"]
    assert "--no-worker" in web["args"]
    assert web["securityContext"]["readOnlyRootFilesystem"] is True
    assert web["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    service = documents(DEPLOY / "compose.grown.yaml")[0]["services"]["web"]
    assert service["user"] == "10001:10001"
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_the_image_is_built_of_what_the_project_pins() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for requirement in project["build-system"]["requires"]:
        assert f"{requirement} " in (DEPLOY / "build.lock").read_text(), "make lock"
    pinned = dict(
        re.findall(r"^(\S+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    )
    runtime = dict(
        re.findall(r"^(\S+)==(\S+)", (DEPLOY / "runtime.lock").read_text(), re.MULTILINE)
    )
    wanted = {re.split(r"[\[><=~]", each)[0] for each in project["project"]["dependencies"]}
    assert wanted - runtime.keys() == set(), "make lock"
    assert runtime.items() <= pinned.items(), "make lock"


@needs("systemd-analyze", "apt-get install -y --no-install-recommends systemd")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = sorted((DEPLOY / "systemd").glob("*.service"))
    assert len(units) == 3
    for unit in units:
        # The program is not installed where the tests run.
        text = unit.read_text().replace("/opt/mprelease/bin/mprelease", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / unit.name) for unit in units]
    command = ["systemd-analyze", "verify", "--man=no", *names]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
