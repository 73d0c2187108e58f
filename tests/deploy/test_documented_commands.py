"""Every command of docs/deploy.md is run by a test, or was run by hand as told here."""

import re
import stat
import subprocess
from pathlib import Path

import pytest

from documented import DOCUMENT, commands, documented, run_by_tests, text_of

CHINESE = "docs/deploy.zh-CN.md"
# In a container with systemd as its first process, on Debian 13: active, the address and the first
# password in the journal, an end within seconds.
UNDER_SYSTEMD = "27 November 2026, under systemd 257"
# With podman-compose and networks of podman, and images of these names made of Debian's packages:
# a login over https, a session that both web nodes know, two workers, a query answered by one.
WITH_COMPOSE = "27 November 2026, with podman-compose"
BY_HAND = {
    'make image ARGS="--target tools-inside"': "27 November 2026, with buildah",
    "cd deploy": WITH_COMPOSE,
    "docker compose --file compose.grown.yaml up --detach": WITH_COMPOSE,
    "docker compose --file compose.grown.yaml logs web": WITH_COMPOSE,
    '"${EDITOR:-vi}" deploy/kubernetes/base/secrets.env deploy/kubernetes/base/kustomization.yaml'
    " deploy/kubernetes/base/web.yaml": "an editor",
    "apt-get install --yes bubblewrap git git-lfs nftables python3-venv": UNDER_SYSTEMD,
    "python3 -m venv /opt/mprelease": UNDER_SYSTEMD,
    "/opt/mprelease/bin/pip install .": UNDER_SYSTEMD,
    "install -d -m 0755 /etc/mprelease": UNDER_SYSTEMD,
    "install -m 0600 /dev/null /etc/mprelease/config.toml": UNDER_SYSTEMD,
    "install -m 0644 deploy/systemd/mprelease.service /etc/systemd/system/": UNDER_SYSTEMD,
    "systemctl daemon-reload": UNDER_SYSTEMD,
    "systemctl enable --now mprelease": UNDER_SYSTEMD,
    "journalctl --unit mprelease": UNDER_SYSTEMD,
}


def test_the_chinese_document_has_the_same_commands() -> None:
    assert commands(CHINESE) == commands(DOCUMENT)


@pytest.mark.parametrize("command", commands(DOCUMENT))
def test_a_command_is_run(command: str) -> None:
    assert (command in run_by_tests()) != (command in BY_HAND)


def test_what_is_said_to_run_is_documented() -> None:
    assert run_by_tests().keys() | BY_HAND.keys() == set(commands(DOCUMENT))


def test_the_file_beside_compose_has_every_variable_that_it_demands(tmp_path: Path) -> None:
    block = documented(
        "{\n"
        '  echo "MPRELEASE_MASTER_KEY=$(openssl rand -base64 32)"\n'
        '  echo "DATABASE_PASSWORD=$(openssl rand -hex 24)"\n'
        '  echo "REDIS_PASSWORD=$(openssl rand -hex 24)"\n'
        '  echo "MPRELEASE_BASE_URL=https://mp.example.com"\n'
        '  echo "CERTIFICATES=/etc/ssl/mp.example.com"\n'
        "} > .env"
    )
    script = f"{block}\n{documented('chmod 600 .env')}"
    subprocess.run(["/bin/sh", "-ec", script], cwd=tmp_path, check=True)
    file = tmp_path / ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    values = dict(line.split("=", 1) for line in file.read_text().splitlines())
    compose = text_of("deploy/compose.grown.yaml")
    assert set(re.findall(r"\$\{(\w+):\?\}", compose)) == values.keys()
    assert all(values.values())
