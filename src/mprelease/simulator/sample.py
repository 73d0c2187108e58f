"""Git repositories with small native mini programs, for the demo, the tests and benchmarks."""

import shutil
import subprocess
from pathlib import Path

from mprelease.domain.platforms import Platform

_FILES = Path(__file__).with_name("sample_files")
_IDENTITY = ("-c", "user.name=mprelease", "-c", "user.email=mprelease@example.invalid")


def make_sample(folder: Path) -> Path:
    """Make a repository with the WeChat sample on its branch `main`, or return an existing one."""
    return _repository(folder, _FILES / Platform.WECHAT)


def make_samples(folder: Path) -> Path:
    """Make a repository with the sample of each platform in a folder of its name, or return it."""
    return _repository(folder, _FILES)


def _repository(folder: Path, files: Path) -> Path:
    if not (folder / ".git").is_dir():
        shutil.copytree(files, folder, dirs_exist_ok=True)
        _git(folder, "init", "--quiet", "--initial-branch=main")
        _git(folder, "add", "--all")
        _git(folder, "commit", "--quiet", "--message=feat: 一周的日历")
    return folder


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", *_IDENTITY, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
    )
