import base64
import json
import random
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pytest
import segno
from PIL import Image

from mprelease.domain.apps import ProjectType
from mprelease.domain.releases import Kind, LaunchOptions, Sizes
from mprelease.simulator.vendor_service import Fault
from mprelease.simulator.wechat import WeChat
from wechat_client import APP_ID, SMALL_APP, Client, sign

pytestmark = pytest.mark.lasting

MIB = 1024 * 1024
WRONG_KEY = {"errCode": -1, "errMsg": "get new ticket fail: innerCode: -80002"}
UNKNOWN_APP = {"errCode": 40013, "errMsg": "invalid appid"}
WRONG_IP = {
    "errCode": -10008,
    "errMsg": "invalid ip: 127.0.0.1, reference: "
    "https://developers.weixin.qq.com/miniprogram/dev/devtools/ci.html",
}


def test_an_upload_arrives_as_it_was_sent(owner: Client, wechat: WeChat) -> None:
    assert owner.upload(robot="7")["errCode"] == 0
    (received,) = wechat.received
    assert received.kind is Kind.UPLOAD
    assert received.project_type is ProjectType.MINI_PROGRAM
    assert (received.app_id, received.version, received.robot) == (APP_ID, "1.0.1", 7)
    assert received.description == "描述 & more"
    assert received.files == SMALL_APP
    assert received.preview_url is None


def test_a_preview_carries_page_query_and_scene(owner: Client, wechat: WeChat) -> None:
    owner.preview(path="a/a?x=1&y=?", debugLaunchInfo='{"scene":1047,"path":"a/a"}')
    (received,) = wechat.received
    assert received.kind is Kind.PREVIEW
    assert received.launch == LaunchOptions(start_page="a/a", query="x=1&y=?", scene=1047)


def test_each_preview_has_a_qr_code_of_its_own(owner: Client, wechat: WeChat) -> None:
    images = [base64.b64decode(owner.preview()["body"]["qrcode_img"]) for _ in range(2)]
    urls = [received.preview_url or "" for received in wechat.received]
    assert urls[0] != urls[1]
    for image, url in zip(images, urls, strict=True):
        assert _dark_modules(image) == [bytes(row) for row in segno.make_qr(url, error="m").matrix]


def _dark_modules(jpeg: bytes, scale: int = 8, border: int = 4) -> list[bytes]:
    image = Image.open(BytesIO(jpeg))
    assert image.format == "JPEG"
    gray = image.convert("L")
    modules = range(gray.width // scale - 2 * border)
    centers = [(border + module) * scale + scale // 2 for module in modules]
    return [bytes(gray.getpixel((x, y)) < 128 for x in centers) for y in centers]  # type: ignore[operator]


def test_sizes_are_counted_by_package_without_source_maps(owner: Client, wechat: WeChat) -> None:
    contents = b'{"pages":[],"subpackages":[{"root":"one/"},{"root":"one/two"}]}'
    files = {"app.json": contents, "one/a.js": b"12", "one/two/b.js": b"345", "c.js.map": b"6789"}
    reply = owner.upload(files)
    full = len(contents) + 5
    assert reply["body"]["subpackage_info"] == [
        {"name": "__FULL__", "size": full},
        {"name": "__APP__", "size": len(contents)},
        {"name": "/one/", "size": 2},
        {"name": "/one/two/", "size": 3},
    ]
    assert wechat.received[0].sizes == Sizes(full, len(contents), {"/one/": 2, "/one/two/": 3})


def _with_packages(main: int, *subs: int, name: str = "app.json") -> Mapping[str, bytes]:
    roots = [{"root": f"sub{number}"} for number in range(len(subs))]
    contents = json.dumps({"pages": [], "subPackages": roots}).encode()
    noise = random.Random(1)
    files = {name: contents, "main.js": noise.randbytes(main - len(contents))}
    return files | {f"sub{n}/a.js": noise.randbytes(size) for n, size in enumerate(subs)}


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (_with_packages(2580 * 1024), "main package source size 2580KB exceed max limit 2048KB"),
        (
            _with_packages(100, 9, 2 * MIB + 1),
            "subpackage /sub1/ source size 2049KB exceed max limit 2048KB",
        ),
        (
            _with_packages(2 * MIB, *[2 * MIB] * 9, 1),
            "source size 20481KB exceed max limit 20480KB",
        ),
    ],
    ids=["main", "sub", "full"],
)
def test_a_package_over_the_limit_is_refused(
    owner: Client, wechat: WeChat, files: Mapping[str, bytes], text: str
) -> None:
    assert owner.upload(files) == {"errCode": 80051, "errMsg": text}
    assert wechat.received == []


