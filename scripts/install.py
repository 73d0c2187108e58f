"""Install mprelease, and what requirements.lock pins, into the environment of this Python.

uv does it, in a tenth of pip's time. It reads no settings of pip, which say where packages come
from, so they are passed on. What uv cannot do, or where it cannot run, pip does.
"""

import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_LOCK = Path("requirements.lock")
_PIP = (sys.executable, "-m", "pip")
_STEPS = (
    ("--require-hashes", "--requirement", str(_LOCK)),
    ("--no-deps", "--no-build-isolation", "--editable", "."),
)
# Settings of pip, and the variables that say the same to uv.
_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
}
_SEPARATORS = {"find-links": ","}


def main() -> None:
    """Install; exit code 1 if pip fails as well."""
    if not (_uv_is_there() and _passes(sys.executable, "-m", "uv", "pip", **_variables())):
        print("installing with pip")
        sys.exit(not _passes(*_PIP))


def _passes(*installer: str, **variables: str) -> bool:
    environment = {**os.environ, **variables}
    return all(
        subprocess.run(
            (*installer, "install", "--quiet", *step), env=environment, check=False
        ).returncode
        == 0
        for step in _STEPS
    )


def _uv_is_there() -> bool:
    """Install the version of uv that the lock file pins, if this machine can run it."""
    lines = _LOCK.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("uv=="))
    end = next(n for n, line in enumerate(lines[start:], start) if not line.endswith("\\"))
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join([*lines[start : end + 1], ""]))
        file.flush()
        only = ("--only-binary", ":all:", "--require-hashes", "--requirement", file.name)
        command = (*_PIP, "install", "--quiet", *only)
        return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def _variables() -> Mapping[str, str]:
    """Return the settings of pip as variables of uv."""
    listed = subprocess.run((*_PIP, "config", "list"), check=True, capture_output=True, text=True)
    settings: dict[str, str] = {}
    # In the order of `pip config list`, later ones win, and variables over all files.
    for line in sorted(listed.stdout.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = str(ast.literal_eval(value))
    # pip takes the best version of all places; uv would stop at the first that knows the name.
    made = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for name, variable in _VARIABLES.items():
        if (value := settings.get(name)) and variable not in os.environ:
            made[variable] = _SEPARATORS.get(name, " ").join(value.split())
    return made


if __name__ == "__main__":
    main()
