"""Small but real native mini programs in git repositories of their own, for the demo."""

import shutil
import subprocess
from pathlib import Path

from mprelease.domain.platforms import Platform

_FILES = Path(__file__).with_name("sample_files")
_IDENTITY = ("-c", "user.name=mprelease", "-c", "user.email=mprelease@example.invalid")


def make_sample(folder: Path) -> Path:
    """Return a repository with the sample for WeChat on its branch `main`."""
    return _repository(folder, _FILES / Platform.WECHAT)


def make_samples(folder: Path) -> Path:
    """Return a repository with a sample for each platform, each in a folder of its name."""
    return _repository(folder, _FILES)


def _repository(folder: Path, files: Path) -> Path:
    """Make a repository of some files, unless it is there already."""
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
