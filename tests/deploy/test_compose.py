"""The README's three lines: from an empty machine to a working login (issue 14)."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from containers import BUILD_UIDS, IMAGE, ROOT, Engine, free_port, status

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("containers"),
]

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
    containers.compose(*files, "up", "--detach", "--no-build", MPRELEASE_IMAGE=f"localhost/{IMAGE}")
    yield chosen
    containers.compose(*files, "down", "--volumes")


def test_the_three_lines_of_the_readme_lead_to_a_login(containers: Engine, port: int) -> None:
    readme = (ROOT / "README.md").read_text()
    lines = re.findall(r"^(?:make image|docker compose).*$", readme, re.MULTILINE)
    assert [line.split("  ")[0] for line in lines] == [
        "make image",
        "docker compose --file deploy/compose.yaml up --detach",
        "docker compose --file deploy/compose.yaml logs mprelease",
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
