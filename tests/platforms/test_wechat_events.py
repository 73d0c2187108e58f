import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from mprelease.domain.apps import ProjectType
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Sizes
from mprelease.platforms.driver import (
    Failure,
    PublishOrder,
    Result,
    ToolEnvironment,
)
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.platforms.wechat.events import event_of
from publishing import ORDER


def result(order: PublishOrder = ORDER, **facts: object) -> Result:
    common = {"event": "result", "sizes": [], "plugins": [], "devPluginId": None}
    event = event_of(json.dumps({**common, **facts}), order)
    assert isinstance(event, Result)
    return event


def test_an_upload_shows_the_code_of_the_trial_version_and_the_hint_to_pick_it() -> None:
    answer = result()
    assert answer.hints == (Message("hint.wechat_trial", {"robot": 7}),)
    assert answer.publication.qr_code_type == "image/png"
    assert answer.publication.qr_code
    with Image.open(io.BytesIO(answer.publication.qr_code)) as image:
        assert image.format == "PNG"


@pytest.mark.parametrize("project_type", ["miniProgramPlugin", "miniGamePlugin"])
def test_a_plugin_has_no_trial_version_and_an_id_to_be_used_by(project_type: str) -> None:
    order = replace(ORDER, project_type=ProjectType(project_type))
    named = result(order, devPluginId="abc1")
    assert named.hints == (Message("hint.wechat_plugin", {"id": "abc1"}),)
    unnamed = result(order)
    assert (named.publication.qr_code, unnamed.publication.qr_code) == (None, None)
    assert unnamed.hints == ()


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
    facts = {"event": "error", "code": "LATE", "message": "", "path": None, "sent": False}
    event = event_of(json.dumps(facts), ORDER)
    assert isinstance(event, Failure)
    assert event.error.problem_detail.problem is Problem.PUBLISH_TOO_LATE


def test_no_credential_stands_on_the_command_line_or_in_the_environment(
    order: PublishOrder, tmp_path: Path, key: str
) -> None:
    tool_environment = ToolEnvironment(
        tmp_path, "/usr/bin/node", Path("/usr"), order.route.extra_ca
    )
    command = WeChatDriver().command(tool_environment, order.scratch, 60)
    seen = " ".join((*command.arguments, *command.environment.values()))
    assert not any(line in seen for line in key.splitlines())
    assert key.splitlines()[1] in WeChatDriver().order_line(order)
    assert key.splitlines()[1] not in repr(order)
