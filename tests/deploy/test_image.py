"""The real image: built, started as separate containers, and released with (issue 14, point 4)."""

import json
import re
import secrets
import shutil
import subprocess
import time
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from containers import (
    AS_WEB,
    AS_WORKER,
    BUILD_UIDS,
    IMAGE,
    ROOT,
    Called,
    Engine,
    empty_volume,
    free_port,
    status,
)
from databases import MARIADB, Servers, blank
from documented import documented
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.sample import make_sample
from mprelease.simulator.wechat import WeChat
from servers import redis_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.servers,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("containers"),
]


APP_ID = "wx0123456789abcdef"
LARGEST_BYTES = 450_000_000
BUILDERS = ("cc", "gcc", "c++", "ld", "make", "pip")
AS_BWRAP_WORKER = (
    *AS_WORKER,
    *(f"--cap-add={name}" for name in ("DAC_READ_SEARCH", "SETPCAP", "SYS_ADMIN")),
    "--security-opt=seccomp=unconfined",
    "--security-opt=unmask=ALL",
)
GRACE_SECONDS = 120


@dataclass
class Installation:
    """Web and worker containers of one installation, with a database and Redis beside them."""

    engine: Engine
    folder: Path
    environment: dict[str, str]
    port: int
    web: str = ""
    worker: str = ""
    volumes: list[str] = field(default_factory=list)

    def start_web(self) -> None:
        options = [*AS_WEB, empty_volume(self.folder), *self.volumes, *self.settings]
        self.web = self.engine.start("serve", "--no-worker", options=options)
        url = f"http://127.0.0.1:{self.port}/readyz"
        self.engine.wait_until(self.web, lambda: status(url) == 200)

    def start_worker(self) -> None:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        options = [*AS_WORKER, f"--volume={data}:/data", *self.volumes, *self.settings]
        self.worker = self.engine.start("worker", "--slots", "1", options=options)
        health = documented("mprelease healthcheck --worker").split()
        self.engine.wait_until(
            self.worker, lambda: self.engine.inside(self.worker, *health).code == 0
        )

    @property
    def settings(self) -> list[str]:
        return [f"--env={name}={value}" for name, value in self.environment.items()]

    def command(self, *words: str) -> Any:
        """Run a command of mprelease in the web container, which has no worker of its own."""
        return self.engine.inside(self.web, "mprelease", *words, "--json").json

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["podman", "exec", self.web, "mprelease", *words, "--json"],
            env=self.engine.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def wechat(tmp_path: Path, upload_key: str) -> WeChat:
    service = WeChat(tmp_path / "received")
    service.register(APP_ID, upload_key)
    return service


@pytest.fixture
def shared(tmp_path: Path, upload_key: str) -> Path:
    """A folder that containers see: a repository and a key file."""
    folder = tmp_path / "shared"
    folder.mkdir()
    make_sample(folder / "sample")
    (folder / "private.key").write_text(upload_key)
    for each in (tmp_path, folder, *folder.rglob("*")):
        each.chmod(0o755 if each.is_dir() else 0o644)
    return folder


@pytest.fixture
def installation(
    containers: Engine, shared: Path, wechat: WeChat, wechat_tool: Path, servers: Servers
) -> Iterator[Installation]:
    place = shared.parent
    with (
        blank(servers.address(MARIADB)) as database,
        redis_server() as redis,
        Simulator(place / "simulator", [wechat]) as simulator,
    ):
        port = free_port()
        environment = {
            "MPRELEASE_ADMIN_PASSWORD": "first-password",
            "MPRELEASE_DATABASE_URL": database,
            "MPRELEASE_EXTRA_CA_CERTS": "/simulator/ca.pem",
            "MPRELEASE_MASTER_KEY": b64encode(secrets.token_bytes(32)).decode(),
            "MPRELEASE_PORT": str(port),
            "MPRELEASE_REDIS_URL": redis.url,
            "MPRELEASE_TOOLS_DIR": "/tools",
            "MPRELEASE_VENDOR_PROXY": simulator.proxy_url,
        }
        made = Installation(containers, place, environment, port)
        shutil.copy(simulator.ca_file, shared / "ca.pem")
        made.volumes = [
            f"--volume={shared}:/shared:ro",
            f"--volume={shared}:/simulator:ro",
            f"--volume={wechat_tool.parent}:/tools:ro",
        ]
        yield made
        for name in (made.web, made.worker):
            containers.call("podman", "rm", "--force", "--time", "5", name)


