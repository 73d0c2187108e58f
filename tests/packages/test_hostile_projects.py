"""No project, however it is written, holds the worker up that looks what an install sees."""

import time
from pathlib import Path

import pytest

from install_views import installs, names, seen
from mprelease.packages import lock_files, manifests, registries
from mprelease.packages.install_view import InstallRequest, view_of
from mprelease.packages.registries import Registries
from trees import write

pytestmark = pytest.mark.lasting


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path, "package.json", {"workspaces": ["libs/*"], "dependencies": {"ms": "2.1.3"}})
    write(tmp_path, "package-lock.json", {"lockfileVersion": 3})
    write(tmp_path, "libs/a/package.json", {"version": "1.0.0", "dependencies": {"vue": "3.4.21"}})
    return tmp_path


_LONG = 100_000


@pytest.mark.parametrize("script", ["echo" + " " * _LONG + "x", "a" * _LONG, "; " * _LONG])
def test_no_script_holds_the_worker_up_however_long_it_is(tree: Path, script: str) -> None:
    write(tree, "package.json", {"scripts": {"postinstall": script}})
    began = time.process_time()
    seen(tree)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(
    "text", ["require" + " " * _LONG, "from" + " " * _LONG, "require(" * _LONG]
)
def test_no_pnpmfile_holds_the_worker_up_however_long_it_is(tree: Path, text: str) -> None:
    write(tree, ".pnpmfile.cjs", text)
    began = time.process_time()
    seen(tree)
    assert time.process_time() - began < 1.0


def test_no_number_of_hooks_and_files_holds_the_worker_up(tree: Path) -> None:
    for number in range(600):
        write(tree, f"p{number}/package.json", {"scripts": {"postinstall": "prisma generate"}})
        write(tree, f"p{number}/prisma/schema", "")
    began = time.process_time()
    assert "p7/prisma/schema" in names(seen(tree))
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize("step", [1, -1])
def test_no_number_of_local_dependencies_in_each_other_holds_the_worker_up(
    tree: Path, step: int
) -> None:
    folders = ["/".join(["d"] * depth) for depth in range(1, 300)]
    wanted = {f"d{n}": f"file:{n}" for n in folders[::step]}
    write(tree, "package.json", {"dependencies": wanted})
    for number in range(300):
        write(tree, f"{folders[-1]}/{number}.js")
    began = time.process_time()
    assert f"{folders[-1]}/7.js" in names(seen(tree))
    assert time.process_time() - began < 2.0


def test_a_folder_with_the_name_of_a_pattern_is_no_pattern(tree: Path) -> None:
    write(tree, "[ab]/package.json", {"scripts": {"postinstall": "prisma generate"}})
    write(tree, "[ab]/prisma/schema", "")
    write(tree, "a/prisma/schema", "")
    assert {"[ab]/prisma/schema"} == {each for each in names(seen(tree)) if "schema" in each}


def test_no_number_of_blank_lines_in_yarns_settings_holds_the_worker_up() -> None:
    npm = Registries("https://registry.example", {}, frozenset())
    began = time.process_time()
    assert registries.of_yarn_1("\n" * 200_000 + "x", npm) == npm
    assert time.process_time() - began < 1.0
    assert (
        registries.of_yarn_1("\nregistry https://a.example/", npm).default == "https://a.example/"
    )


@pytest.mark.parametrize("inside", ["[],", "{},", '"a",'])
def test_no_manifest_holds_the_worker_up_however_large_it_is(tree: Path, inside: str) -> None:
    # While Python reads JSON, no other thread of the server does anything.
    (tree / "package.json").write_text('{"a":[' + inside * (60_000_000 // len(inside)) + "0]}")
    began = time.process_time()
    assert manifests.parsed(tree / "package.json") == {}
    seen(tree)
    assert time.process_time() - began < 1.0


def test_a_lock_file_of_any_size_tells_its_format(tree: Path) -> None:
    (tree / "package-lock.json").unlink()
    (tree / "pnpm-lock.yaml").write_text("lockfileVersion: '6.0'\n" + "# a\n" * 1_000_000)
    assert installs(tree)[0].manager.version == "8.15.9"


class _LateError(Exception):
    """The time is over."""


def test_looking_at_any_number_of_files_ends_when_somebody_wants_it_to(tree: Path) -> None:
    for number in range(9):
        write(tree, f"p{number}/package.json", {})
    calls = []

    def look() -> None:
        calls.append(1)
        if len(calls) > 5:
            raise _LateError

    with pytest.raises(_LateError):
        view_of(InstallRequest(tree, installs(tree), on_file=look))


_SCOPED = "https://a/packages/@" + "a%2f" * 230


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("yarn.lock", "__metadata:\n  resolution: ::__archiveUrl=a" + "\n  " * 2_500_000),
        ("pnpm-lock.yaml", "\n" * 4_000_000),
        ("pnpm-lock.yaml", f"  tarball: {_SCOPED}\n  integrity: x\n" * 1000),
        ("yarn.lock", f'  resolved "{_SCOPED}#x"\n' * 1000),
    ],
)
def test_no_lock_file_holds_the_worker_up(name: str, text: str) -> None:
    npm = Registries("https://registry.example", {}, frozenset())
    began = time.process_time()
    lock_files.corrected(name, text, npm)
    assert time.process_time() - began < 2.0
