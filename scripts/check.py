"""Run every check, also after one has failed, and say at the end which did."""

import subprocess
import sys
from pathlib import Path

_BIN = Path(sys.executable).parent
_LARGEST_MODULE = 350

CHECKS = {
    "format": ("ruff", "format", "--check", "--quiet", "."),
    "lint": ("ruff", "check", "--quiet", "."),
    "types": ("mypy",),
    "floors": ("lint-imports",),
    "dependencies": ("deptry", "src"),
    "dead code": ("vulture",),
}


def main() -> None:
    """Run the checks; exit code 1 if one failed."""
    failed = [name for name, command in CHECKS.items() if not _passes(name, command)]
    failed += _too_long()
    if failed:
        print(f"failed: {', '.join(failed)}")
        sys.exit(1)
    print("all checks passed")


def _passes(name: str, command: tuple[str, ...]) -> bool:
    print(f"-- {name}", flush=True)
    program, *arguments = command
    return subprocess.run((_BIN / program, *arguments), check=False).returncode == 0


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


if __name__ == "__main__":
    main()
