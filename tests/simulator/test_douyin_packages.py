"""The packages that the simulated Douyin takes, and those that it does not."""

import json
import random
import warnings
import zipfile
from collections.abc import Mapping
from io import BytesIO

import pytest

from douyin_client import APP_ID, DEVELOPER, OTHER, PREVIEW, SMALL_APP, UPLOAD, Client, packed
from mprelease.domain.releases import Sizes
from mprelease.simulator.douyin import Douyin

MIB = 1024 * 1024


def test_sizes_are_counted_by_package_without_source_maps(tma: Client, douyin: Douyin) -> None:
    contents = b'{"pages":[],"subpackages":[{"root":"one/"},{"root":"two"}]}'
    config = json.dumps({"appid": APP_ID, "miniprogramRoot": "./mini/"}).encode()
    files = {
        "project.config.json": config,
        "mini/app.json": contents,
        "mini/one/a.js": b"12",
        "mini/two/b.js": b"345",
        "mini/c.js.map": b"6789",
    }
    tma.upload(files)
    main = len(config) + len(contents)
    packages = {"mini/one": 2, "mini/two": 3}
    assert douyin.received[0].sizes == Sizes(main + 5, main, packages)


@pytest.mark.parametrize(
    ("roots", "files", "message"),
    [
        ([], {"x.png": 17 * MIB}, "17.00MB，超过 16.00MB"),
        (["one"], {"x.png": 5 * MIB}, "5.00MB，超过 4.00MB"),
        (["one"], {"one/x.png": 3 * MIB}, "3.00MB，超过 2.00MB"),
    ],
)
def test_what_is_too_large_is_refused(
    tma: Client, douyin: Douyin, roots: list[str], files: Mapping[str, int], message: str
) -> None:
    contents = {"pages": [], "subPackages": [{"root": root} for root in roots]}
    noise = {name: random.Random(1).randbytes(size) for name, size in files.items()}
    reply = tma.upload({**SMALL_APP, "app.json": json.dumps(contents).encode(), **noise})
    assert message in reply["message"]
    assert douyin.received == []


@pytest.mark.parametrize("name", ["../a.js", "/a.js", "a//b.js", "a\\b.js"])
def test_a_package_with_a_name_that_leads_outside_is_refused(tma: Client, name: str) -> None:
    assert "not a plain name" in tma.upload({**SMALL_APP, name: b""})["message"]


def test_a_package_that_names_a_file_twice_is_refused(tma: Client) -> None:
    made = BytesIO(packed(SMALL_APP))
    with warnings.catch_warnings(), zipfile.ZipFile(made, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("app.json", b"{}")
    assert "repeated" in tma.send("preview", made.getvalue(), PREVIEW).json()["message"]


@pytest.mark.parametrize("archive", [b"", b"no zip", packed(SMALL_APP)[:-30]])
def test_a_broken_package_is_refused(tma: Client, archive: bytes) -> None:
    assert "broken" in tma.send("testing", archive, UPLOAD).json()["message"]


def test_a_package_of_another_app_is_refused(tma: Client) -> None:
    config = json.dumps({"appid": OTHER}).encode()
    reply = tma.upload({**SMALL_APP, "project.config.json": config})
    assert reply["message"].endswith(f"the package belongs to {OTHER}")


@pytest.mark.parametrize("name", ["project.config.json", "app.json"])
def test_a_package_without_its_description_is_refused(tma: Client, name: str) -> None:
    files = {key: value for key, value in SMALL_APP.items() if key != name}
    assert tma.upload(files)["message"].endswith(f"{name} is missing or unreadable")


def test_a_body_that_is_not_a_form_is_refused(tma: Client) -> None:
    url = f"{DEVELOPER}/api/v2/app/{APP_ID}/preview"
    for kind in ("application/json", "multipart/form-data; boundary=x"):
        headers = {**tma.headers, "Content-Type": kind}
        assert tma.http.put(url, content=b"{}", headers=headers).json()["error"] == 10000
