"""Build the image with buildah and start it with podman, in a store of the tests' own.

There is no registry and no engine: the base is made from Debian's packages under the name that the
`FROM` line gets. Containers share the network of this machine, so ports are chosen here.
"""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from documented import documented
from mirrors import mirrors

ROOT = Path(__file__).parents[2]
BASE = "debian:trixie-slim"
_MIRROR = "mirror.example.com"
IMAGE = "mprelease:tested"
PROGRAMS = ("mmdebstrap", "buildah", "podman", "runc")
REMEDY = "apt-get install -y --no-install-recommends mmdebstrap buildah podman runc"
_AUTHORITIES = Path("/usr/local/share/ca-certificates")
# What an image named slim leaves out.
_SLIM = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")]
# Other tests run workers on the machine itself, which end every process of their build users. And
# without the limits, runc tries to raise those of a machine like CI's.
BUILD_UIDS = "57000-57255"
_HERE = (
    "--network=host",
    "--ulimit=nofile=4096:4096",
    "--ulimit=nproc=4096:4096",
    f"--env=MPRELEASE_BUILD_UIDS={BUILD_UIDS}",
)
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
AS_WORKER = ("--cap-drop=ALL", *(f"--cap-add={name}" for name in CAPABILITIES))
AS_WEB = ("--cap-drop=ALL", "--user=10001:10001", "--read-only", "--read-only-tmpfs")


@dataclass
class Engine:
    """podman and buildah with a store below `folder`, which must not be in memory."""

    folder: Path
    started: list[str] = field(default_factory=list)
    mirrors_asked: set[str] = field(default_factory=set)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "BUILDAH_ISOLATION": "chroot",
            "TMPDIR": str(self.folder),
        }

    def prepare(self) -> None:
        self.folder.joinpath("containers.conf").write_text(
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
        )
        driver = "overlay" if self._has_overlays() else "vfs"
        self.folder.joinpath("storage.conf").write_text(
            f'[storage]\ndriver = "{driver}"\ngraphroot = "{self.folder / "store"}"\n'
            f'runroot = "{self.folder / "run"}"\n'
        )

    def _has_overlays(self) -> bool:
        """Return whether layers can lie above each other; vfs copies all of them each time."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            lower, upper, work, merged = (Path(place) / name for name in "abcd")
            for folder in (lower, upper, work, merged):
                folder.mkdir()
            options = f"lowerdir={lower},upperdir={upper},workdir={work}"
            mounted = self.call("mount", "-t", "overlay", "overlay", "-o", options, str(merged))
            return mounted.code == 0 and self.call("umount", str(merged)).code == 0

    def call(self, *words: str, folder: Path = ROOT, seconds: float = 700) -> "Called":
        ended = subprocess.run(
            words,
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        # podman looks for systemd to repeat health checks.
        errors = [line for line in ended.stderr.splitlines() if "systemd" not in line]
        return Called(ended.returncode, ended.stdout, "\n".join(errors))

    def must(self, *words: str, folder: Path = ROOT, seconds: float = 280) -> str:
        called = self.call(*words, folder=folder, seconds=seconds)
        assert called.code == 0, f"{words}\n{called.out[-4000:]}\n{called.err[-4000:]}"
        return called.out

    def build(self) -> None:
        """Make the base and build the image by `make image` from a copy of the sources.

        Everything comes over mirrors, as the document names them.
        """
        base = self.folder / "base.tar"
        self.must("mmdebstrap", "--variant=minbase", "--mode=root", *_SLIM, "trixie", str(base))
        self.must("podman", "import", str(base), f"{_MIRROR}/{BASE}")
        base.unlink()
        sources = self.folder / "sources"
        listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        files = self.must(*listed).split("\0")
        for file in filter(None, files):
            if (ROOT / file).is_file():
                (sources / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / file, sources / file)
        for authority in _AUTHORITIES.glob("*.crt"):
            shutil.copy(authority, sources / "deploy/certificates")
        documented("make image")
        command = documented(
            'make image ARGS="--build-arg BASE_IMAGE=mirror.example.com/debian:trixie-slim'
            " --build-arg APT_MIRROR=https://mirror.example.com"
            " --build-arg PYPI_INDEX=https://mirror.example.com/pypi/simple"
            ' --build-arg NPM_REGISTRY=https://npm.example.com"'
        )
        with mirrors() as here:
            for there, path in (
                (f"APT_MIRROR=https://{_MIRROR}", "APT_MIRROR={}/apt"),
                (f"https://{_MIRROR}/pypi", "{}/pypi"),
                ("https://npm.example.com", "{}"),
            ):
                assert there in command
                command = command.replace(there, path.format(here.url))
            make, image, arguments = shlex.split(command)
            words = f"{arguments} --pull-never --tag {IMAGE}"
            self.must(make, image, words, "BUILDER=buildah", folder=sources, seconds=600)
            self.mirrors_asked = here.asked
        shutil.rmtree(sources)

    def start(self, *words: str, options: Sequence[str] = ()) -> str:
        """Start a container of the image with a command, and return its name."""
        name = f"mprelease-{uuid.uuid4().hex[:8]}"
        self.started.append(name)
        self.must("podman", "run", "--detach", "--name", name, *_HERE, *options, IMAGE, *words)
        return name

    def run(self, *words: str, options: Sequence[str] = ()) -> "Called":
        """Run a container to its end."""
        return self.call("podman", "run", "--rm", *_HERE, *options, IMAGE, *words)

    def inside(self, name: str, *words: str, options: Sequence[str] = ()) -> "Called":
        """Run a command in a running container."""
        return self.call("podman", "exec", *options, name, *words)

    def compose(self, *words: str, **variables: str) -> None:
        """Run podman-compose, which takes the words of `docker compose`."""
        program = Path(sys.executable).parent / "podman-compose"
        self.must(
            "env", *(f"{name}={value}" for name, value in variables.items()),
            str(program), "--in-pod=false", *words,
        )  # fmt: skip

    def wait_until(self, name: str, holds: Callable[[], bool], seconds: float = 120) -> None:
        """Wait for something; if it does not come, show what the container has written."""
        deadline = time.monotonic() + seconds
        while not holds():
            running = self.must("podman", "inspect", "--format", "{{.State.Running}}", name)
            if time.monotonic() > deadline or running.strip() != "true":
                logs = self.call("podman", "logs", name)
                raise AssertionError(f"waited in vain:\n{logs.out}\n{logs.err}")
            time.sleep(0.3)

    def inspect(self) -> Any:
        return json.loads(self.must("podman", "image", "inspect", IMAGE))[0]

    def close(self) -> None:
        for name in self.started:
            self.call("podman", "rm", "--force", "--volumes", "--time", "5", name)
        # podman mounts the folder of its layers, and leaves that to the end of the machine.
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for place in reversed(mounts):
            if Path(place).is_relative_to(self.folder):
                self.call("umount", place)


@dataclass(frozen=True)
class Called:
    """The output of a command, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    made = Engine(folder)
    made.prepare()
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder / "store", ignore_errors=True)


def empty_volume(place: Path) -> str:
    """An empty folder of root that others may write, as Kubernetes gives it to a pod."""
    folder = Path(tempfile.mkdtemp(dir=place))
    folder.chmod(0o777)
    return f"--volume={folder}:/data"


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except (urllib.error.URLError, OSError):
        return 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