def test_a_package_at_the_limit_is_accepted(owner: Client) -> None:
    assert owner.upload(_with_packages(2 * MIB, 2 * MIB))["errCode"] == 0


def test_a_game_may_have_a_larger_main_package_and_sub_packages_of_any_size(owner: Client) -> None:
    allowed = _with_packages(4 * MIB, 5 * MIB, name="game.json")
    assert owner.upload(allowed, type="miniGame")["errCode"] == 0
    refused = owner.upload(_with_packages(4983 * 1024, name="game.json"), type="miniGame")
    assert refused["errMsg"] == "main package source size 4983KB exceed max limit 4096KB"


def test_a_sub_package_of_a_game_may_be_a_single_file(owner: Client, wechat: WeChat) -> None:
    contents = b'{"subpackages":[{"root":"one/"},{"root":"two.js"}]}'
    files = {"game.json": contents, "one/game.js": b"12", "two.js": b"345", "two.js.map": b"6"}
    owner.upload(files, type="miniGame")
    expected = Sizes(len(contents) + 5, len(contents), {"/one/": 2, "/two.js": 3})
    assert wechat.received[0].sizes == expected


def test_the_newest_upload_of_a_robot_replaces_the_one_before(
    owner: Client, wechat: WeChat, tmp_path: Path
) -> None:
    owner.upload(version="1.0.1")
    owner.upload(version="1.0.2", robot="2")
    owner.upload({**SMALL_APP, "new.js": b"1"}, version="1.0.3")
    owner.preview()
    versions = [wechat.current(APP_ID, robot) for robot in (1, 2, 3)]
    assert [version and version.version for version in versions] == ["1.0.3", "1.0.2", None]
    kept = tmp_path / "wechat" / APP_ID
    assert zipfile.ZipFile(kept / "upload-robot-1.zip").read("new.js") == b"1"
    assert json.loads((kept / "upload-robot-1.json").read_text())["version"] == "1.0.3"
    assert (kept / "preview-robot-1.zip").exists()


def test_the_wrong_key_is_refused(owner: Client, other_key: str, wechat: WeChat) -> None:
    intruder = Client(owner.http, other_key)
    assert intruder.signed("getattr") == WRONG_KEY
    assert intruder.upload() == WRONG_KEY
    assert wechat.received == []


def test_a_random_string_is_good_for_one_call(owner: Client) -> None:
    again = Client(owner.http, owner.key, signature=owner.sign())
    assert again.signed("getattr")["errCode"] == 0
    assert again.signed("getattr") == WRONG_KEY
    assert again.upload() == WRONG_KEY


def test_a_random_string_that_was_never_given_out_is_refused(owner: Client, key: str) -> None:
    invented = Client(owner.http, key, signature=sign(key, APP_ID, "invented"))
    assert invented.signed("getattr") == WRONG_KEY


def test_a_signature_for_another_app_is_refused(owner: Client, wechat: WeChat) -> None:
    wechat.register("wxffffffffffffffff", owner.key)
    other = Client(owner.http, owner.key, "wxffffffffffffffff").sign()
    assert Client(owner.http, owner.key, signature=other).signed("getattr") == WRONG_KEY


@pytest.mark.parametrize("signature", ["", "no base64 …", "AAAA"])
def test_noise_for_a_signature_is_refused(owner: Client, signature: str) -> None:
    assert Client(owner.http, owner.key, signature=signature).signed("getattr") == WRONG_KEY


def test_an_app_that_was_not_registered_is_unknown(owner: Client) -> None:
    intruder = Client(owner.http, owner.key, "wxffffffffffffffff")
    assert intruder.signed("getattr") == UNKNOWN_APP
    assert intruder.upload() == UNKNOWN_APP


def test_an_address_that_is_not_on_the_list_is_refused(owner: Client, wechat: WeChat) -> None:
    wechat.register(APP_ID, owner.key, allowed_ips=["192.0.2.1"])
    assert owner.signed("getattr") == WRONG_IP
    assert owner.upload() == WRONG_IP
    wechat.register(APP_ID, owner.key, allowed_ips=["127.0.0.1"])
    assert owner.upload()["errCode"] == 0


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        (Fault.BAD_IP, WRONG_IP),
        (Fault.BAD_KEY, WRONG_KEY),
        (Fault.UNKNOWN_APP, UNKNOWN_APP),
    ],
)
def test_a_fault_refuses_every_signed_call(
    owner: Client, wechat: WeChat, fault: Fault, reply: Mapping[str, object]
) -> None:
    wechat.set_fault(APP_ID, fault)
    assert owner.signed("getattr") == reply
    assert owner.upload() == reply
    wechat.set_fault(APP_ID, None)
    assert owner.upload()["errCode"] == 0


