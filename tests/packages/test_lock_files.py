import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mprelease.packages import lock_files
from mprelease.packages.registries import Registries, is_retired
from needs import needs

REGISTRY = "https://registry.example.com"
MIRROR = "https://mirror.example.net"
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


def corrected(name: str, lock: str, registries: Registries | None = None) -> str | None:
    correction = lock_files.corrected(name, lock, registries or Registries(f"{REGISTRY}/"))
    return correction.text if correction else None


def resolved(address: str, *, integrity: str | None = MS_2_1_2) -> str | None:
    """Return where an address of npm's lock file moves to."""
    entry = {"resolved": address, **({"integrity": integrity} if integrity else {})}
    moved = corrected("package-lock.json", json.dumps({"packages": {"node_modules/ms": entry}}))
    return json.loads(moved)["packages"]["node_modules/ms"]["resolved"] if moved else None


@pytest.mark.parametrize(
    "host",
    ["registry.npm.taobao.org", "r.cnpmjs.org", "registry.cnpmjs.org", "registry.nlark.com"],
)
def test_a_retired_mirror_is_recognised(host: str) -> None:
    assert is_retired(f"https://{host}/ms/-/ms-2.1.2.tgz")
    assert is_retired(f"http://{host}")
    assert not is_retired(f"https://{host}.example.com/")


def test_a_lock_file_of_the_registry_in_use_stays_as_it_is() -> None:
    for other in (REGISTRY, f"{REGISTRY}/other/path", REGISTRY.upper().replace("HTTPS", "http")):
        assert resolved(f"{other}/ms/-/ms-2.1.2.tgz") is None


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (CNPM, "ms/-/ms-2.1.2.tgz"),
        (f"{RETIRED}/ms/-/ms-2.1.2.tgz", "ms/-/ms-2.1.2.tgz"),
        (f"{RETIRED}/@vue/shared/download/@vue/shared-3.0.0.tgz", "@vue/shared/-/shared-3.0.0.tgz"),
        (f"{RETIRED}/@vue/shared/-/shared-3.0.0.tgz", "@vue/shared/-/shared-3.0.0.tgz"),
        (f"{RETIRED}/%40vue%2Fshared/-/shared-3.0.0.tgz", "@vue/shared/-/shared-3.0.0.tgz"),
        (f"{MIRROR}/ms/-/ms-2.1.2.tgz", "ms/-/ms-2.1.2.tgz"),
        (f"{MIRROR}/ms/download/ms-2.1.2.tgz?cache=0", "ms/-/ms-2.1.2.tgz"),
        (
            f"{MIRROR}/packages/%40vue/shared/3.0.0/shared-3.0.0.tgz",
            "@vue/shared/-/shared-3.0.0.tgz",
        ),
        (f"{MIRROR}:8443/repository/npm-all/ms/-/ms-2.1.2.tgz", "ms/-/ms-2.1.2.tgz"),
        (
            f"{MIRROR}/api/npm/npm/@vue/shared/-/@vue/shared-3.0.0.tgz",
            "@vue/shared/-/shared-3.0.0.tgz",
        ),
        ("http://user:word@10.0.0.7:4873/ms/-/ms-2.1.2.tgz", "ms/-/ms-2.1.2.tgz"),
    ],
)
def test_an_address_is_moved_whatever_its_host_and_form(address: str, path: str) -> None:
    """Issue 12, number 23."""
    assert resolved(address) == f"{REGISTRY}/{path}"


@pytest.mark.parametrize(
    "address",
    [
        "git+ssh://git@git.example.com/a/b.git#0123",
        "https://codeload.example.com/a/b/tar.gz/0123",
        f"{MIRROR}/downloads/theme-1.0.0.tgz",
        "file:ms/-/ms-2.1.2.tgz",
        "ms/download/ms-2.1.2.tgz",
        f"{MIRROR}/{'a/' * 1000}ms/-/ms-2.1.2.tgz",
    ],
)
def test_what_no_registry_has_stays_where_it_is(address: str) -> None:
    """Issue 12, number 23."""
    assert resolved(address) is None


def test_what_has_no_check_sum_is_moved_from_retired_mirrors_alone() -> None:
    """Issue 12, number 23: another registry may have other code under a private name."""
    assert resolved(f"{MIRROR}/ms/-/ms-2.1.2.tgz", integrity=None) is None
    assert resolved(f"{RETIRED}/ms/-/ms-2.1.2.tgz", integrity=None)
    yarn = f'ms@2:\n  version "2.1.2"\n  resolved "{MIRROR}/ms/-/ms-2.1.2.tgz"\n'
    assert corrected("yarn.lock", yarn) is None
    assert corrected("yarn.lock", f"{yarn}  integrity sha512-x\n")
    pnpm = f"    resolution: {{tarball: {MIRROR}/ms/-/ms-2.1.2.tgz}}\n"
    assert corrected("pnpm-lock.yaml", pnpm) is None


def test_each_scope_has_its_registry_and_a_host_with_a_login_stays() -> None:
    """Issue 12, number 23."""
    used = Registries(REGISTRY, {"our": "https://our.example.com/npm/"}, frozenset({"login:8081"}))
    lock = (
        f'"@our/a@1":\n  resolved "{MIRROR}/@our/a/-/a-1.0.0.tgz#0"\n\n'
        f'"@vue/a@1":\n  resolved "{MIRROR}/@vue/a/-/a-1.0.0.tgz#0"\n\n'
        'b@1:\n  resolved "https://login:8081/b/-/b-1.0.0.tgz#0"\n'
    )
    moved = corrected("yarn.lock", lock, used)
    assert moved
    assert "https://our.example.com/npm/@our/a/-/a-1.0.0.tgz#0" in moved
    assert f"{REGISTRY}/@vue/a/-/a-1.0.0.tgz#0" in moved
    assert "https://login:8081/b/-/b-1.0.0.tgz#0" in moved


