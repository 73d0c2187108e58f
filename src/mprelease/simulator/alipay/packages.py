"""The packages that minidev sends and their limits, and the compiler that it downloads.

An upload is a zip archive with a tar archive of the source tree; a preview is a tar archive of the
compiled tree, as a whole and in parts. The limits are those of the vendor's documentation in 2020.
Here they apply to the received files; the vendor applies them to the compiled ones.
"""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from mprelease.simulator.alipay.protocol import PreviewCall, UploadCall, too_large
from mprelease.simulator.http import InvalidRequest
from mprelease.simulator.packages import MAX_UNPACKED, MIB, is_plain_path, require

MAX_PACKAGE = 2 * MIB
"""The limit of the main package and of each sub package, in bytes."""

MAX_FULL = 8 * MIB
"""The limit of all packages together, in bytes."""

_WHOLE = "packageFile"
_PART = "SUBPACKAGE_"
_COMPILER = Path(__file__).with_name("compiler")
_EXECUTABLE = 0o755


def unpack_upload(call: UploadCall, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return the source tree of an upload by path.

    Raise InvalidRequest for a broken package, Rejected for one over the limit.
    """
    require(files.keys() == {_WHOLE}, "the package is missing, or there is another file")
    _require_digest(files[_WHOLE], call.package_md5)
    try:
        with zipfile.ZipFile(io.BytesIO(files[_WHOLE])) as outer:
            require(outer.namelist() == ["dist.tar"], "the package is not a dist.tar")
            size = outer.getinfo("dist.tar").file_size
            require(size < MAX_UNPACKED, "the package is too long")
            tree = _untarred(outer.read("dist.tar"))
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise InvalidRequest(f"the package is broken ({error})") from None
    _enforce_limit("", sum(map(len, tree.values())), MAX_FULL)
    return tree


def unpack_preview(call: PreviewCall, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return the compiled tree of a preview by path.

    Raise InvalidRequest for a broken package, Rejected for one over the limit.
    """
    parts = {f"{_PART}{part.path}": part for part in call.sub_packages}
    require(files.keys() == {_WHOLE, *parts}, "a part is missing, or there is another file")
    _require_digest(files[_WHOLE], call.package_md5)
    tree: dict[str, bytes] = {}
    for name, content in files.items():
        if name in parts:
            _require_digest(content, parts[name].package_md5)
            _enforce_limit(parts[name].path, parts[name].size, MAX_PACKAGE)
        tree |= _untarred(content)
    _enforce_limit("", sum(part.size for part in call.sub_packages), MAX_FULL)
    return tree


def compiler_archive() -> bytes:
    """Return the compiler that minidev downloads before its first preview, as .tgz.

    Alipay's own is closed source. The simulator's has the same interface (arguments, files, exit
    code, report of errors), and compiles nothing.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for file in sorted(_COMPILER.iterdir()):
            entry = tarfile.TarInfo(file.name)
            entry.mode = _EXECUTABLE
            entry.size = file.stat().st_size
            tar.addfile(entry, io.BytesIO(file.read_bytes()))
    return packed.getvalue()


def _untarred(archive: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for entry in tar:
                path = entry.name.removeprefix("./").strip("/")
                require(entry.isreg() or entry.isdir(), f"{path!r} is not a plain file")
                require(is_plain_path(path) or entry.isdir(), f"{path!r} is not a plain name")
                content = tar.extractfile(entry)
                if content:
                    files[path] = content.read()
    except (tarfile.TarError, EOFError) as error:
        raise InvalidRequest(f"the package is broken ({error})") from None
    return files


def _require_digest(content: bytes, digest: str) -> None:
    # MD5 is the vendor's choice.
    actual = hashlib.md5(content, usedforsecurity=False).hexdigest()
    require(actual == digest, "the package is not the one that was signed")


def _enforce_limit(package: str, size: int, limit: int) -> None:
    if size > limit:
        raise too_large(package, size, limit)
