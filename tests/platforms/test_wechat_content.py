import json
import os
from pathlib import Path

import pytest

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.platforms.mini_programs import require_page
from mprelease.platforms.wechat.content import add_config, require_content
from publishing import write_files


@pytest.mark.parametrize(
    ("project_type", "files"),
    [
        (ProjectType.MINI_PROGRAM, {"app.json": "{}"}),
        (ProjectType.MINI_PROGRAM, {"project.config.json": "{}", "app.json": "{}"}),
        (
            ProjectType.MINI_PROGRAM,
            {"project.config.json": '{"miniprogramRoot":"./mini/"}', "mini/app.json": "{}"},
        ),
        (
            ProjectType.MINI_PROGRAM,
            {"project.config.json": '\ufeff{"miniprogramRoot":"../mini"}', "mini/app.json": "{}"},
        ),
        (ProjectType.MINI_GAME, {"game.json": "{}"}),
        (
            ProjectType.MINI_PROGRAM_PLUGIN,
            {"project.config.json": '{"pluginRoot":"plugin"}', "plugin/plugin.json": "{}"},
        ),
    ],
)
def test_what_the_tool_can_publish_looks_built(
    tmp_path: Path, project_type: ProjectType, files: dict[str, str]
) -> None:
    require_content(write_files(tmp_path, files), project_type)


@pytest.mark.parametrize(
    ("text", "line"),
    [("{", 1), ('{\n  // where\n  "miniprogramRoot": "a"}', 2), ('{\n"a": 1,\n}', 3), ("", 1)],
)
def test_a_configuration_that_is_no_json_is_told_with_its_line(
    tmp_path: Path, text: str, line: int
) -> None:
    """Issue 12, number 31: comments, most of all."""
    write_files(tmp_path, {"project.config.json": text})
    with pytest.raises(StageFailed) as failure:
        require_content(tmp_path, ProjectType.MINI_PROGRAM)
    assert failure.value.problem_detail == ProblemDetail(
        Problem.CONFIG_NOT_JSON, {"file": "project.config.json", "line": line}
    )


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ({"readme.md": ""}, "app.json"),
        ({"project.config.json": '{"miniprogramRoot":"mini"}', "app.json": "{}"}, "mini/app.json"),
        ({"project.config.json": "[]", "app.json": "{}"}, "project.config.json"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, files: dict[str, str], missing: str) -> None:
    with pytest.raises(StageFailed) as failed:
        require_content(write_files(tmp_path, files), ProjectType.MINI_PROGRAM)
    expected = ProblemDetail(Problem.OUTPUT_NOT_A_MINI_PROGRAM, {"file": missing})
    assert failed.value.problem_detail == expected


@pytest.mark.timeout(20)
@pytest.mark.parametrize("target", [None, "/dev/zero", "app.json", "nowhere"])
def test_a_config_that_is_no_plain_file_is_not_read(tmp_path: Path, target: str | None) -> None:
    write_files(tmp_path, {"app.json": "{}"})
    put(tmp_path / "project.config.json", target)
    with pytest.raises(StageFailed) as failed:
        require_content(tmp_path, ProjectType.MINI_PROGRAM)
    expected = ProblemDetail(Problem.OUTPUT_NOT_A_MINI_PROGRAM, {"file": "project.config.json"})
    assert failed.value.problem_detail == expected


@pytest.mark.timeout(20)
@pytest.mark.parametrize("target", [None, "/dev/zero"])
def test_pages_are_not_sought_in_what_is_no_plain_file(tmp_path: Path, target: str | None) -> None:
    put(tmp_path / "app.json", target)
    require_page(tmp_path, "pages/a")


def test_a_config_nested_too_deep_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, {"project.config.json": "[" * 100_000, "app.json": "{}"})
    with pytest.raises(StageFailed):
        require_content(tmp_path, ProjectType.MINI_PROGRAM)


def test_no_config_is_written_through_a_link(tmp_path: Path) -> None:
    put(tmp_path / "project.config.json", "elsewhere")
    add_config(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def put(path: Path, target: str | None) -> None:
    """Make a pipe, or a link to a target."""
    if target is None:
        os.mkfifo(path)
    else:
        path.symlink_to(target)


def test_a_folder_without_config_gets_the_settings_of_a_new_project(tmp_path: Path) -> None:
    add_config(tmp_path)
    assert json.loads((tmp_path / "project.config.json").read_text("utf-8"))["setting"]["es6"]


def test_a_config_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    write_files(tmp_path, {"project.config.json": "{}"})
    add_config(tmp_path)
    assert (tmp_path / "project.config.json").read_text("utf-8") == "{}"
