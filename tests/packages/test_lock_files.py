import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mprelease.packages.lock_files import corrected, retired_host
from needs import needs

REGISTRY = "https://registry.example.com"
RETIRED = "https://registry.npm.taobao.org"
CNPM = f"{RETIRED}/ms/download/ms-2.1.2.tgz?cache=0&other=https%3A%2F%2Fregistry.npm.taobao.org"
MS_2_1_2 = "sha1-0J0fNXtEP0kzgqjrPM0YOHKuYAk="


def lock_of_npm(version: int) -> str:
    entry = {"version": "2.1.2", "resolved": CNPM, "integrity": MS_2_1_2}
    root = {"name": "app", "version": "1.0.0", "dependencies": {"ms": "2.1.2"}}
    lock: dict[str, object] = {"name": "app", "version": "1.0.0", "lockfileVersion": version}
    if version < 3:
        lock |= {"requires": True, "dependencies": {"ms": entry}}
    if version > 1:
        lock |= {"packages": {"": root, "node_modules/ms": entry}}
    return json.dumps(lock, indent=2)


@pytest.mark.parametrize(
    "host",
    ["registry.npm.taobao.org", "r.cnpmjs.org", "registry.cnpmjs.org", "registry.nlark.com"],
)
def test_a_retired_mirror_is_recognised(host: str) -> None:
    assert retired_host(f'"resolved": "https://{host}/ms/-/ms-2.1.2.tgz"') == host
    assert retired_host(f"registry=https://{host}") == host


def test_a_lock_file_of_a_living_registry_stays_as_it_is() -> None:
    lock = f'"resolved": "{REGISTRY}/ms/-/ms-2.1.2.tgz"'
    assert retired_host(lock) is None
    assert corrected(lock, REGISTRY) is None


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (CNPM, "ms/-/ms-2.1.2.tgz"),
        (f"{RETIRED}/ms/-/ms-2.1.2.tgz", "ms/-/ms-2.1.2.tgz"),
        (f"{RETIRED}/@vue/shared/download/@vue/shared-3.0.0.tgz", "@vue/shared/-/shared-3.0.0.tgz"),
        (f"{RETIRED}/@vue/shared/-/shared-3.0.0.tgz", "@vue/shared/-/shared-3.0.0.tgz"),
        (f"{RETIRED}/%40vue%2Fshared/-/shared-3.0.0.tgz", "@vue/shared/-/shared-3.0.0.tgz"),
    ],
)
def test_an_address_is_moved_whatever_its_form(address: str, path: str) -> None:
    assert corrected(f'"resolved": "{address}",', f"{REGISTRY}/") == (
        f'"resolved": "{REGISTRY}/{path}",'
    )


def test_nothing_but_the_addresses_changes() -> None:
    before, after = lock_of_npm(2), corrected(lock_of_npm(2), REGISTRY)
    assert after == before.replace(CNPM, f"{REGISTRY}/ms/-/ms-2.1.2.tgz")


def test_the_check_sum_in_an_address_of_yarn_stays() -> None:
    lock = f'ms@2.1.2:\n  version "2.1.2"\n  resolved "{CNPM}#d09d1f35"\n'
    assert corrected(lock, REGISTRY) == (
        f'ms@2.1.2:\n  version "2.1.2"\n  resolved "{REGISTRY}/ms/-/ms-2.1.2.tgz#d09d1f35"\n'
    )


def test_an_address_between_others_of_pnpm_is_moved() -> None:
    lock = f"    resolution: {{tarball: {RETIRED}/ms/download/ms-2.1.2.tgz, integrity: sha1-x=}}\n"
    assert corrected(lock, REGISTRY) == (
        f"    resolution: {{tarball: {REGISTRY}/ms/-/ms-2.1.2.tgz, integrity: sha1-x=}}\n"
    )


@pytest.mark.slow
@needs("npm", "install Node 20 or newer, which brings npm")
@pytest.mark.parametrize("version", [1, 2, 3])
def test_npm_installs_from_a_corrected_lock_file_with_an_empty_home(
    tmp_path: Path, version: int
) -> None:
    npm = shutil.which("npm") or "npm"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [npm, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "package.json").write_text(
        '{"name": "app", "version": "1.0.0", "dependencies": {"ms": "2.1.2"}}'
    )
    lock = corrected(lock_of_npm(version), run("config", "get", "registry").strip())
    assert lock
    (tmp_path / "package-lock.json").write_text(lock)
    run("ci", "--no-audit", "--no-fund")
    manifest = json.loads((tmp_path / "node_modules/ms/package.json").read_text())
    assert manifest["version"] == "2.1.2"
