"""`mprelease cleanup`, with and without `--dry-run`."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mprelease.application import opened
from mprelease.settings.settings import load
from mprelease.storage import workers
from mprelease.workspace.layout import Layout
from mprelease.workspace.owner_lock import owning

Call = Callable[..., Any]


def foreign_workspace(data: Path) -> Path:
    folder = data / "workspaces" / "0123456789abcdef" / "1"
    folder.mkdir(parents=True)
    (folder / "content").write_bytes(b"x" * 100_000)
    os.utime(folder, (time.time() - 86_400,) * 2)
    return folder


def test_a_dry_run_shows_what_the_cleanup_removes(call: Call, data: Path) -> None:
    folder = foreign_workspace(data)
    shown = call("cleanup", "--dry-run")
    assert shown.code == 0, shown.err
    [row] = [line for line in shown.out.splitlines() if line.startswith("workspaces")]
    assert "no app uses it: 1" in row
    assert folder.exists()
    answer = call("cleanup", "--json")
    assert answer.code == 0, answer.err
    [report] = [each for each in json.loads(answer.out) if each["store"] == "workspaces"]
    assert report["removed"] == {"orphan": 1}
    assert report["removed_size"] > 100_000
    assert not folder.exists()


def test_only_the_owner_of_the_data_folder_cleans_it(call: Call, data: Path) -> None:
    folder = foreign_workspace(data)
    with owning(Layout(data)) as is_mine:
        assert is_mine
        refused = call("cleanup")
        assert refused.code == 2
        assert call("cleanup", "--dry-run").code == 0
    assert folder.exists()


def test_the_owner_cleans_for_others(
    call: Call, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker in this process stands for the one that owns the data folder."""
    monkeypatch.setenv("MPRELEASE_MIN_FREE_DISK", "0")
    folder = foreign_workspace(data)
    application = opened(load())
    with owning(application.layout), application.services.database.writing() as db:
        workers.register(db, application.worker_name, ("default",), 1, "1")
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(0.05):
            with application.services.database.writing() as db:
                orders = workers.heartbeat(db, application.worker_name)
            if orders.cleanup:
                application.cleanup.run()

    with owning(application.layout):
        worker = threading.Thread(target=beat)
        worker.start()
        answer = call("cleanup", "--json")
        is_over.set()
        worker.join()
    application.close()
    assert answer.code == 0, answer.err
    removed = {each["store"]: each["removed"] for each in json.loads(answer.out)}
    assert removed["workspaces"] == {"orphan": 1}
    assert removed["releases"] == {}
    assert not folder.exists()


def test_keeping_a_release_that_does_not_exist_is_refused(call: Call) -> None:
    assert call("release", "keep", "77").code == 2
    assert call("release", "keep", "77", "--off").code == 2
