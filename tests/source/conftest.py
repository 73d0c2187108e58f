"""What the tests of git share."""

from pathlib import Path

import pytest

from source_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "bench")
