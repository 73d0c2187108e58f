import json
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from douyin_client import (
    APP_ID,
    DEVELOPER,
    EMAIL,
    MICROAPP,
    OTHER,
    PASSWORD,
    SMALL_APP,
    TOKEN,
    UPLOAD,
    Client,
    packed,
    session_headers,
    token_headers,
)
from mprelease.domain.releases import Kind, LaunchOptions, Sizes
from mprelease.simulator.douyin import Douyin
from mprelease.simulator.vendor_service import Fault

MIB = 1024 * 1024
NOT_LOGGED_IN = "尚未登录或 token 已过期"


def test_an_upload_arrives_as_it_was_sent(tma: Client, douyin: Douyin) -> None:
    assert tma.upload()["error"] == 0
    (received,) = douyin.received
    assert (received.kind, received.app_id, received.version) == (Kind.UPLOAD, APP_ID, "26.1122.0")
    assert (received.description, received.channel) == ("描述 & more", None)
    assert received.with_source_maps
    assert received.files == SMALL_APP
    whole = sum(map(len, SMALL_APP.values()))
    assert received.sizes == Sizes(whole, whole, {})


def test_an_upload_is_a_version_once_it_is_built(tma: Client, douyin: Douyin) -> None:
    tma.upload()
    assert douyin.current(APP_ID) is None
    assert tma.version() == "0.0.0"
    assert tma.progress()["status"] == 1
    assert tma.progress()["status"] == 2
    assert douyin.current(APP_ID) is douyin.received[0]
    assert tma.version() == "26.1122.0"


def test_each_channel_holds_a_version_of_its_own(tma: Client, douyin: Douyin) -> None:
    for version, channel in (("26.1122.0", "1"), ("26.1122.1", "2"), ("26.1122.2", "1")):
        tma.upload(version=version, tag=channel)
        tma.wait_until_built()
    held = {channel: douyin.current(APP_ID, channel) for channel in (1, 2)}
    assert {key: one.version for key, one in held.items() if one} == {
        1: "26.1122.2",
        2: "26.1122.1",
    }
    assert douyin.current(APP_ID) is None


@pytest.mark.parametrize("version", ["26.1122.0", "26.1121.9", "1.0.0"])
def test_a_version_has_to_be_greater_than_the_last(
    tma: Client, douyin: Douyin, version: str
) -> None:
    tma.upload(version="26.1122.0")
    tma.wait_until_built()
    assert tma.upload(version=version)["error"] == 10021
    assert len(douyin.received) == 1


@pytest.mark.parametrize(
    "fields",
    [{"version": "1.0"}, {"version": "26.0105.0"}, {"intro": ""}, {"tag": "0"}, {"more": "1"}],
)
def test_an_upload_that_breaks_the_protocol_is_refused(
    tma: Client, douyin: Douyin, fields: Mapping[str, str]
) -> None:
    assert tma.upload(SMALL_APP, **fields)["error"] == 10000
    assert douyin.received == []


def test_a_preview_brings_no_version(tma: Client, douyin: Douyin) -> None:
    assert tma.preview(version="26.1122.0")["error"] == 10000
    assert tma.preview()["error"] == 0
    assert douyin.received[0].version is None


def test_the_code_of_a_preview_opens_what_it_was_asked_to(tma: Client, douyin: Douyin) -> None:
    tma.preview()
    tma.wait_until_built()
    reply = tma.schema("preview", start_page="a%2Fa%3Fx%3D1%26y%3D%3F", query="x=1&y=?")
    (code,) = douyin.qr_codes
    assert reply["data"]["short_url"] == code.short_url
    assert code.launch == LaunchOptions("a/a", "x=1&y=?", 990001)
    assert 0 < code.expires_at - time.time() <= 24 * 3600


def test_page_and_query_of_a_code_have_to_agree(tma: Client, douyin: Douyin) -> None:
    tma.preview()
    tma.wait_until_built()
    tma.schema("preview", start_page="a%2Fa%3Fundefined", query="")
    assert douyin.qr_codes == []


def test_a_code_needs_something_that_was_built(tma: Client, douyin: Douyin) -> None:
    assert tma.schema("preview")["code"] == 10000
    tma.upload()
    assert tma.schema("latest", version_num="26.1122.0")["code"] == 10000
    tma.wait_until_built()
    assert tma.schema("preview")["code"] == 10000
    assert tma.schema("latest", version_num="26.1122.1")["code"] == 10000
    assert tma.schema("latest", version_num="26.1122.0", tag="1")["code"] == 10000
    assert tma.schema("latest", version_num="26.1122.0")["data"]["expire_time"] == 0
    assert [code.version for code in douyin.qr_codes] == ["26.1122.0"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        token_headers(token="wrong"),
        token_headers(app_id=OTHER),
        {"x-cli-token": TOKEN},
        {"Cookie": "sessionid_microapp=x; sessionid=x; sessionid_dy_open=x"},
    ],
)
def test_a_caller_without_rights_is_refused_everywhere(
    tma_http: httpx.Client, douyin: Douyin, headers: Mapping[str, str]
) -> None:
    intruder = Client(tma_http, headers)
    assert intruder.upload()["message"] == NOT_LOGGED_IN
    assert intruder.progress()["message"] == NOT_LOGGED_IN
    assert intruder.schema("preview")["message"] == NOT_LOGGED_IN
    meta = intruder.get(f"{DEVELOPER}/api/apps/v3/meta?appid={APP_ID}")
    assert meta.status_code == 401
    assert douyin.received == []


