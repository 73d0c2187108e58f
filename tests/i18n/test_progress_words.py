"""The remaining time of a release in words."""

from dataclasses import replace

import pytest

from mprelease.domain.releases import Estimate, QueuePlace, Stage, StageRecord, State, WaitReason
from mprelease.i18n import Language, Translator
from mprelease.i18n.progress import progress, remaining
from releases_of_tests import RUNNING

ENGLISH, CHINESE = Translator(Language.ENGLISH), Translator(Language.CHINESE)
ESTIMATED = replace(
    RUNNING,
    estimate=Estimate({Stage.BUILD: 14_000}, 3),
    stages=(StageRecord(Stage.BUILD),),
)


@pytest.mark.parametrize(
    ("milliseconds", "english", "chinese"),
    [
        (14_000, "about 14 s left", "还需约 14 秒"),
        (13_001, "about 14 s left", "还需约 14 秒"),
        (0, "almost done", "即将完成"),
        (89_000, "about 89 s left", "还需约 89 秒"),
        (180_000, "about 3 min left", "还需约 3 分钟"),
    ],
)
def test_remaining_time(milliseconds: int, english: str, chinese: str) -> None:
    assert remaining(ENGLISH, milliseconds) == english
    assert remaining(CHINESE, milliseconds) == chinese


def test_a_running_release_shows_what_remains_or_how_slow_it_is() -> None:
    assert progress(CHINESE, ESTIMATED, 0) == "还需约 14 秒"
    assert progress(CHINESE, ESTIMATED, 28_000) == "比平时慢 2 倍"
    assert progress(ENGLISH, ESTIMATED, 21_000) == "1.5× the usual time"
    assert progress(ENGLISH, RUNNING, 0) is None


def test_a_queued_release_shows_how_long_it_takes_once_it_has_started() -> None:
    place = QueuePlace(2, "default", WaitReason.SLOT)
    queued = replace(ESTIMATED, state=State.QUEUED, started_at=None, queue=place)
    assert progress(ENGLISH, queued, 0) == "about 14 s once it starts"
    assert progress(CHINESE, queued, 0) == "开始后约需 14 秒"
    assert progress(ENGLISH, replace(queued, estimate=None), 0) is None
