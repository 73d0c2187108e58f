import io
import json
from pathlib import Path

import pytest
from PIL import Image

from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Sizes
from mprelease.platforms.driver import (
    Equipment,
    Failure,
    Loaded,
    Progress,
    PublishOrder,
    Ready,
    Result,
)
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.platforms.wechat.events import event_of
from publishing import APP_ID


def result(**facts: object) -> Result:
    common = {"event": "result", "kind": "upload", "appId": APP_ID, "robot": 7, "plugins": []}
    more = {"sizes": [], "qrCode": "", "projectType": "miniProgram", "devPluginId": None}
    event = event_of(json.dumps({**common, **more, **facts}))
    assert isinstance(event, Result)
    return event


def test_progress_and_ready_are_read() -> None:
    assert event_of('{"event":"progress","text":"Compiling app.js"}') == Progress(
        "Compiling app.js"
    )
    assert event_of('{"event":"loaded"}') == Loaded()
    assert event_of('{"event":"ready"}') == Ready()


def test_a_line_that_is_no_event_is_not_taken_for_one() -> None:
    for line in ("[info] chatter", '{"event":"unheard-of"}'):
        with pytest.raises(ValueError, match=r"."):
            event_of(line)


def test_an_upload_shows_the_code_of_the_trial_version_and_the_hint_to_pick_it() -> None:
    answer = result()
    assert answer.hints == (Message("hint.wechat_trial", {"robot": 7}),)
    assert answer.publication.qr_code_type == "image/png"
    assert answer.publication.qr_code
    with Image.open(io.BytesIO(answer.publication.qr_code)) as image:
        assert image.format == "PNG"


@pytest.mark.parametrize("project_type", ["miniProgramPlugin", "miniGamePlugin"])
def test_a_plugin_has_no_trial_version_and_an_id_to_be_used_by(project_type: str) -> None:
    named = result(projectType=project_type, devPluginId="abc1")
    assert named.hints == (Message("hint.wechat_plugin", {"id": "abc1"}),)
    unnamed = result(projectType=project_type)
    assert (named.publication.qr_code, unnamed.publication.qr_code) == (None, None)
    assert unnamed.hints == ()


def test_a_preview_shows_the_image_of_the_platform(tmp_path: Path) -> None:
    (tmp_path / "q.jpg").write_bytes(b"\xff\xd8jpeg")
    answer = result(kind="preview", qrCode=str(tmp_path / "q.jpg"))
    assert answer.publication.qr_code == b"\xff\xd8jpeg"
    assert answer.publication.qr_code_type == "image/jpeg"
    assert answer.hints == ()


def test_packages_and_plugins_are_told_apart() -> None:
    sizes = [("__FULL__", 30), ("__APP__", 20), ("/sub/", 10)]
    answer = result(
        sizes=[{"name": name, "size": size} for name, size in sizes],
        plugins=[{"pluginProviderAppid": "wxp", "version": "1.0.0", "size": 5}],
    )
    assert answer.publication.sizes == Sizes(30, 20, {"/sub/": 10, "wxp": 5})


def test_a_package_without_parts_is_its_own_main_package() -> None:
    answer = result(sizes=[{"name": "__FULL__", "size": 30}])
    assert answer.publication.sizes == Sizes(30, 30, {})


def test_a_failure_names_its_problem() -> None:
    facts = {"kind": "upload", "appId": APP_ID, "folder": "/b", "path": None, "sent": False}
    event = event_of(json.dumps({"event": "error", "code": "LATE", "message": "", **facts}))
    assert isinstance(event, Failure)
    assert event.error.trouble.problem is Problem.PUBLISH_TOO_LATE


def test_no_credential_stands_on_the_command_line_or_in_the_environment(
    order: PublishOrder, tmp_path: Path, key: str
) -> None:
    equipment = Equipment(tmp_path, "/usr/bin/node", Path("/usr"), order.link.extra_ca)
    command = WeChatDriver().command(equipment, order.scratch, 60)
    seen = " ".join((*command.arguments, *command.environment.values()))
    assert not any(line in seen for line in key.splitlines())
    assert key.splitlines()[1] in WeChatDriver().order_line(order)
    assert key.splitlines()[1] not in repr(order)
