"""Light clones: the `.git` of a tree, created without git by hard-linking the mirror's objects."""

import os
import shutil
from pathlib import Path

from mprelease.process.permissions import let_others_read
from mprelease.source.mirror import Mirror, ResolvedRef

OBJECTS = "objects"
"""The folder of a clone whose files are hard links into the mirror."""


def clone(mirror: Mirror, fetched: ResolvedRef, index: Path, folder: Path) -> None:
    """Create an independent git folder, checked out at a commit; `folder` must not exist.

    It has the mirror's history and tags, at most one branch, no remote and no hooks. Its objects
    are hard links to the mirror's files if possible, else copies; so they must keep their owner and
    stay read-only. All users can read the folder, because builds under other user ids call git.
    Raise OSError.
    """
    for name in ("refs/heads", "refs/tags"):
        (folder / name).mkdir(parents=True)
    (folder / "config").write_text(_CONFIG)
    (folder / "packed-refs").write_bytes(_branch(fetched) + _tags(mirror))
    (folder / "HEAD").write_bytes(_head(fetched))
    shutil.copyfile(index, folder / "index")
    with mirror.locked():
        _link_all(mirror.path / OBJECTS, folder / OBJECTS)
        if (mirror.path / "shallow").exists():
            shutil.copyfile(mirror.path / "shallow", folder / "shallow")
    let_others_read(folder)


_CONFIG = """[core]
\trepositoryFormatVersion = 0
\tfileMode = true
\tbare = false
"""


def _branch(fetched: ResolvedRef) -> bytes:
    if fetched.branch is None:
        return b""
    return f"{fetched.commit.id} refs/heads/{fetched.branch}\n".encode()


def _tags(mirror: Mirror) -> bytes:
    return mirror.output("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags")


def _head(fetched: ResolvedRef) -> bytes:
    if fetched.branch is None:
        return f"{fetched.commit.id}\n".encode()
    return f"ref: refs/heads/{fetched.branch}\n".encode()


def _link_all(source: Path, target: Path) -> None:
    for folder, _, names in os.walk(source):
        place = target / Path(folder).relative_to(source)
        place.mkdir(parents=True)
        for name in names:
            _link(Path(folder, name), place / name)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        # Another file system, too many links, or a file system without hard links.
        shutil.copy2(source, target)
