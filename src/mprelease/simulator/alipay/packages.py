"""The packages that the tool sends, unpacked, and the limits for them.

An upload is a zip archive with a tar archive of the source tree; a preview is a tar archive of what
the compiler has made, whole and in parts. The limits are those that
the vendor's documentation named in 2020, here taken of what arrives: the vendor counts what it has
compiled.
"""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping

from mprelease.simulator.alipay.calls import PreviewCall, UploadCall
from mprelease.simulator.alipay.rejections import too_large, unusable

MIB = 1024 * 1024
MAX_PACKAGE = 2 * MIB
"""The limit of the main package and of each sub package, in bytes."""

MAX_FULL = 8 * MIB
"""The limit of all packages together, in bytes."""

MAX_UNPACKED = 128 * MIB
"""The largest package that is unpacked, in bytes."""

_WHOLE = "packageFile"
_PART = "SUBPACKAGE_"


def uploaded(call: UploadCall, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return the source tree of an upload by path; raise Rejected for a broken package."""
    _demand(files.keys() == {_WHOLE}, "the package is missing, or something else is there")
    _demand_intact(files[_WHOLE], call.package_md5)
    try:
        with zipfile.ZipFile(io.BytesIO(files[_WHOLE])) as outer:
            _demand(outer.namelist() == ["dist.tar"], "the package is no dist.tar")
            _demand(outer.getinfo("dist.tar").file_size < MAX_UNPACKED, "the package is too long")
            tree = _untarred(outer.read("dist.tar"))
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise unusable(f"the package is broken ({error})") from None
    _demand_small("", sum(map(len, tree.values())), MAX_FULL)
    return tree


def previewed(call: PreviewCall, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return the compiled tree of a preview; raise Rejected for a broken or too large one."""
    parts = {f"{_PART}{part.path}": part for part in call.sub_packages}
    _demand(files.keys() == {_WHOLE, *parts}, "a part is missing, or too many are there")
    _demand_intact(files[_WHOLE], call.package_md5)
    tree: dict[str, bytes] = {}
    for name, content in files.items():
        if name in parts:
            _demand_intact(content, parts[name].package_md5)
            _demand_small(parts[name].path, parts[name].size, MAX_PACKAGE)
        tree |= _untarred(content)
    _demand_small("", sum(part.size for part in call.sub_packages), MAX_FULL)
    return tree


def _untarred(archive: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for entry in tar:
                name = entry.name.removeprefix("./").strip("/")
                _demand(entry.isreg() or entry.isdir(), f"{name!r} is no plain file")
                _demand(not {"..", ""} & set(name.split("/")) or entry.isdir(), f"{name!r}")
                content = tar.extractfile(entry)
                if content:
                    files[name] = content.read()
    except (tarfile.TarError, EOFError) as error:
        raise unusable(f"the package is broken ({error})") from None
    return files


def _demand_intact(content: bytes, digest: str) -> None:
    # The vendor's choice of digest.
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    _demand(found == digest, "the package is not the one that was signed")


def _demand_small(package: str, size: int, limit: int) -> None:
    if size > limit:
        raise too_large(package, size, limit)


def _demand(condition: object, message: str) -> None:
    if not condition:
        raise unusable(message)