def test_a_token_is_good_for_its_app_alone(tma_http: httpx.Client) -> None:
    assert Client(tma_http, token_headers(OTHER), OTHER).upload()["message"] == NOT_LOGGED_IN


def test_an_app_that_was_not_registered_is_unknown(tma_http: httpx.Client) -> None:
    unknown = "tt0000000000000000"
    assert Client(tma_http, token_headers(unknown), unknown).upload()["error"] == 10002


def test_a_person_acts_for_the_apps_of_that_person(tma_http: httpx.Client, douyin: Douyin) -> None:
    login = Client(tma_http).log_in()
    headers = session_headers(login.cookies["sessionid_microapp"])
    tma_http.cookies.clear()
    url = f"{MICROAPP}/platform_api/v1/app/microappadmincomm/getUserInfo"
    assert Client(tma_http, headers).get(url).json()["data"]["name"] == "lin"
    assert Client(tma_http, headers).upload()["error"] == 0
    assert Client(tma_http, headers, OTHER).upload()["message"] == NOT_LOGGED_IN
    assert len(douyin.received) == 1


def test_a_session_travels_three_times(tma_http: httpx.Client) -> None:
    session = Client(tma_http).log_in().cookies["sessionid_microapp"]
    tma_http.cookies.clear()
    once = Client(tma_http, {"Cookie": f"sessionid_microapp={session}"})
    assert once.upload()["message"] == NOT_LOGGED_IN


@pytest.mark.parametrize(
    ("email", "password"), [(EMAIL, "wrong"), ("who@example.com", PASSWORD), (EMAIL, "")]
)
def test_a_wrong_password_opens_nothing(tma: Client, email: str, password: str) -> None:
    reply = tma.log_in(email, password)
    assert reply.json()["data"]["description"] == "帐号或密码错误"
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.TOKEN_EXPIRED, 401),
        (Fault.UNKNOWN_APP, 10002),
        (Fault.NOT_CONFIGURED, 100001),
        (Fault.VERSION_NOT_GREATER, 10021),
        (Fault.TOO_LARGE, 10031),
    ],
)
def test_a_fault_refuses_an_upload(tma: Client, douyin: Douyin, fault: Fault, code: int) -> None:
    douyin.set_fault(APP_ID, fault)
    assert tma.upload()["error"] == code
    assert douyin.received == []
    douyin.set_fault(APP_ID, None)
    assert tma.upload()["error"] == 0


def test_a_fault_fails_the_build(tma: Client, douyin: Douyin) -> None:
    douyin.set_fault(APP_ID, Fault.BUILD_ERROR)
    assert tma.upload()["error"] == 0
    reply = tma.progress()
    assert reply["error"] == 1
    assert reply["err_link"].startswith("https://")
    assert douyin.current(APP_ID) is None


def test_a_fault_makes_no_qr_code(tma: Client, douyin: Douyin) -> None:
    tma.preview()
    tma.wait_until_built()
    douyin.set_fault(APP_ID, Fault.NO_QR_CODE)
    assert tma.schema("preview")["code"] == 10041


def test_a_fault_answers_like_a_broken_gateway(tma: Client, douyin: Douyin) -> None:
    douyin.set_fault(APP_ID, Fault.SERVER_ERROR)
    reply = tma.send("testing", packed(SMALL_APP), UPLOAD)
    assert (reply.status_code, reply.headers["Content-Type"]) == (502, "text/html")
    assert douyin.received == []


def test_a_cut_connection_has_accepted_the_package(tma: Client, douyin: Douyin) -> None:
    douyin.set_fault(APP_ID, Fault.CONNECTION_CUT)
    with pytest.raises(httpx.RemoteProtocolError):
        tma.upload()
    assert len(douyin.wait_for(1)) == 1


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", f"{DEVELOPER}/api/v2/app/{APP_ID}/testing"),
        ("GET", f"{MICROAPP}/api/v9/new"),
        ("POST", "https://mcs.snssdk.com/v1/json"),
    ],
)
def test_an_unknown_call_is_not_found_and_remembered(
    tma_http: httpx.Client, douyin: Douyin, method: str, url: str
) -> None:
    assert tma_http.request(method, url, headers=token_headers()).status_code == 404
    assert douyin.unknown_calls == [f"{method} {url.removeprefix('https://')}"]


def test_the_newest_packages_lie_on_disk(tma: Client, tmp_path: Path) -> None:
    tma.upload()
    tma.preview()
    tma.upload(tag="2")
    folder = tmp_path / "douyin" / APP_ID
    names = {path.name for path in folder.iterdir()}
    stems = ("upload", "preview", "upload-channel-2")
    assert names == {f"{stem}.{kind}" for stem in stems for kind in ("zip", "json")}
    with zipfile.ZipFile(folder / "upload.zip") as archive:
        assert archive.read("app.json") == SMALL_APP["app.json"]
    assert json.loads((folder / "upload.json").read_text())["version"] == "26.1122.0"


def test_waiting_for_a_package_has_a_time_limit(douyin: Douyin) -> None:
    with pytest.raises(TimeoutError, match="Only 0 of 1"):
        douyin.wait_for(1, seconds=0.01)
