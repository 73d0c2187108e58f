import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from alipay_client import APP_ID, HOST, SMALL_APP, TOOL_ID, Client, tarred, zipped
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.simulator.alipay import Alipay
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.vendor_service import Fault
from wechat_client import http_client

pytestmark = pytest.mark.lasting

MIB = 1024 * 1024
COMPILER = "mdn.alipayobjects.com/mini_assets/uri/file/as/builder-v0.100.12-simulator-linux-x64.tgz"


@pytest.fixture
def alipay(tmp_path: Path, key: str) -> Alipay:
    service = Alipay(tmp_path / "alipay", slow_seconds=60)
    service.register(APP_ID, TOOL_ID, key)
    return service


@pytest.fixture
def http(tmp_path: Path, alipay: Alipay) -> Iterator[httpx.Client]:
    with (
        Simulator(tmp_path / "simulator", [alipay]) as running,
        http_client(running.proxy_url, running.ca_file) as client,
    ):
        yield client


@pytest.fixture
def tool(http: httpx.Client, key: str) -> Client:
    return Client(http, key)


def test_an_upload_arrives_as_it_was_sent(tool: Client, alipay: Alipay) -> None:
    assert tool.upload()["stat"] == "ok"
    (received,) = alipay.received
    assert (received.kind, received.app_id) == (Kind.UPLOAD, APP_ID)
    assert (received.version, received.description) == ("26.1122.0", "描述 & more")
    assert received.files == SMALL_APP


def test_an_upload_is_a_version_once_it_is_built(key: str, tmp_path: Path) -> None:
    slow = Alipay(tmp_path / "slow", build_polls=2)
    slow.register(APP_ID, TOOL_ID, key)
    with (
        Simulator(tmp_path / "sim", [slow]) as running,
        http_client(running.proxy_url, running.ca_file) as client,
    ):
        tool = Client(client, key)
        reply = tool.upload()
        assert (slow.versions(APP_ID), tool.last_version()) == ([], None)
        assert tool.build(reply)[:2] == (False, "1")
        assert tool.build(reply)[:2] == (True, "2")
        assert (slow.versions(APP_ID), tool.last_version()) == (["26.1122.0"], "26.1122.0")


def test_a_preview_arrives_with_what_it_opens(
    tool: Client, alipay: Alipay, http: httpx.Client
) -> None:
    data = tool.preview()["data"]
    (received,) = alipay.received
    assert (received.kind, received.version) == (Kind.PREVIEW, None)
    assert received.launch == LaunchOptions("a/a", "x=1&y=2", 1011)
    assert data["debugQrcodeUrl"] == received.qr_code_url
    image = http.get(str(received.qr_code_url))
    assert image.headers["content-type"] == "image/png"
    assert image.content.startswith(b"\x89PNG")


def test_accepted_packages_lie_on_disk(tool: Client, tmp_path: Path) -> None:
    tool.upload()
    with zipfile.ZipFile(tmp_path / "alipay" / APP_ID / "upload.zip") as kept:
        assert {name: kept.read(name) for name in kept.namelist()} == SMALL_APP
    facts = json.loads((tmp_path / "alipay" / APP_ID / "upload.json").read_text("utf-8"))
    assert facts["version"] == "26.1122.0"


def test_only_the_tool_of_an_app_may_act_for_it(
    tool: Client, alipay: Alipay, other_key: str
) -> None:
    intruders = [
        replace(tool, key=other_key),
        replace(tool, tool_id="another"),
        replace(tool, sign_what="appId=2021000000000001"),
    ]
    assert {intruder.upload()["msg"] for intruder in intruders} == {"验签失败"}
    assert "不存在" in replace(tool, app_id="2021000000000009").upload()["msg"]
    assert alipay.received == []


def test_an_address_that_is_not_listed_is_refused(tool: Client, alipay: Alipay, key: str) -> None:
    alipay.register(APP_ID, TOOL_ID, key, allowed_ips={"192.0.2.1"})
    assert "127.0.0.1" in tool.upload()["msg"]


@pytest.mark.parametrize(
    "fields",
    [
        {"packageVersion": "26.0105.0"},
        {"packageVersion": "1.0"},
        {"appType": "other"},
        {"clientType": "alipay"},
        {"extra": "field"},
        {"extendInfo": "no JSON"},
        {"remark": "x" * 200},
        {"packageMD5": "0" * 32},
        {"oldVersion": "1.0.0"},
    ],
)
def test_a_call_that_is_not_as_the_protocol_wants_it_is_refused(
    tool: Client, alipay: Alipay, fields: dict[str, str]
) -> None:
    assert tool.upload(**fields)["msg"].startswith("invalid request")
    assert alipay.received == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no archive",
        zipped(b"no archive"),
        zipped(tarred(SMALL_APP), name="other.tar"),
        zipped(tarred({"../out": b""})),
        zipped(tarred({"/etc/out": b"", "a//b": b""})),
    ],
)
def test_a_broken_package_is_refused(tool: Client, alipay: Alipay, body: bytes) -> None:
    assert tool.upload(body=body)["msg"].startswith("invalid request")
    assert alipay.received == []


