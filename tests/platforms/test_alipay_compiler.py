"""The compiler of Alipay's previews, as we fetch it ourselves."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from alipay_samples import ALIPAY_APP_ID
from mprelease.platforms.alipay.api import keep_compiler, unpack_compiler
from mprelease.platforms.driver import Route
from mprelease.process.tree import Stop
from mprelease.simulator.alipay import Alipay

NAME = "cubebuild@0.100.12-simulator"


def archive(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for entry, content in entries:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry, b""


def test_everybody_may_run_it_and_nobody_may_change_it(alipay_link: Route, tmp_path: Path) -> None:
    was = os.umask(0o077)
    try:
        assert keep_compiler(ALIPAY_APP_ID, alipay_link, tmp_path / "compilers", "2.2.5", Stop())
    finally:
        os.umask(was)
    kept = tmp_path / "compilers" / NAME
    assert {path.stat().st_mode & 0o777 for path in (kept.parent, kept, *kept.rglob("*"))} == {
        0o755
    }


def test_what_lies_there_is_never_replaced(alipay_link: Route, tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    assert keep_compiler(ALIPAY_APP_ID, alipay_link, tmp_path, "2.2.5", Stop())
    assert list((tmp_path / NAME).iterdir()) == []


def test_without_the_vendor_nothing_is_kept(alipay: Alipay, tmp_path: Path) -> None:
    assert alipay.unknown_calls == []
    nobody = Route(proxy="http://127.0.0.1:9")
    assert not keep_compiler(ALIPAY_APP_ID, nobody, tmp_path / "compilers", "2.2.5", Stop())
    assert not (tmp_path / "compilers").exists()


@pytest.mark.parametrize(
    "entry",
    [
        (tarfile.TarInfo("../out"), b"x"),
        (tarfile.TarInfo("/out"), b"x"),
        special("builder", tarfile.SYMTYPE, "/bin/sh"),
        special("builder", tarfile.LNKTYPE, "/bin/sh"),
        special("builder", tarfile.FIFOTYPE),
        special("builder", tarfile.CHRTYPE),
    ],
    ids=lambda entry: f"{entry[0].name} {entry[0].type!r}",
)
def test_an_archive_holds_plain_files_inside_of_its_folder(
    entry: tuple[tarfile.TarInfo, bytes], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack_compiler(io.BytesIO(archive(entry)), tmp_path / "kept" / NAME)
    assert list(tmp_path.rglob("*")) in ([], [tmp_path / "kept"])
