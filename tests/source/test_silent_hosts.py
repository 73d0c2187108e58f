"""A git host that accepts connections and is silent is not waited for until the time limit."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from checkout_harness import CheckoutHarness
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.source import git as git_module
from mprelease.source import mirror
from mprelease.source.mirror import Mirror
from mprelease.source.repository import Repository
from repositories import git, make_repository
from silent_host import SilentHost

pytestmark = pytest.mark.lasting


@pytest.fixture
def silent() -> Iterator[SilentHost]:
    host = SilentHost()
    yield host
    host.close()


@pytest.mark.parametrize("scheme", ["http", "git", "ssh"])
def test_a_checkout_from_a_silent_host_ends_soon_and_names_it(
    harness: CheckoutHarness, silent: SilentHost, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """Issue 12, numbers 3 and 31: only the time limit of the stage ended it."""
    monkeypatch.setattr(mirror, "_ANSWER_SECONDS", 1.0)
    url = silent.url.replace("http", scheme)
    began = time.monotonic()
    with pytest.raises(StageFailed) as failed:
        harness.fetch(Repository(url), "main")
    assert time.monotonic() - began < 10
    assert failed.value.problem_detail.problem is Problem.GIT_HOST_SILENT
    assert failed.value.problem_detail.parameters == {"host": "127.0.0.1", "seconds": 1}


def test_a_host_that_falls_silent_later_is_left_too(
    harness: CheckoutHarness, tmp_path: Path, silent: SilentHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 12, numbers 3 and 31: when its access was verified before."""
    shop = make_repository(tmp_path / "shop", {"app.json": "{}"})
    repository = Repository(silent.url)
    copy = Mirror(harness.git(), repository)
    harness.check_out(shop)
    shutil.copytree(Mirror(harness.git(), Repository(str(shop))).path, copy.path)
    (copy.path / "proofs").write_text(f"{copy._digest()}\n")
    gitconfig = Path(git_module.__file__).with_name("gitconfig")
    listed = git(shop, "config", "--file", str(gitconfig), "--get", "http.lowSpeedTime")
    assert int(listed) <= 30
    faster = harness.folder / "gitconfig"
    faster.write_text(gitconfig.read_text().replace(f"= {listed}", "= 1"))
    monkeypatch.setitem(git_module._QUIET, "GIT_CONFIG_GLOBAL", str(faster))
    began = time.monotonic()
    with pytest.raises(StageFailed) as failed:
        harness.fetch(repository, "main")
    assert time.monotonic() - began < 10
    assert failed.value.problem_detail.problem is Problem.GIT_HOST_UNREACHABLE
