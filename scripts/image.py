"""Build the image with docker, podman or buildah, whichever works here: docs/deploy.md.

The variable BUILDER names another program. Arguments are passed on:
`--build-arg NPM_REGISTRY=…`, `--target tools-inside`, `--tag …`.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

_PROGRAMS = ("docker", "podman", "buildah")
_CONTAINERFILE = "deploy/Containerfile"


def main(arguments: list[str]) -> None:
    """Become the builder; exit code 2 if there is none."""
    program = os.environ.get("BUILDER") or next(filter(_works, _PROGRAMS), None)
    if program is None:
        sys.stderr.write(
            "An image is built with docker, podman or buildah, and none of them is here: "
            "apt-get install -y podman\n"
        )
        sys.exit(2)
    words = [program, *command(program, _version(), arguments)]
    print(" ".join(words), flush=True)
    os.execvp(program, words)  # noqa: S606 (no shell is wanted)


def _works(program: str) -> bool:
    if not shutil.which(program):
        return False
    # The command of docker may be there without an engine.
    return program != "docker" or _is_fine("docker", "info")


def _is_fine(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def command(program: str, version: str, arguments: list[str]) -> list[str]:
    """Return the builder's arguments; the image is `mprelease:VERSION` and `mprelease:latest`."""
    named = any(each.split("=")[0] in {"-t", "--tag"} for each in arguments)
    tags = [] if named else ["--tag", f"mprelease:{version}", "--tag", "mprelease:latest"]
    # The format of OCI has no health checks; docker's is understood everywhere.
    form = [] if program == "docker" else ["--format", "docker"]
    build = ["build", *form, "--file", _CONTAINERFILE, "--build-arg", f"VERSION={version}"]
    return [*build, *tags, *arguments, "."]


def _version() -> str:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    version: str = project["project"]["version"]
    return version


if __name__ == "__main__":
    main(sys.argv[1:])