@pytest.fixture(scope="module")
def idle(containers: Engine) -> str:
    """A container with the rights of a worker, in which nothing runs yet."""
    return containers.start("infinity", options=[*AS_WORKER, "--entrypoint=sleep"])


def test_the_image_is_built_over_mirrors(containers: Engine) -> None:
    assert containers.mirrors_asked == {"apt", "npm", "pypi"}


def test_the_image_is_small_labelled_and_without_compilers(containers: Engine, idle: str) -> None:
    image = containers.inspect()
    assert image["Size"] <= LARGEST_BYTES
    labels = {name.rpartition(".")[2] for name in image["Labels"] if "opencontainers" in name}
    assert labels >= {"title", "description", "licenses", "version"}
    assert image["Healthcheck"]["Test"] == ["CMD", "mprelease", "healthcheck"]
    look = f"command -v {' '.join(BUILDERS)}; node --version"
    found = containers.inside(idle, "/bin/sh", "-c", look)
    assert found.out.startswith("v24.")


def test_web_and_worker_release_to_a_qr_code_and_lose_nothing(installation: Installation) -> None:
    installation.start_web()
    installation.start_worker()
    health = documented("mprelease healthcheck").split()
    assert installation.engine.inside(installation.web, *health).code == 0
    command = installation.command
    command("project", "add", "shop", "--repository", "/shared/sample")
    key = ("--credential-file", "/shared/private.key")
    command("app", "add", "shop", "--project", "shop", "--app-id", APP_ID, *key)
    preview = command("preview", "shop", "--qr-code", "/data/preview.png")
    assert preview["state"] == "succeeded"
    assert installation.engine.inside(installation.web, "test", "-s", "/data/preview.png").code == 0

    # SIGTERM in the middle of a release: it finishes, within the grace period.
    command("app", "edit", "shop", "--build-command", "sleep 15", "--output", ".")
    upload = installation.begin("upload", "shop")
    engine, grace = installation.engine, ("--time", str(GRACE_SECONDS))
    engine.wait_until(
        installation.worker, lambda: command("releases", "shop")[0]["state"] == "running"
    )
    began = time.monotonic()
    engine.must("podman", "stop", *grace, installation.worker)
    assert time.monotonic() - began < GRACE_SECONDS
    exit_code = engine.must(
        "podman", "inspect", "--format", "{{.State.ExitCode}}", installation.worker
    )
    assert exit_code.strip() == "0"
    out, err = upload.communicate(timeout=60)
    assert upload.returncode == 0, out + err
    assert json.loads(out)["state"] == "succeeded"

    # Another container on the same volume has everything.
    installation.start_worker()
    second = command("upload", "shop")
    assert second["state"] == "succeeded"
    assert second["version"] != json.loads(out)["version"]
    states = [release["state"] for release in command("releases", "shop")]
    assert states == ["succeeded"] * 3
    assert len(command("workers")) == 1


def test_the_sandbox_that_is_active_and_why_is_told(containers: Engine, idle: str) -> None:
    command = documented("mprelease doctor --json").split()
    active = sandbox(containers.inside(idle, *command))
    assert active["status"] == "warning"
    assert "another user id; bubblewrap would be better: bwrap: " in active["detail"]
    active = sandbox(containers.run("doctor", "--json", options=AS_BWRAP_WORKER))
    assert (active["status"], active["detail"]) == ("ok", "bwrap")


def sandbox(doctor: Called) -> Any:
    return next(each for each in json.loads(doctor.out) if each["name"] == "sandbox")


@pytest.mark.parametrize(
    ("option", "command", "sentence"),
    [
        ("--user=10001:10001", "serve", "Builds cannot be confined"),
        ("--env=MPRELEASE_DATA_DIR=/sys/data", "serve", "data folder"),
        ("--env=MPRELEASE_DATABASE_URL=mysql://a:b@127.0.0.1:9/c", "worker", "database"),
    ],
    ids=["no sandbox", "unwritable volume", "wrong database"],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    containers: Engine, idle: str, option: str, command: str, sentence: str
) -> None:
    words = ("mprelease", command)
    called = containers.inside(idle, *words, options=["--env=MPRELEASE_DATA_DIR=/tmp/data", option])
    assert called.code == 2, called.err
    assert sentence in called.err
    assert "Traceback" not in called.err
    assert len(called.err.strip().splitlines()) == 1


