"""The real image: built, started as separate containers, and released with."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from containers import AS_WEB, AS_WORKER, IMAGE, PROGRAMS, REMEDY, Engine, engine
from databases import MARIADB, Servers, blank
from mprelease.process import programs
from mprelease.security.vault import new_master_key
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.sample import make_sample
from mprelease.simulator.wechat import WeChat
from needs import lack
from servers import redis_server

pytestmark = [pytest.mark.slow, pytest.mark.servers, pytest.mark.timeout(900)]

APP_ID = "wx0123456789abcdef"
LARGEST_BYTES = 450_000_000
COMPILERS = ("cc", "gcc", "c++", "make", "pip", "apt-get")
BWRAP = ("SYS_ADMIN", "SETPCAP", "DAC_READ_SEARCH")
# What this machine's sandbox denies to containers is no question of the image.
AS_BWRAP_WORKER = (
    *AS_WORKER,
    *(f"--cap-add={name}" for name in BWRAP),
    "--security-opt=seccomp=unconfined",
    "--security-opt=unmask=ALL",
)


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    found = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    if lacking := [name for name in PROGRAMS if not programs.which(name, found)]:
        lack(f"{lacking[0]}: {REMEDY}")
    if os.geteuid() != 0:
        lack("root, who alone can build an image here: run the tests as root")
    with engine(tmp_path_factory.mktemp("containers")) as made:
        made.build()
        yield made
