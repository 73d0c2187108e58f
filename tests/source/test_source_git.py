import os
from pathlib import Path

from repositories import make_repository
from source_bench import Bench


def test_a_terminal_that_ends_its_group_does_not_reach_a_git_that_answers(
    bench: Bench, tmp_path: Path
) -> None:
    shop = make_repository(tmp_path / "shop", {"a": ""})
    group = "alias.group=!cut -d' ' -f5 /proc/self/stat"
    answer = bench.git().output(shop / ".git", "-c", group, "group", repository="")
    assert int(answer) != os.getpgrp()