@pytest.mark.parametrize("version", [1, 2, 3])
def test_nothing_but_the_addresses_changes(version: int) -> None:
    before, after = lock_of_npm(version), corrected("package-lock.json", lock_of_npm(version))
    assert after == before.replace(CNPM, f"{REGISTRY}/ms/-/ms-2.1.2.tgz")


def test_a_dependency_that_names_an_address_itself_keeps_it() -> None:
    """Issue 12, number 23: npm compares it with package.json."""
    address = f"{MIRROR}/ms/-/ms-2.1.2.tgz"
    entry = {"version": "2.1.2", "resolved": address, "integrity": MS_2_1_2}
    lock = {"packages": {"": {"dependencies": {"ms": address}}, "node_modules/ms": entry}}
    moved = json.loads(corrected("package-lock.json", json.dumps(lock)) or "")
    assert moved["packages"][""]["dependencies"]["ms"] == address
    assert moved["packages"]["node_modules/ms"]["resolved"] == f"{REGISTRY}/ms/-/ms-2.1.2.tgz"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("host", [RETIRED, MIRROR])
def test_the_check_sum_in_an_address_of_yarn_stays(host: str, end: str) -> None:
    lock = f'ms@2.1.2:{end}  version "2.1.2"{end}  resolved "%s#d09d1f35"{end}'
    before = lock % f"{host}/ms/download/ms-2.1.2.tgz?cache=0"
    assert corrected("yarn.lock", before) == lock % f"{REGISTRY}/ms/-/ms-2.1.2.tgz"


def test_yarn_2_forgets_an_address_of_another_registry() -> None:
    """Issue 12, number 23."""
    lock = (
        "__metadata:\n  version: 8\n\n"
        '"ms@npm:2.1.2":\n  version: 2.1.2\n  resolution: "ms@npm:2.1.2%s"\n'
        "  dependencies:\n    a: 1\n  checksum: 10c0/0\n"
    )
    bound = "::__archiveUrl=https%3A%2F%2Fmirror.example.net%2Fms%2Fdownload%2Fms-2.1.2.tgz"
    assert corrected("yarn.lock", lock % bound) == lock % ""
    unsure = (lock % bound).replace("checksum", "other")
    assert corrected("yarn.lock", unsure) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            f"    resolution: {{tarball: {RETIRED}/ms/download/ms-2.tgz, integrity: sha1-x=}}\n",
            f"    resolution: {{tarball: {REGISTRY}/ms/-/ms-2.tgz, integrity: sha1-x=}}\n",
        ),
        (
            "    resolution: {integrity: sha1-x=, tarball: /ms/download/ms-2.1.2.tgz}\n",
            f"    resolution: {{integrity: sha1-x=, tarball: {REGISTRY}/ms/-/ms-2.1.2.tgz}}\n",
        ),
        (
            (
                "    resolution: {integrity: sha1-x=, "
                "tarball: '@vue/shared/download/@vue/shared-3.0.0.tgz?x=1'}\n"
            ),
            (
                "    resolution: {integrity: sha1-x=, "
                f"tarball: {REGISTRY}/@vue/shared/-/shared-3.0.0.tgz}}\n"
            ),
        ),
        (
            f"    resolution:\n      integrity: sha1-x=\n      tarball: {MIRROR}/ms/-/ms-2.tgz\n",
            f"    resolution:\n      integrity: sha1-x=\n      tarball: {REGISTRY}/ms/-/ms-2.tgz\n",
        ),
        (
            f"    resolution: {{integrity: sha1-x=, registry: {MIRROR}/}}\n",
            f"    resolution: {{integrity: sha1-x=, registry: {REGISTRY}/}}\n",
        ),
    ],
)
def test_an_address_of_pnpm_is_moved(before: str, after: str) -> None:
    """Issue 12, number 23."""
    lock = "lockfileVersion: 5.4\n\npackages:\n\n  /ms/2.1.2:\n"
    assert corrected("pnpm-lock.yaml", lock + before) == lock + after


def test_a_dependency_of_pnpm_may_be_called_registry_or_tarball() -> None:
    lock = "  a@1:\n    resolution: {integrity: x}\n    registry: 1.0.0\n    tarball: 2.0.0\n"
    assert corrected("pnpm-lock.yaml", lock) is None


@pytest.mark.parametrize("name", ["package-lock.json", "yarn.lock", "pnpm-lock.yaml"])
@pytest.mark.parametrize(
    "lock", ["", "{", "[" * 100_000, "null", f"tarball: {MIRROR}/" + "a/" * 200_000]
)
def test_a_lock_file_that_nobody_can_read_stays_as_it_is(name: str, lock: str) -> None:
    assert corrected(name, lock) is None


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
    registry = Registries(run("config", "get", "registry").strip())
    lock = corrected("package-lock.json", lock_of_npm(version), registry)
    assert lock
    (tmp_path / "package-lock.json").write_text(lock)
    run("ci", "--no-audit", "--no-fund")
    manifest = json.loads((tmp_path / "node_modules/ms/package.json").read_text())
    assert manifest["version"] == "2.1.2"
