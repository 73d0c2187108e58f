"""Archives of npm packages, which may be hostile."""

import base64
import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from mprelease.packages.tarballs import UnusableArchive, copy_verified, unpack


def archive(path: Path, *entries: tarfile.TarInfo | str) -> Path:
    with tarfile.open(path, "w:gz") as packed:
        for entry in entries:
            info = tarfile.TarInfo(entry) if isinstance(entry, str) else entry
            content = b"" if info.type != tarfile.REGTYPE else b"text"
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def ignored() -> None:
    """Do nothing for a file."""


def test_files_lose_their_top_folder_and_every_mode_but_the_executable(tmp_path: Path) -> None:
    program = tarfile.TarInfo("package/bin/node")
    program.mode = 0o6777
    unpack(archive(tmp_path / "a.tgz", program, "package/README.md"), tmp_path / "to", ignored)
    assert (tmp_path / "to/bin/node").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "to/README.md").stat().st_mode & 0o7777 == 0o644
    assert (tmp_path / "to/README.md").read_text() == "text"


def test_links_and_devices_are_left_out(tmp_path: Path) -> None:
    made = archive(
        tmp_path / "a.tgz",
        special("package/bin", tarfile.SYMTYPE, "/tmp"),
        special("package/hard", tarfile.LNKTYPE, "package/bin/node"),
        special("package/pipe", tarfile.FIFOTYPE),
        "package/bin/node",
    )
    unpack(made, tmp_path / "to", ignored)
    assert not (tmp_path / "to/bin").is_symlink()
    assert [path.name for path in (tmp_path / "to").rglob("*")] == ["bin", "node"]


@pytest.mark.parametrize("name", ["package/../../out", "/etc/out", "../out", "package"])
def test_a_path_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    made = archive(tmp_path / "a.tgz", name)
    with pytest.raises(UnusableArchive):
        unpack(made, tmp_path / "to", ignored)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("names", [("package/a", "package/a"), ("package/a", "package/a/b")])
def test_two_entries_at_one_place_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    with pytest.raises(UnusableArchive):
        unpack(archive(tmp_path / "a.tgz", *names), tmp_path / "to", ignored)


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_an_archive_that_is_cut_is_refused(tmp_path: Path, cut: int) -> None:
    made = archive(tmp_path / "a.tgz", "package/a", "package/b")
    made.write_bytes(made.read_bytes()[:cut])
    with pytest.raises(UnusableArchive):
        unpack(made, tmp_path / "to", ignored)


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    endless = tarfile.TarInfo("package/zeros")
    endless.size = 2**31
    with tarfile.open(tmp_path / "a.tgz", "w:gz", compresslevel=1) as packed:
        packed.fileobj.write(endless.tobuf())  # type: ignore[union-attr]
    with pytest.raises(UnusableArchive):
        unpack(tmp_path / "a.tgz", tmp_path / "to", ignored)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_unpacks_without_end_is_refused(tmp_path: Path, kind: bytes) -> None:
    endless = special("package/header", kind)
    endless.size = 2**21
    with gzip.open(tmp_path / "a.tgz", "wb", compresslevel=1) as packed:
        packed.write(endless.tobuf() + bytes(2**21 + 1024))
    with pytest.raises(UnusableArchive, match="at once"):
        unpack(tmp_path / "a.tgz", tmp_path / "to", ignored)


@pytest.mark.parametrize(
    "headers",
    [
        {"path": "package/a\0b"},
        {"path": f"package/{'a' * 300}"},
        {"GNU.sparse.map": "a,b", "GNU.sparse.size": "5"},
    ],
    ids=["NUL in a name", "long name", "sparse file"],
)
def test_headers_that_lie_are_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    lying = tarfile.TarInfo("package/a")
    lying.pax_headers = headers
    with pytest.raises(UnusableArchive):
        unpack(archive(tmp_path / "a.tgz", lying), tmp_path / "to", ignored)


def test_only_the_archive_that_the_registry_describes_is_taken(tmp_path: Path) -> None:
    digest = base64.b64encode(hashlib.sha512(b"archive").digest()).decode()
    integrity = f"sha1-abc= sha512-{digest}"
    copy_verified(io.BytesIO(b"archive"), tmp_path / "copy", integrity)
    assert (tmp_path / "copy").read_bytes() == b"archive"
    wrong = ((b"another", integrity), (b"archive", "sha1-abc="), (b"", ""))
    for number, (content, described) in enumerate(wrong):
        with pytest.raises(UnusableArchive):
            copy_verified(io.BytesIO(content), tmp_path / str(number), described)
