"""The image, which is built once for all tests that start it."""

import os
import shutil
from collections.abc import Iterator

import pytest

from containers import PROGRAMS, REMEDY, Engine, engine
from needs import lack


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path = f"{os.environ['PATH']}:/usr/sbin"
    if lacking := [name for name in PROGRAMS if not shutil.which(name, path=path)]:
        lack(f"{lacking[0]}: {REMEDY}")
    if os.geteuid() != 0:
        lack("root, who alone can build an image here: run the tests as root")
    with engine(tmp_path_factory.mktemp("containers")) as made:
        made.build()
        yield made
