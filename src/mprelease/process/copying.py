"""Copy folders written or read by confined commands, without following symbolic links."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# From <linux/fs.h>: share the blocks of another file, if the file system supports it.
_FICLONE = 0x40049409
_CHUNK = 16 * 2**20
_OWNER = 0o700
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_LEAST = 4096  # bytes, the least that a file counts
_NO_LINK = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOSYS})


class CopyTooLarge(Exception):
    """A copy would exceed `most` bytes; sparse files and hard links become larger by copying."""

    def __init__(self, most: int) -> None:
        """Take the limit."""
        super().__init__(f"the copy exceeds {most} bytes")
        self.most = most


@dataclass(frozen=True)
class Copier:
    """Copy regular files, folders and symbolic links; other entries are skipped.

    The copies belong to `user`, or to this process's user. Set-id bits are dropped. `on_folder` is
    called once per folder and may raise to abort. With `link`, files are hard-linked if the file
    system allows it: only for files that must not change. `link_text` maps the target of a symbolic
    link and its path in the source to the new target; None skips the link. Raise OSError, for
    example if the disk is full, and CopyTooLarge if the files of one `copy` exceed `most` bytes.
    """

    user: int | None = None
    link: bool = False
    on_folder: Callable[[], None] = lambda: None
    link_text: Callable[[str, Path], str | None] = lambda text, _: text
    most: int | None = None

    def copy(self, source: Path, target: Path, leave_out: Collection[Path] = ()) -> None:
        """Copy a folder to `target`, which must not exist, without the paths in `leave_out`."""
        copied, top = 0, len(str(source))
        names_left_out: dict[str, set[str]] = {}
        for each in leave_out:
            names_left_out.setdefault(str(each.parent), set()).add(each.name)
        for path, folders, files, descriptor in os.fwalk(source):
            # Plain texts: there may be tens of thousands of entries.
            place, left_out = f"{target}{path[top:]}", names_left_out.get(path, set())
            folders[:] = [name for name in folders if name not in left_out]
            self._copy_folder(Path(place), descriptor)
            self.on_folder()
            for name in (*folders, *files):
                if name not in left_out:
                    state = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                    copied += max(state.st_size, _LEAST)
                    self._refuse(copied)
                    self._copy_entry(path, name, descriptor, state.st_mode, f"{place}/{name}")

    def copy_entry(self, source: Path, target: Path) -> None:
        """Copy one file or symbolic link to `target`, which must not exist."""
        folder = os.open(source.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            mode = os.stat(source.name, dir_fd=folder, follow_symlinks=False).st_mode
            self._copy_entry(str(source.parent), source.name, folder, mode, str(target))
        finally:
            os.close(folder)

    def make_folder(self, place: Path) -> None:
        """Create an empty folder, which must not exist."""
        place.mkdir(mode=0o755)
        self._give(place)

    def _copy_folder(self, place: Path, source: int) -> None:
        place.mkdir()
        place.chmod(_OWNER | stat.S_IMODE(os.fstat(source).st_mode) & 0o777)
        self._give(place)

    def _copy_entry(self, path: str, name: str, folder: int, mode: int, target: str) -> None:
        """Copy an entry `name` of a folder: its path, its open descriptor, and the entry's mode."""
        if stat.S_ISLNK(mode):
            text = self.link_text(os.readlink(name, dir_fd=folder), Path(path, name))
            if text is not None:
                Path(target).symlink_to(text)
                self._give(target)
        elif stat.S_ISREG(mode) and not self._linked(name, folder, target):
            self._copy_file(name, folder, target)

    def _refuse(self, copied: int) -> None:
        if self.most is not None and copied > self.most:
            raise CopyTooLarge(self.most)

    def _linked(self, name: str, folder: int, target: str) -> bool:
        if not self.link:
            return False
        try:
            os.link(name, target, src_dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            return False
        return True

    def _copy_file(self, name: str, folder: int, target: str) -> None:
        # O_NONBLOCK: opening a pipe that has replaced the file would block.
        try:
            source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except PermissionError:
            return  # A file that this process cannot read is not readable in the copy either.
        with os.fdopen(source, "rb"), os.fdopen(os.open(target, _NEW, 0o666), "wb") as writer:
            state = os.fstat(source)
            copy_content(source, writer.fileno())
            os.fchmod(writer.fileno(), stat.S_IMODE(state.st_mode) & 0o777)
            if self.user is not None:
                os.fchown(writer.fileno(), self.user, self.user)
            os.utime(writer.fileno(), ns=(state.st_atime_ns, state.st_mtime_ns))

    def _give(self, path: str | Path) -> None:
        if self.user is not None:
            os.chown(path, self.user, self.user, follow_symlinks=False)


def copy_content(source: int, target: int) -> None:
    """Copy the content of an open file to another one, by sharing its blocks if possible."""
    with suppress(OSError):
        fcntl.ioctl(target, _FICLONE, source)
        return
    while os.sendfile(target, source, None, _CHUNK):
        pass


def seal_tree(folder: Path, *, maker: int | None) -> None:
    """Take ownership of a folder written by a confined command: readable by all, writable by none.

    `maker` is the user id of that command. Set-id bits are dropped; pipes, sockets and devices are
    removed. Raise PermissionError for a file of another user, which must be a hard link.
    """
    us, allowed = os.getuid(), {os.getuid(), maker if maker is not None else os.getuid()}
    for _, folders, files, descriptor in os.fwalk(folder, onerror=_raise):
        os.fchown(descriptor, us, us)
        os.fchmod(descriptor, 0o755)
        for name in (*folders, *files):
            _seal_entry(name, descriptor, us, allowed)


def _seal_entry(name: str, folder: int, us: int, allowed: Collection[int]) -> None:
    state = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if state.st_uid not in allowed:
        raise PermissionError(errno.EPERM, "it belongs to another user", name)
    if stat.S_ISLNK(state.st_mode):
        os.chown(name, us, us, dir_fd=folder, follow_symlinks=False)
    elif stat.S_ISDIR(state.st_mode):
        # Only to enter it; the folder is sealed when the walk reaches it.
        os.chmod(name, _OWNER, dir_fd=folder)
    elif stat.S_ISREG(state.st_mode):
        os.chown(name, us, us, dir_fd=folder, follow_symlinks=False)
        os.chmod(name, 0o755 if state.st_mode & stat.S_IXUSR else 0o644, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)


def plain_entries(
    folder: Path, skipped: Collection[str] = ()
) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the relative path and the status of every file and symbolic link in a folder.

    Folders with a name in `skipped` are not entered.
    """
    for path, folders, files, descriptor in os.fwalk(folder):
        folders[:] = [name for name in folders if name not in skipped]
        below = Path(path).relative_to(folder)
        links = [name for name in folders if Path(path, name).is_symlink()]
        for name in (*links, *files):
            yield str(below / name), os.stat(name, dir_fd=descriptor, follow_symlinks=False)


def _raise(error: OSError) -> None:
    raise error
