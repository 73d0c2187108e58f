import pytest

from mprelease.domain.names import mixes_scripts, name_key


@pytest.mark.parametrize(
    "name",
    [
        "admin",
        "ADMIN",
        "Admin",
        "ａｄｍｉｎ",
        "аdmin",
        "ɑdmin",
        "adm\u0131n",
        "ⓐdmin",
        "admin\u3164",
        "𝐚dmin",
    ],
)
def test_what_looks_like_one_name_is_one(name: str) -> None:
    assert name_key(name) == "admin"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("小程序", "小程序"),
        ("ＡＢ 小李", "ab  小李"),
        ("сосо", "COCO"),
        ("ﾊﾝ", "ハン"),
    ],
)
def test_width_case_spaces_and_alphabet_make_no_difference(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("admin", "admin2"), ("小李", "小季"), ("a b", "ab")])
def test_other_names_stay_others(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize(
    "name",
    ["аdmin", "admіn", "αdmin", "林а", "小李admin и", "ハン한", "ㄅハ", "adminա", "ᴀdminд"],
)
def test_alphabets_that_nobody_writes_together_are_told(name: str) -> None:
    assert mixes_scripts(name)


@pytest.mark.parametrize(
    "name",
    [
        "admin",
        "小李",
        "Lin小满2",
        "商城-Shop v2.0",
        "ユーザーさん林 Lin",
        "林ㄌㄧㄣˊ",
        "김철수 Kim 金",
        "Иван 2",
        "Ελένη",
        "々〇",
        "ＡＢ小李",
    ],
)
def test_what_people_do_write_together_is_none(name: str) -> None:
    assert not mixes_scripts(name)


def test_a_key_fits_into_a_column() -> None:
    assert len(name_key("ﷺ" * 64)) <= 191