def test_a_fault_refuses_an_upload_as_too_large(owner: Client, wechat: WeChat) -> None:
    wechat.set_fault(APP_ID, Fault.TOO_LARGE)
    assert owner.signed("getattr")["errCode"] == 0
    text = "main package source size 2580KB exceed max limit 2048KB"
    assert owner.preview()["errMsg"] == text


def test_a_fault_answers_an_upload_like_a_broken_gateway(owner: Client, wechat: WeChat) -> None:
    wechat.set_fault(APP_ID, Fault.SERVER_ERROR)
    reply = owner.post("upload", SMALL_APP)
    assert (reply.status_code, reply.headers["Content-Type"]) == (502, "text/html")
    assert wechat.received == []


@pytest.mark.parametrize(
    "query",
    [{"robot": "0"}, {"robot": "31"}, {"version": ""}, {"type": "?"}, {"debugLaunchInfo": "{"}],
)
def test_an_upload_that_breaks_the_protocol_is_refused(
    owner: Client, wechat: WeChat, query: Mapping[str, str]
) -> None:
    assert owner.upload(SMALL_APP, **query)["errCode"] == -2
    assert wechat.received == []


def test_a_pack_without_signature_or_app_json_is_refused(owner: Client, wechat: WeChat) -> None:
    assert owner.post_body("upload", b"").json()["errCode"] == -2
    assert owner.upload({"a.js": b""})["errMsg"].endswith("app.json is missing or unreadable")
    assert wechat.received == []


@pytest.mark.parametrize(
    ("project_type", "file"),
    [
        (ProjectType.MINI_GAME, "game.json"),
        (ProjectType.MINI_PROGRAM_PLUGIN, "plugin/plugin.json"),
        (ProjectType.MINI_GAME_PLUGIN, "plugin/plugin.json"),
    ],
)
def test_games_and_plugins_are_described_by_files_of_their_own(
    owner: Client, wechat: WeChat, project_type: ProjectType, file: str
) -> None:
    owner.upload({file: b"{}"}, type=project_type)
    assert wechat.received[0].project_type is project_type


def test_large_packs_are_sent_back_to_the_plain_upload(owner: Client) -> None:
    assert owner.signed("getmulticosuploadinfo", robot=1)["errCode"] != 0


def test_source_maps_come_back_in_slices(owner: Client) -> None:
    owner.upload({**SMALL_APP, "a/a.js.map": '{"names":["变量"]}'.encode()}, robot="4")
    total = owner.signed("get_dev_sourcemap_info", robot=4)["data"]["total_size"]
    text = ""
    for offset in range(0, total, 20):
        reply = owner.signed("get_dev_sourcemap", robot=4, offset=offset, limit=20)
        assert reply["innerRequestResp"]["errCode"] == 0
        text += reply["innerRequestResp"]["body"]
    whole = owner.signed("get_dev_sourcemap", robot=4, streaming=False)["data"]
    assert json.loads(text) == whole
    assert whole == {
        "sourcemap_list": [{"fullpath": "a/a.js.map", "sourcemap": '{"names":["变量"]}'}]
    }


def test_a_robot_without_a_version_has_no_source_maps(owner: Client) -> None:
    owner.upload(robot="4")
    assert owner.signed("get_dev_sourcemap_info", robot=5)["errCode"] == -2


def test_the_compiler_learns_the_limits(owner: Client) -> None:
    setting = owner.signed("getattr")["data"]["setting"]
    assert (setting["MaxCodeSize"], setting["MaxSubpackageFullCodeSize"]) == (2, 20)


def test_telemetry_and_the_list_of_extensions_are_answered(owner: Client) -> None:
    url = "https://servicewechat.com/wxa-dev-logic/clientreportv2"
    assert owner.http.post(url, content=b"{}").status_code == 200
    extensions = owner.http.get("https://servicewechat.com/wxa/ci/getwhiteextlist?_r=0.1")
    assert extensions.json() == {"errCode": 0, "data": {}}


def test_an_unknown_call_is_not_found(owner: Client) -> None:
    assert owner.http.get("https://servicewechat.com/wxa/ci/upload").status_code == 404


def test_waiting_for_a_package_has_a_time_limit(wechat: WeChat) -> None:
    with pytest.raises(TimeoutError, match="Only 0 of 1"):
        wechat.wait_for(1, seconds=0.01)


def test_a_text_that_is_not_a_key_is_refused_at_once(wechat: WeChat) -> None:
    with pytest.raises(ValueError, match="PEM"):
        wechat.register(APP_ID, "no key")
