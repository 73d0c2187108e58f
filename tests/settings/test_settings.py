"""Settings: from the environment and a file, each one documented, none silently wrong."""

import os
import pwd
from pathlib import Path

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.settings.environment import machine_environment, user_name, variables
from mprelease.settings.settings import Settings, load

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPRELEASE_CONFIG", str(tmp_path / "config.toml"))
    for name in Settings.model_fields:
        monkeypatch.delenv(f"MPRELEASE_{name.upper()}", raising=False)


@pytest.mark.parametrize("name", [*Settings.model_fields, "config", "language"])
def test_every_setting_is_documented(name: str) -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    assert f"`MPRELEASE_{name.upper()}`" in text


def test_whoever_has_no_name_in_the_environment_is_named_as_the_system_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Issue 12, number 34: `uid0` stood there as a person."""
    for name in ("SUDO_USER", "LOGNAME", "USER"):
        monkeypatch.delenv(name, raising=False)
    assert user_name() == pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(os, "getuid", lambda: 2_000_000_017)
    assert user_name() == "system user 2000000017"
    monkeypatch.setenv("USER", "lin")
    assert user_name() == "lin"


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text('timezone = "UTC"\nnode_memory = 2048\n')
    monkeypatch.setenv("MPRELEASE_NODE_MEMORY", "1024")
    assert load().node_memory == 1024
    assert load().timezone == "UTC"


def test_names_for_builds_are_separated_by_commas_or_blanks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MPRELEASE_BUILD_ENV", "SENTRY_URL, API_BASE")
    monkeypatch.setenv("API_BASE", "https://api.example.com")
    assert load().build_env == ("SENTRY_URL", "API_BASE")
    assert variables(load().build_env) == {"API_BASE": "https://api.example.com"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("TIMEZONE", "Mars/Base"), ("NODE_MEMORY", "much"), ("SANDBOX", "maybe")],
)
def test_a_setting_that_cannot_be_used_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MPRELEASE_{name}", value)
    with pytest.raises(Refused) as refused:
        load()
    assert refused.value.problem_detail.problem is Problem.NOT_CONFIGURED
    assert refused.value.problem_detail.parameters["name"] == f"MPRELEASE_{name}"


def test_a_misspelt_name_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('time_zone = "UTC"\n')
    with pytest.raises(Refused):
        load()


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("= nonsense\n")
    with pytest.raises(Refused):
        load()


def test_programs_inherit_nothing_of_ours_and_nothing_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MPRELEASE_MASTER_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    inherited = machine_environment()
    assert "secret" not in inherited.values()
    assert inherited["https_proxy"] == "http://127.0.0.1:1"
    assert "PATH" in inherited
