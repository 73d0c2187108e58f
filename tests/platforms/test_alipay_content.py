import json
import os
import subprocess
from pathlib import Path

import pytest

from alipay_samples import ALIPAY_PROJECT
from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.platforms.alipay.content import require_content, take_out_hooks
from mprelease.platforms.mini_programs import require_page
from publishing import write_files

MINI = ProjectType.MINI_PROGRAM
APP = {"app.json": '{"pages":["a"]}', "a.axml": ""}


def problem_detail_of(folder: Path, project_type: ProjectType = MINI) -> ProblemDetail:
    with pytest.raises(StageFailed) as failed:
        require_content(folder, project_type)
    return failed.value.problem_detail


@pytest.mark.parametrize(
    "files",
    [
        ALIPAY_PROJECT,
        APP,
        {"mini.project.json": "{}", **APP},
        {"mini.project.json": '{"miniprogramRoot":"./mini/"}', "mini/app.json": "{}"},
        {"server/x": "", **{f"client/{name}": text for name, text in APP.items()}},
    ],
)
def test_what_the_tool_can_publish_looks_built(tmp_path: Path, files: dict[str, str]) -> None:
    require_content(write_files(tmp_path, files), MINI)


@pytest.mark.parametrize(
    ("text", "line"),
    [("{", 1), ('{\n  // where\n  "miniprogramRoot": "a"}', 2), ('{\n"a": 1,\n}', 3), ("", 1)],
)
def test_a_configuration_that_is_no_json_is_told_with_its_line(
    tmp_path: Path, text: str, line: int
) -> None:
    """Issue 12, number 31: comments, most of all."""
    found = problem_detail_of(write_files(tmp_path, {"mini.project.json": text, **APP}))
    assert found == ProblemDetail(
        Problem.CONFIG_NOT_JSON, {"file": "mini.project.json", "line": line}
    )


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ({"readme.md": ""}, "app.json"),
        ({"mini.project.json": '{"miniprogramRoot":"mini"}', **APP}, "mini/app.json"),
        ({"mini.project.json": '{"miniprogramRoot":"../mini"}', **APP}, "mini.project.json"),
        ({"mini.project.json": "[]", **APP}, "mini.project.json"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, files: dict[str, str], missing: str) -> None:
    expected = ProblemDetail(Problem.OUTPUT_NOT_A_MINI_PROGRAM, {"file": missing})
    assert problem_detail_of(write_files(tmp_path, files)) == expected


def test_a_game_is_not_served(tmp_path: Path) -> None:
    problem_detail = problem_detail_of(write_files(tmp_path, APP), ProjectType.MINI_GAME)
    assert problem_detail.problem is Problem.TYPE_NOT_SERVED


def test_a_start_page_must_be_declared(tmp_path: Path) -> None:
    folder = write_files(tmp_path, ALIPAY_PROJECT)
    for page in ("pages/a", "sub/b"):
        require_page(folder, page)
    with pytest.raises(StageFailed) as failed:
        require_page(folder, "pages/b")
    expected = ProblemDetail(Problem.START_PAGE_UNKNOWN, {"page": "pages/b", "example": "pages/a"})
    assert failed.value.problem_detail == expected


def test_hooks_are_taken_out_wherever_a_project_could_be(tmp_path: Path) -> None:
    hooked = {"format": 2, "scripts": {"beforeUpload": "env"}, "uniBuild": True}
    names = ("mini.project.json", "client/mini.project.json")
    write_files(tmp_path, dict.fromkeys(names, json.dumps(hooked)))
    take_out_hooks(tmp_path)
    for name in names:
        kept = json.loads((tmp_path / name).read_text("utf-8"))
        assert kept == {"format": 2, "uniBuild": True}


def test_plugins_of_the_compiler_are_taken_out(tmp_path: Path) -> None:
    options = {"plugins": ["./a.js"], "dynamicPlugins": {"x": "./b.js"}, "other": 1}
    config = write_files(tmp_path, {"mini.project.json": json.dumps({"debugOptions": options})})
    take_out_hooks(config)
    kept = json.loads((tmp_path / "mini.project.json").read_text("utf-8"))
    assert kept == {"debugOptions": {"other": 1}}


@pytest.mark.parametrize("name", ["debugOptions", "pluginResolution"])
def test_plugins_are_taken_out_by_each_of_their_names(tmp_path: Path, name: str) -> None:
    options = {"plugins": ["./a.js"], "dynamicPlugins": {}, "__proto__": {"plugins": 1}, "other": 1}
    content = {"format": 2, name: options, "__proto__": {"scripts": {"beforeUpload": "env"}}}
    config = write_files(tmp_path, {"mini.project.json": json.dumps(content)})
    take_out_hooks(config)
    kept = json.loads((tmp_path / "mini.project.json").read_text("utf-8"))
    assert kept == {"format": 2, name: {"other": 1}}


@pytest.mark.parametrize(
    "behind",
    ["1" * 5000, "[" * 3000 + "]" * 3000, f'"{"a" * 2**20}"'],
    ids=["long number", "deep", "large"],
)
def test_no_hook_hides_behind_what_only_the_tool_can_read(tmp_path: Path, behind: str) -> None:
    text = '{"scripts":{"beforeUpload":"env"},"x":' + behind + "}"
    write_files(tmp_path, {"client/mini.project.json": text})
    read = subprocess.run(
        ["node", "-p", "JSON.parse(fs.readFileSync(0, 'utf8')).scripts.beforeUpload"],
        input=text.encode(),
        capture_output=True,
        check=True,
    )
    assert read.stdout == b"env\n", "the tool can read it"
    take_out_hooks(tmp_path)
    config = tmp_path / "client/mini.project.json"
    assert not config.exists() or "beforeUpload" not in config.read_text("utf-8")


def test_no_hook_hides_behind_a_link(tmp_path: Path) -> None:
    text = '{"scripts":{"beforeUpload":"env"}}'
    write_files(tmp_path, {"hooks.json": text})
    (tmp_path / "client").mkdir()
    (tmp_path / "client/mini.project.json").symlink_to("../hooks.json")
    take_out_hooks(tmp_path)
    assert not (tmp_path / "client/mini.project.json").exists()


def test_the_other_name_of_a_file_keeps_its_hooks(tmp_path: Path) -> None:
    text = '{"scripts":{"beforeUpload":"env"}}'
    kept = write_files(tmp_path / "kept", {"mini.project.json": text}) / "mini.project.json"
    (tmp_path / "copy").mkdir()
    os.link(kept, tmp_path / "copy" / "mini.project.json")
    take_out_hooks(tmp_path / "copy")
    assert kept.read_text("utf-8") == text


def test_a_configuration_without_hooks_stays_as_it_is(tmp_path: Path) -> None:
    text = '{"format":2,   "uniBuild":true}'
    write_files(tmp_path, {"mini.project.json": text, "sub/mini.project.json": "{"})
    take_out_hooks(tmp_path)
    assert (tmp_path / "mini.project.json").read_text("utf-8") == text
    assert (tmp_path / "sub" / "mini.project.json").read_text("utf-8") == "{"
