"""Run every check, two at a time, also after one has failed, and say at the end which did."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_BIN = Path(sys.executable).parent
_LARGEST_MODULE = 350
_TEMPLATES = "src/mprelease/web/templates"
_LONGEST_LINE = 160  # of a template
# Biome, which is an npm package, is installed here once for each lock file.
_LINT = Path("scripts/lint")
_COMPOSE = ("deploy/compose.yaml", "deploy/compose.bwrap.yaml", "deploy/compose.grown.yaml")
_INSTALLED = Path(".cache/lint")
_TESTS = Path("tests")
_CONFTESTS = Path(".cache/conftests")

CHECKS = {
    "format": ("ruff", "format", "--check", "--quiet", "."),
    "lint": ("ruff", "check", "--quiet", "."),
    "types": ("mypy",),
    "floors": ("lint-imports",),
    "dependencies": ("deptry", "src"),
    "dead code": ("vulture",),
    "image": ("hadolint", "deploy/Containerfile"),
    "yaml": ("yamllint", "--strict", "deploy"),
    "compose": ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", *_COMPOSE),
    "templates": ("djlint", _TEMPLATES, "--lint", "--quiet"),
}


def main() -> None:
    """Run the checks; exit code 1 if one failed."""
    with ThreadPoolExecutor(2) as pool:
        passed = pool.map(_passes, CHECKS, CHECKS.values())
        others = [pool.submit(check) for check in (_types_of_tests, _not_formed)]
        failed = [name for name, is_good in zip(CHECKS, passed, strict=True) if not is_good]
    failed += [name for other in others for name in other.result()] + _too_long() + _too_wide()
    if failed:
        print(f"failed: {', '.join(failed)}")
        sys.exit(1)
    print("all checks passed")


def _passes(name: str, command: tuple[str, ...]) -> bool:
    program, *arguments = command
    ended = subprocess.run(
        (_BIN / program, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # At once, because checks run side by side.
    print(f"-- {name}\n{ended.stdout}", end="", flush=True)
    return ended.returncode == 0


def _types_of_tests() -> list[str]:
    """Check names and calls in tests, which import each other without a package, as pytest does."""
    # mypy refuses two modules of one name: each conftest.py is linked under a name of its own.
    shutil.rmtree(_CONFTESTS, ignore_errors=True)
    _CONFTESTS.mkdir(parents=True)
    files = []
    for file in sorted(_TESTS.rglob("*.py")):
        if file.name == "conftest.py":
            link = _CONFTESTS / f"{file.parent.name}_conftest.py"
            link.symlink_to(file.resolve())
            files.append(link)
        else:
            files.append(file)
    folders = {file.parent for file in files if not (file.parent / "__init__.py").exists()}
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(map(str, sorted(folders)))}
    command = (_BIN / "mypy", "--config-file", "scripts/mypy_tests.ini", *files)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    print(f"-- types of tests\n{ended.stdout}", end="", flush=True)
    return ["types of tests"] if ended.returncode else []


def _not_formed() -> list[str]:
    """Check format and lint of JavaScript and CSS, by the rules of biome.json."""
    print("-- scripts and styles", flush=True)
    _install()
    biome = _INSTALLED / "node_modules/.bin/biome"
    arguments = ("check", "--error-on-warnings")
    ended = subprocess.run((biome, *arguments), capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        return []
    print(ended.stdout + ended.stderr)
    return ["scripts and styles (make format puts most of it right)"]


def _install() -> None:
    lock = "package-lock.json"
    known, wanted = _INSTALLED / lock, (_LINT / lock).read_bytes()
    if known.is_file() and known.read_bytes() == wanted and (_INSTALLED / "node_modules").is_dir():
        return
    shutil.rmtree(_INSTALLED, ignore_errors=True)
    shutil.copytree(_LINT, _INSTALLED)
    install = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    subprocess.run(install, cwd=_INSTALLED, check=True)


def _too_long() -> list[str]:
    modules = [
        path
        for folder in ("src", "tests", "benchmarks", "scripts")
        for path in Path(folder).rglob("*.py")
    ]
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules}
    return [
        f"{path} has {length} lines (at most {_LARGEST_MODULE})"
        for path, length in lengths.items()
        if length > _LARGEST_MODULE
    ]


def _too_wide() -> list[str]:
    return [
        f"{path}:{number} has {len(line)} characters (at most {_LONGEST_LINE})"
        for path in sorted(Path(_TEMPLATES).rglob("*.html"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > _LONGEST_LINE
    ]


if __name__ == "__main__":
    main()
