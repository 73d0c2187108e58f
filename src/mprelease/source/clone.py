"""Light clones: the `.git` of a tree, made by linking the mirror's objects, without git."""

import os
import shutil
from pathlib import Path

from mprelease.process.permissions import let_others_read
from mprelease.source.mirror import Mirror, ResolvedRef

OBJECTS = "objects"
"""The part of a clone whose files are the mirror's own."""


def clone(mirror: Mirror, fetched: ResolvedRef, index: Path, folder: Path) -> None:
    """Make `folder`, which does not exist yet, an independent git folder that stands at a commit.

    It has the mirror's history and tags, one branch at most, no remote and no hook. Its objects
    are the mirror's own files by hard link where both lie on one disk, else copies: whoever may
    write to them could change the mirror, so they must stay read-only and with their owner.
    Everybody may read the folder: a build under another user id asks git. Raise OSError if the
    disk refuses.
    """
    for name in ("refs/heads", "refs/tags"):
        (folder / name).mkdir(parents=True)
    (folder / "config").write_text(_CONFIG)
    (folder / "packed-refs").write_bytes(_branch(fetched) + _tags(mirror))
    (folder / "HEAD").write_bytes(_head(fetched))
    shutil.copyfile(index, folder / "index")
    with mirror.alone():
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
    return mirror.ask("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags")


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
        # Another disk, too many links, or a file system without them.
        shutil.copy2(source, target)
