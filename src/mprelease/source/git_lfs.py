"""Git LFS: replace the pointer files of a commit by the files that they refer to."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.process import plain_files
from mprelease.process.ownership import chown
from mprelease.source.git import Git
from mprelease.source.mirror import Mirror

_ATTRIBUTES = ".gitattributes"
_FILTER = "filter=lfs"
# With these the checkout itself fails; otherwise it goes on with pointers.
_LIMITS = {Problem.TIME_LIMIT, Problem.DISK_FULL, Problem.DISK_LIMIT, Problem.MEMORY_LIMIT}


@dataclass(frozen=True)
class _Pointer:
    path: Path
    object_id: str


def replace_pointers(
    git: Git, mirror: Mirror, commit: str, files: Iterable[Path], user: int | None
) -> None:
    """Replace the Git LFS pointers among the files of a commit by their objects.

    Without git-lfs, or if the host does not provide the objects, the pointers stay and a line in
    the log says so; a pointer in the output fails the release before it is published.
    """
    pointers = _pointers(list(files))
    if not pointers:
        return
    if not git.has("git-lfs"):
        git.note(Message("log.lfs_missing", {"count": len(pointers)}))
        return
    try:
        mirror.fetch_large_files(commit)
    except StageFailed as failure:
        if failure.problem_detail.problem in _LIMITS:
            raise
        git.note(Message("log.lfs_failed", {"count": len(pointers)}))
        git.note_problem(failure.problem_detail)
    for pointer in pointers:
        _replace(mirror.path / "lfs" / "objects", pointer, user)


def _pointers(files: list[Path]) -> list[_Pointer]:
    attributes = (each for each in files if each.name == _ATTRIBUTES)
    if not any(_FILTER in (plain_files.text(each) or "") for each in attributes):
        return []
    parsed = ((each, plain_files.large_file_pointer(each)) for each in files)
    return [_Pointer(path, object_id) for path, object_id in parsed if object_id]


def _replace(objects: Path, pointer: _Pointer, user: int | None) -> None:
    name = pointer.object_id
    content = objects / name[:2] / name[2:4] / name
    if not content.is_file():
        return
    mode = pointer.path.stat().st_mode
    # A copy, not a hard link: builds can write to the tree, and must not change the mirror.
    pointer.path.unlink()
    shutil.copyfile(content, pointer.path)
    pointer.path.chmod(mode)
    if user is not None:
        chown(pointer.path, user)
