import gzip
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mprelease.simulator.http import InvalidRequest
from mprelease.simulator.wechat.packages import unpack
from wechat_client import packed

NAMES = st.text(st.characters(exclude_characters="/.", exclude_categories=["Cs"]), min_size=1)


@given(st.dictionaries(NAMES, st.binary()))
def test_what_was_packed_is_unpacked_again(files: dict[str, bytes]) -> None:
    assert unpack(packed(files)) == files


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(noise: bytes) -> None:
    with pytest.raises(InvalidRequest):
        unpack(gzip.compress(noise))
    with pytest.raises(InvalidRequest):
        unpack(noise)


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/a", "a//b", "a/./b", ""])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="not a plain name"):
        unpack(packed({name: b""}))


def test_a_cut_pack_is_refused() -> None:
    whole = packed({"a": b"text"})
    with pytest.raises(InvalidRequest):
        unpack(whole[:-1])
    with pytest.raises(InvalidRequest):
        unpack(gzip.compress(gzip.decompress(whole)[:-1]))


def test_a_file_outside_of_the_data_is_refused() -> None:
    table = struct.pack(">II", 1, 2) + b"/a" + struct.pack(">II", 0, 4)
    head = struct.pack(">BIIIB", 0xBE, 0, len(table), 4, 0xED)
    with pytest.raises(InvalidRequest, match="outside"):
        unpack(gzip.compress(head + table + b"text"))