def test_a_package_with_a_link_is_refused(tool: Client) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        link = tarfile.TarInfo("app.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert "not a plain file" in tool.upload(body=zipped(packed.getvalue()))["msg"]


def test_too_large_a_package_is_refused(tool: Client, alipay: Alipay) -> None:
    large = {**SMALL_APP, "large.png": bytes(9 * MIB)}
    assert tool.upload(large)["msg"] == "大小 9216KB 超过上限 8192KB"
    assert alipay.received == []


def test_a_version_must_be_greater_than_the_last(tool: Client, alipay: Alipay) -> None:
    tool.released()
    for version in ("26.1122.0", "26.1121.9"):
        assert "需大于最新版本 26.1122.0" in tool.upload(packageVersion=version)["msg"]
    tool.released(packageVersion="26.1122.1")
    assert alipay.versions(APP_ID) == ["26.1122.0", "26.1122.1"]


def test_twenty_versions_are_the_limit_and_one_can_make_room(tool: Client, alipay: Alipay) -> None:
    alipay.add_versions(APP_ID, [f"1.{number}.0" for number in range(20)])
    assert "上限 20" in tool.upload()["msg"]
    tool.released(oldVersion="1.3.0")
    assert "1.3.0" not in alipay.versions(APP_ID)
    assert len(alipay.versions(APP_ID)) == 20


def test_versions_are_listed_page_by_page(tool: Client, alipay: Alipay) -> None:
    alipay.add_versions(APP_ID, [f"1.{number}.0" for number in range(12)])
    seen: list[str] = []
    for page in (1, 2, 3):
        fields = {"bundleId": "com.alipay.alipaywallet", "versionStatus": "INIT"}
        reply = tool.call("versionList", {**fields, "pageNum": str(page)}, method="GET").json()
        seen += [one["appVersion"] for one in reply["data"]]
    assert seen == [f"1.{number}.0" for number in reversed(range(12))]


def test_a_version_is_shown_to_testers(tool: Client, alipay: Alipay, http: httpx.Client) -> None:
    tool.released()
    reply = tool.set_trial_version("26.1122.0")
    assert reply["packageStatus"] == "success"
    assert alipay.trial_version(APP_ID) == "26.1122.0"
    assert http.get(reply["qrCodeUrl"]).content.startswith(b"\x89PNG")
    assert tool.set_trial_version("9.9.9")["stat"] == "fail"


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"app.json": b"{\n"}, "app.json:2: "),
        ({"app.json": b'{"pages":["a/a","b/b"]}'}, "app.json:1: the page b/b has no b/b.axml"),
        ({"mini.project.json": b'{"miniprogramRoot":"mini"}'}, "app.json:1: the file is missing"),
        ({"a/a.json": b'{\n "a": }'}, "a/a.json:2: "),
    ],
)
def test_a_build_finds_errors(
    tool: Client, alipay: Alipay, files: dict[str, bytes], line: str
) -> None:
    reply = tool.upload({**SMALL_APP, **files})
    is_created, status, log = tool.build(reply)
    assert (is_created, status) == (False, "3")
    assert line in log
    assert alipay.versions(APP_ID) == []


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        (Fault.BAD_KEY, "验签失败"),
        (Fault.BAD_IP, "127.0.0.1"),
        (Fault.UNKNOWN_APP, "不存在"),
        (Fault.VERSION_NOT_GREATER, "需大于"),
        (Fault.TOO_LARGE, "超过上限"),
    ],
)
def test_a_fault_can_be_set_and_removed(
    tool: Client, alipay: Alipay, fault: Fault, reply: str
) -> None:
    alipay.set_fault(APP_ID, fault)
    assert reply in tool.upload()["msg"]
    alipay.set_fault(APP_ID, None)
    assert tool.upload()["stat"] == "ok"


def test_a_server_error_and_a_cut_connection_look_like_that(tool: Client, alipay: Alipay) -> None:
    alipay.set_fault(APP_ID, Fault.SERVER_ERROR)
    with pytest.raises(json.JSONDecodeError):
        tool.upload()
    alipay.set_fault(APP_ID, Fault.CONNECTION_CUT)
    with pytest.raises(httpx.RemoteProtocolError):
        tool.upload(packageVersion="26.1122.1")
    assert len(alipay.received) == 2


def test_a_slow_answer_does_not_hold_up_what_was_sent(tool: Client, alipay: Alipay) -> None:
    alipay.set_fault(APP_ID, Fault.SLOW)
    tool.http.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        tool.upload()
    assert len(alipay.wait_for(1)) == 1


def test_the_trial_version_can_be_refused_or_never_come(tool: Client, alipay: Alipay) -> None:
    tool.released()
    alipay.set_fault(APP_ID, Fault.TRIAL_REFUSED)
    assert tool.set_trial_version("26.1122.0")["stat"] == "fail"
    alipay.set_fault(APP_ID, Fault.TRIAL_NEVER_READY)
    assert tool.set_trial_version("26.1122.0") == {"packageStatus": ""}
    assert alipay.trial_version(APP_ID) is None


def test_the_compiler_is_an_archive_with_the_file_that_the_tool_looks_for(
    http: httpx.Client,
) -> None:
    archive = http.get(f"https://{COMPILER}").content
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert tar.getmember("mini-pkg-builder").mode & 0o100


def test_an_unknown_call_is_refused_and_remembered(
    tool: Client, alipay: Alipay, http: httpx.Client
) -> None:
    assert tool.call("submitAudit", {}).status_code == 404
    assert http.get(f"{HOST}/").status_code == 404
    assert http.get("https://mdap.alipay.com/loggw/dwcookieLogGet.do").status_code == 404
    assert alipay.unknown_calls == [
        "POST ideservice.alipay.com/cli/miniapp/submitAudit.json",
        "GET ideservice.alipay.com/",
        "GET mdap.alipay.com/loggw/dwcookieLogGet.do",
    ]
