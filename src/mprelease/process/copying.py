"""Copy folders that a confined command has made, or will read, without following a link."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# From <linux/fs.h>: share the blocks of another file, where the file system can.
_FICLONE = 0x40049409
_CHUNK = 16 * 2**20
_OWNER = 0o700
_LEAST = 4096  # bytes that a file counts at least
_NO_LINK = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOSYS})


class CopyTooLarge(Exception):
    """A copy would hold more than `most` bytes: files with holes and second names grow by it."""

    def __init__(self, most: int) -> None:
        """Take the limit."""
        super().__init__(f"a copy of more than {most} bytes")
        self.most = most


@dataclass(frozen=True)
class Copier:
    """Copy trees of plain files, folders and links; whatever else lies there is left out.

    The copies belong to `user`, or to us. Set-id bits do not survive. `on_folder` is called between
    folders and may raise to end the work. With `link` files become second names of the same file
    where the disk allows it: only for files that nobody may change. Links are made as they are, by
    `link_text` if that is given (target of the link, where it lies in the source; None leaves it
    out). Raises OSError, for example when the disk is full, and CopyTooLarge where the files of one
    folder are more than `most` bytes together.
    """

    user: int | None = None
    link: bool = False
    on_folder: Callable[[], None] = lambda: None
    link_text: Callable[[str, Path], str | None] = lambda text, _: text
    most: int | None = None

    def copy(self, source: Path, target: Path, leave_out: Collection[Path] = ()) -> None:
        """Copy a folder to a place where nothing is yet; `leave_out` names parts of the source."""
        copied = 0
        for path, folders, files, descriptor in os.fwalk(source):
            here = Path(path)
            place = target / here.relative_to(source)
            folders[:] = [name for name in folders if here / name not in leave_out]
            self._copy_folder(place, descriptor)
            self.on_folder()
            for name in (*folders, *files):
                if here / name not in leave_out:
                    copied += self._size(name, descriptor)
                    self._refuse(copied)
                    self._copy_entry(here / name, descriptor, place / name)

    def copy_entry(self, source: Path, target: Path) -> None:
        """Copy one file or link to a place where nothing is yet."""
        folder = os.open(source.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            self._copy_entry(source, folder, target)
        finally:
            os.close(folder)

    def make_folder(self, place: Path) -> None:
        """Make an empty folder where nothing is yet."""
        place.mkdir(mode=0o755)
        self._give(place)

    def _copy_folder(self, place: Path, source: int) -> None:
        place.mkdir()
        place.chmod(_OWNER | stat.S_IMODE(os.fstat(source).st_mode) & 0o777)
        self._give(place)

    def _copy_entry(self, source: Path, folder: int, target: Path) -> None:
        mode = os.stat(source.name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            text = self.link_text(os.readlink(source.name, dir_fd=folder), source)
            if text is not None:
                target.symlink_to(text)
                self._give(target)
        elif stat.S_ISREG(mode) and not self._linked(source.name, folder, target):
            self._copy_file(source.name, folder, target)

    def _size(self, name: str, folder: int) -> int:
        """Return what a copy of an entry takes; nothing where that is no matter."""
        if self.most is None:
            return 0
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return max(found.st_size, _LEAST)

    def _refuse(self, copied: int) -> None:
        if self.most is not None and copied > self.most:
            raise CopyTooLarge(self.most)

    def _linked(self, name: str, folder: int, target: Path) -> bool:
        if not self.link:
            return False
        try:
            os.link(name, target, src_dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            return False
        return True

    def _copy_file(self, name: str, folder: int, target: Path) -> None:
        # Without O_NONBLOCK a pipe that has taken the file's place would hold us up.
        try:
            source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except PermissionError:
            return  # Closed to us is closed to whoever gets the copy.
        with os.fdopen(source, "rb"), target.open("xb") as writer:
            found = os.fstat(source)
            copy_content(source, writer.fileno())
            os.fchmod(writer.fileno(), stat.S_IMODE(found.st_mode) & 0o777)
            if self.user is not None:
                os.fchown(writer.fileno(), self.user, self.user)
            os.utime(writer.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))

    def _give(self, path: Path) -> None:
        if self.user is not None:
            os.chown(path, self.user, self.user, follow_symlinks=False)


def copy_content(source: int, target: int) -> None:
    """Copy an open file into another one, by sharing its blocks where that is possible."""
    with suppress(OSError):
        fcntl.ioctl(target, _FICLONE, source)
        return
    while os.sendfile(target, source, None, _CHUNK):
        pass


def seal_tree(folder: Path, *, maker: int | None) -> None:
    """Take over a folder that a confined command has made, readable by all, for nobody to change.

    `maker` is the user id under which that command ran. Set-id bits, pipes, sockets and devices do
    not survive. Raises PermissionError for a file of somebody else: it was linked to its place.
    """
    us, allowed = os.getuid(), {os.getuid(), maker if maker is not None else os.getuid()}
    for _, folders, files, descriptor in os.fwalk(folder, onerror=_raise):
        os.fchown(descriptor, us, us)
        os.fchmod(descriptor, 0o755)
        for name in (*folders, *files):
            _seal_entry(name, descriptor, us, allowed)


def _seal_entry(name: str, folder: int, us: int, allowed: Collection[int]) -> None:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if found.st_uid not in allowed:
        raise PermissionError(errno.EPERM, "it belongs to somebody else", name)
    if stat.S_ISLNK(found.st_mode):
        os.chown(name, us, us, dir_fd=folder, follow_symlinks=False)
    elif stat.S_ISDIR(found.st_mode):
        # So that it can be entered; it is sealed when it is walked through.
        os.chmod(name, _OWNER, dir_fd=folder)
    elif stat.S_ISREG(found.st_mode):
        os.chown(name, us, us, dir_fd=folder, follow_symlinks=False)
        os.chmod(name, 0o755 if found.st_mode & stat.S_IXUSR else 0o644, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)


def plain_entries(
    folder: Path, skipped: Collection[str] = ()
) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the path below a folder, and the state, of every file and link in it.

    Folders with a name of `skipped` are not entered.
    """
    for path, folders, files, descriptor in os.fwalk(folder):
        folders[:] = [name for name in folders if name not in skipped]
        below = Path(path).relative_to(folder)
        links = [name for name in folders if Path(path, name).is_symlink()]
        for name in (*links, *files):
            yield str(below / name), os.stat(name, dir_fd=descriptor, follow_symlinks=False)


def _raise(error: OSError) -> None:
    raise error
