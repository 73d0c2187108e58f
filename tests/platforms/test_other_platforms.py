"""What belongs to another platform is refused, and the refusal says what was found."""

import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from alipay_samples import ALIPAY_APP_ID, ALIPAY_PROJECT
from douyin_samples import DOUYIN_APP_ID, DOUYIN_PROJECT, EMAIL, PASSWORD, TOKEN
from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.i18n import Language, Translator
from mprelease.platforms.registry import driver_of
from publishing import APP_ID, PROJECT, write_files

APP_IDS: Mapping[Platform, str] = {
    Platform.WECHAT: APP_ID,
    Platform.ALIPAY: ALIPAY_APP_ID,
    Platform.DOUYIN: DOUYIN_APP_ID,
}
PROJECTS: Mapping[Platform, tuple[Mapping[str, str], str]] = {
    Platform.WECHAT: (PROJECT, "pages/a.wxml"),
    Platform.ALIPAY: (ALIPAY_PROJECT, "pages/a.axml"),
    Platform.DOUYIN: (DOUYIN_PROJECT, "pages/a.ttml"),
}

each_pair = pytest.mark.parametrize(("wanted", "found"), list(itertools.permutations(Platform, 2)))


def credentials(platform: Platform, key: str) -> list[str]:
    """What people are given by a platform, in each of its forms."""
    return {
        Platform.WECHAT: [key, key.replace("RSA ", "")],
        Platform.ALIPAY: [json.dumps({"toolId": "0f3b5c", "privateKey": key})],
        Platform.DOUYIN: [
            json.dumps({"token": TOKEN}),
            json.dumps({"email": EMAIL, "password": PASSWORD}),
        ],
    }[platform]


def names_both(problem_detail: ProblemDetail, wanted: Platform, found: Platform) -> bool:
    for words in map(Translator, Language):
        sentence = words.of(problem_detail.message)
        if not all(words(f"platform.{each}") in sentence for each in (wanted, found)):
            return False
    return True


@each_pair
def test_an_app_id(wanted: Platform, found: Platform) -> None:
    with pytest.raises(Refused) as refused:
        driver_of(wanted).check_app_id(APP_IDS[found])
    problem_detail = refused.value.problem_detail
    assert problem_detail.problem is Problem.APP_ID_OF_OTHER_PLATFORM
    assert problem_detail.parameters == {"app_id": APP_IDS[found], "found": found, "wanted": wanted}
    assert names_both(problem_detail, wanted, found)


@each_pair
def test_a_credential(wanted: Platform, found: Platform, key: str) -> None:
    for given in credentials(found, key):
        with pytest.raises(Refused) as refused:
            driver_of(wanted).read_credential(given.encode())
        problem_detail = refused.value.problem_detail
        assert problem_detail.problem is Problem.CREDENTIAL_OF_OTHER_PLATFORM
        assert problem_detail.parameters == {"found": found, "wanted": wanted}
        assert names_both(problem_detail, wanted, found)


@each_pair
def test_an_output(wanted: Platform, found: Platform, tmp_path: Path) -> None:
    files, page = PROJECTS[found]
    with pytest.raises(StageFailed) as failed:
        driver_of(wanted).validate_output(write_files(tmp_path, files), ProjectType.MINI_PROGRAM)
    problem_detail = failed.value.problem_detail
    assert problem_detail.problem is Problem.OUTPUT_OF_OTHER_PLATFORM
    assert problem_detail.parameters == {"found": found, "file": page, "wanted": wanted}
    assert names_both(problem_detail, wanted, found)


@pytest.mark.parametrize("platform", list(Platform))
def test_what_is_its_own_is_taken(platform: Platform, tmp_path: Path, key: str) -> None:
    driver = driver_of(platform)
    assert driver.check_app_id(APP_IDS[platform]) == APP_IDS[platform]
    for given in credentials(platform, key):
        assert driver.read_credential(given.encode())
    everything = {name: text for files, _ in PROJECTS.values() for name, text in files.items()}
    driver.validate_output(write_files(tmp_path, everything), ProjectType.MINI_PROGRAM)