def test_one_more_word_shows_the_demo(
    containers: Engine, wechat_tool: Path, alipay_tool: Path, douyin_tool: Path
) -> None:
    documented("docker run --rm --publish 127.0.0.1:8088:8088 mprelease demo")
    port = free_port()
    options = [
        f"--env=MPRELEASE_PORT={port}",
        "--env=MPRELEASE_TOOLS_DIR=/tools", f"--volume={wechat_tool.parent}:/tools:ro",
    ]  # fmt: skip
    name = containers.start("demo", options=[*AS_WORKER, *options])
    containers.wait_until(name, lambda: status(f"http://127.0.0.1:{port}/readyz") == 200)
    assert containers.inside(name, "mprelease", "healthcheck").code == 0
    containers.wait_until(name, lambda: "admin" in containers.call("podman", "logs", name).err)
    containers.must("podman", "stop", "--time", "60", name)


def test_one_container_is_looked_at_and_saved(containers: Engine, tmp_path: Path) -> None:
    documented(
        "docker run --detach --name mprelease --publish 127.0.0.1:8088:8088"
        " --volume mprelease_data:/data mprelease"
    )
    documented("mprelease serve")
    port = free_port()
    name = containers.start(
        options=[f"--env=MPRELEASE_PORT={port}", "--volume=mprelease_saved:/data"]
    )
    containers.wait_until(name, lambda: status(f"http://127.0.0.1:{port}/readyz") == 200)
    for command in (
        documented("docker exec mprelease mprelease doctor"),
        documented(
            "docker exec mprelease mprelease backup /data/before-update.zip --with-master-key"
        ),
    ):
        called = containers.inside(name, *command.split()[3:])
        assert called.code == 0, called.out + called.err
    _, copy, source, _ = documented("docker cp mprelease:/data/before-update.zip .").split()
    source = source.replace("mprelease", name, 1)
    containers.must("podman", copy, source, str(tmp_path))
    with zipfile.ZipFile(tmp_path / "before-update.zip") as saved:
        assert saved.testzip() is None
    containers.must("podman", "stop", "--time", "60", name)


# What this machine's podman cannot do: a network of its own, and higher limits.
HERE = """
services:
  mprelease:
    network_mode: host
    ports: !reset []
    environment:
      MPRELEASE_PORT: "{port}"
      MPRELEASE_BUILD_UIDS: {uids}
    ulimits: {{nofile: {{soft: 4096, hard: 4096}}, nproc: {{soft: 4096, hard: 4096}}}}
"""


@pytest.fixture
def port(containers: Engine, tmp_path: Path) -> Iterator[int]:
    """What `docker compose --file deploy/compose.yaml up --detach` starts, and its port."""
    chosen = free_port()
    here = tmp_path / "here.yaml"
    here.write_text(HERE.format(port=chosen, uids=BUILD_UIDS))
    files = ("--file", str(ROOT / "deploy/compose.yaml"), "--file", str(here))
    documented("docker compose --file deploy/compose.yaml up --detach")
    containers.compose(*files, "up", "--detach", "--no-build", MPRELEASE_IMAGE=f"localhost/{IMAGE}")
    yield chosen
    containers.compose(*files, "down", "--volumes")


def test_the_three_lines_of_the_readme_lead_to_a_login(containers: Engine, port: int) -> None:
    readme = (ROOT / "README.md").read_text()
    lines = re.findall(r"^(?:make image|docker compose).*$", readme, re.MULTILINE)
    assert [line.split("  ")[0] for line in lines] == [
        "make image",
        "docker compose --file deploy/compose.yaml up --detach",
        documented("docker compose --file deploy/compose.yaml logs mprelease"),
    ]
    url = f"http://127.0.0.1:{port}"
    listed = ("podman", "ps", "--filter", "name=mprelease_mprelease", "--format", "{{.Names}}")
    (name,) = containers.must(*listed).split()
    containers.wait_until(name, lambda: status(f"{url}/readyz") == 200)
    logs = containers.call("podman", "logs", name)
    password = re.search(r"密码 (\S+?)（", logs.out + logs.err)
    assert password, logs
    with httpx.Client(base_url=url, follow_redirects=True, trust_env=False) as browser:
        form = {"name": "admin", "password": password[1]}
        page = browser.post("/login", data=form, headers={"Origin": url})
        assert page.status_code == 200
        assert page.url.path == "/"
    health = ("mprelease", "healthcheck", "--worker")
    containers.wait_until(name, lambda: containers.inside(name, *health).code == 0)
