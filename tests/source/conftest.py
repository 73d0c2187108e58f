"""What the tests of git share."""

from pathlib import Path

import pytest

from checkout_harness import CheckoutHarness


@pytest.fixture
def harness(tmp_path: Path) -> CheckoutHarness:
    return CheckoutHarness(tmp_path / "bench")
