"""Packages whose packing would copy or write outside of themselves."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.platforms.npm_packing_check import require_packable
from mprelease.platforms.wechat.driver import WeChatDriver
from publishing import ORDER, write_files


def manifest(**facts: object) -> str:
    return json.dumps({"name": "m", "version": "1.0.0", **facts})


@pytest.mark.parametrize("named", ["miniprogram_dist", "./dist/", "dist/../lib", "..dist", 7, None])
def test_a_folder_of_the_package_itself_is_packed(tmp_path: Path, named: object) -> None:
    files = {"node_modules/@tdesign/m/package.json": manifest(miniprogram=named)}
    require_packable(write_files(tmp_path, files))


@pytest.mark.parametrize("named", ["..", "../..", "dist/../../x", "/../x", "./../x"])
@pytest.mark.parametrize("place", ["node_modules/m", "node_modules/a/node_modules/@s/m"])
def test_a_folder_outside_of_the_package_is_not(tmp_path: Path, named: str, place: str) -> None:
    write_files(tmp_path, {f"{place}/package.json": manifest(miniprogram=named)})
    with pytest.raises(StageFailed) as refused:
        require_packable(tmp_path)
    problem_detail = refused.value.problem_detail
    assert problem_detail.problem is Problem.PROJECT_PATH_OUTSIDE
    assert problem_detail.parameters == {"path": named, "detail": f"{place}/package.json"}


def test_a_key_in_other_letters_is_the_same_key(tmp_path: Path) -> None:
    text = manifest(miniprogram="../..").replace("miniprogram", "\\u006diniprogram")
    write_files(tmp_path, {"node_modules/m/package.json": text})
    with pytest.raises(StageFailed):
        require_packable(tmp_path)


@pytest.mark.parametrize("name", ["m@..", "m@.", "m@", "@..", "@s/m@.."])
def test_a_package_whose_name_leads_away_is_not_packed(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, {f"node_modules/{name}/package.json": manifest()})
    with pytest.raises(StageFailed):
        require_packable(tmp_path)


@pytest.mark.parametrize("config", ["project.config.json", "project.private.config.json"])
@pytest.mark.parametrize("key", ["packageJsonPath", "miniprogramNpmDistDir"])
def test_wechats_relations_stay_in_the_project(tmp_path: Path, config: str, key: str) -> None:
    relation = {"packageJsonPath": "package.json", "miniprogramNpmDistDir": ".", key: "a/../../x"}
    settings = {"setting": {"packNpmManually": True, "packNpmRelationList": [relation]}}
    write_files(tmp_path, {config: json.dumps(settings)})
    with pytest.raises(StageFailed) as refused:
        WeChatDriver().prepare(replace(ORDER, built=tmp_path, pack_npm=True))
    assert refused.value.problem_detail.parameters == {"path": "a/../../x", "detail": config}


@pytest.mark.parametrize(
    "behind",
    ["1" * 5000, "[" * 3000 + "]" * 3000, f'"{"a" * 2**20}"'],
    ids=["long number", "deep", "large"],
)
def test_no_folder_hides_behind_what_only_the_tool_can_read(tmp_path: Path, behind: str) -> None:
    text = '{"name":"m","version":"1.0.0","miniprogram":"../..","x":' + behind + "}"
    write_files(tmp_path, {"node_modules/m/package.json": text})
    with pytest.raises(StageFailed) as refused:
        require_packable(tmp_path)
    assert refused.value.problem_detail.problem is Problem.PROJECT_PATH_OUTSIDE


def test_no_folder_hides_behind_a_link(tmp_path: Path) -> None:
    write_files(tmp_path, {"node_modules/m/real.json": manifest(miniprogram="../..")})
    (tmp_path / "node_modules/m/package.json").symlink_to("real.json")
    with pytest.raises(StageFailed):
        require_packable(tmp_path)
