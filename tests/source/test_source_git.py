import os
from pathlib import Path

from checkout_harness import CheckoutHarness
from repositories import make_repository


def test_a_terminal_that_ends_its_group_does_not_reach_a_git_that_answers(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    shop = make_repository(tmp_path / "shop", {"a": ""})
    group = "alias.group=!cut -d' ' -f5 /proc/self/stat"
    answer = harness.git().output(shop / ".git", "-c", group, "group", repository="")
    assert int(answer) != os.getpgrp()
