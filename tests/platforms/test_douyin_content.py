import json
import os
from pathlib import Path

import pytest

from douyin_samples import DOUYIN_APP_ID, DOUYIN_PROJECT
from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.platforms.douyin.content import name_app, require_content
from mprelease.platforms.mini_programs import require_page
from publishing import write_files


def problem_detail_of(folder: Path, kind: ProjectType = ProjectType.MINI_PROGRAM) -> ProblemDetail:
    with pytest.raises(StageFailed) as failed:
        require_content(folder, kind)
    return failed.value.problem_detail


@pytest.mark.parametrize(
    "files",
    [
        DOUYIN_PROJECT,
        {"app.json": "{}"},
        {"project.config.json": '{"miniprogramRoot":"./mini/"}', "mini/app.json": "{}"},
        {"app.json": '{"pages":["a"]}', "a.ttml": "", "a.wxml": ""},
        {"app.json": '{"pages":["a"]}', "a.js": ""},
    ],
)
def test_what_the_tool_can_publish_looks_built(tmp_path: Path, files: dict[str, str]) -> None:
    require_content(write_files(tmp_path, files), ProjectType.MINI_PROGRAM)


@pytest.mark.parametrize(
    ("text", "line"),
    [("{", 1), ('{\n  // where\n  "miniprogramRoot": "a"}', 2), ('{\n"a": 1,\n}', 3), ("", 1)],
)
def test_a_configuration_that_is_no_json_is_told_with_its_line(
    tmp_path: Path, text: str, line: int
) -> None:
    """Issue 12, number 31: comments, most of all."""
    found = problem_detail_of(write_files(tmp_path, {"project.config.json": text}))
    assert found == ProblemDetail(
        Problem.CONFIG_NOT_JSON, {"file": "project.config.json", "line": line}
    )


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ({"readme.md": ""}, "app.json"),
        ({"project.config.json": '{"miniprogramRoot":"mini"}', "app.json": "{}"}, "mini/app.json"),
        ({"project.config.json": "[]", "app.json": "{}"}, "project.config.json"),
        (
            {"project.config.json": '{"miniprogramRoot":"../x"}', "app.json": "{}"},
            "project.config.json",
        ),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, files: dict[str, str], missing: str) -> None:
    expected = ProblemDetail(Problem.OUTPUT_NOT_A_MINI_PROGRAM, {"file": missing})
    assert problem_detail_of(write_files(tmp_path, files)) == expected


def test_a_game_is_not_published_yet(tmp_path: Path) -> None:
    parameters = {"type": "miniGame", "platform": "douyin"}
    problem_detail = problem_detail_of(write_files(tmp_path, DOUYIN_PROJECT), ProjectType.MINI_GAME)
    assert problem_detail == ProblemDetail(Problem.TYPE_NOT_SERVED, parameters)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("target", ["/dev/zero", "app.json", "nowhere"])
def test_a_config_that_is_a_link_is_not_read(tmp_path: Path, target: str) -> None:
    write_files(tmp_path, {"app.json": "{}"})
    (tmp_path / "project.config.json").symlink_to(target)
    assert problem_detail_of(tmp_path).parameters == {"file": "project.config.json"}


def test_an_unknown_start_page_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, DOUYIN_PROJECT)
    require_page(tmp_path, "sub/b")
    with pytest.raises(StageFailed) as failed:
        require_page(tmp_path, "pages/gone")
    parameters = {"page": "pages/gone", "example": "pages/a"}
    assert failed.value.problem_detail == ProblemDetail(Problem.START_PAGE_UNKNOWN, parameters)


def test_the_app_is_named_where_the_tool_looks_for_it(tmp_path: Path) -> None:
    config = tmp_path / "project.config.json"
    config.write_text('{"appid":"tt1","ttappid":"tt2","setting":{"es6":false},"name":"日历"}')
    name_app(tmp_path, DOUYIN_APP_ID)
    written = {"appid": DOUYIN_APP_ID, "setting": {"es6": False}, "name": "日历"}
    assert json.loads(config.read_text("utf-8")) == written


def test_a_folder_without_config_gets_one(tmp_path: Path) -> None:
    name_app(tmp_path, DOUYIN_APP_ID)
    config = json.loads((tmp_path / "project.config.json").read_text("utf-8"))
    assert config["appid"] == DOUYIN_APP_ID
    assert config["setting"]["minified"]


def test_the_other_name_of_the_config_keeps_its_content(tmp_path: Path) -> None:
    config, kept = tmp_path / "project.config.json", tmp_path / "kept.json"
    kept.write_text('{"appid":"tt1"}')
    os.link(kept, config)
    name_app(tmp_path, DOUYIN_APP_ID)
    assert kept.read_text() == '{"appid":"tt1"}'
