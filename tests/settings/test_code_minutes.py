"""How long QR codes can be scanned, as configured and as drivers know."""

import pytest

from mprelease.domain.codes import UNKNOWN, UNLIMITED, lasting
from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind
from mprelease.platforms.registry import code_lifetime
from mprelease.settings.code_minutes import lifetimes_of
from mprelease.settings.settings import load


def test_minutes_never_and_unknown_are_given_by_platform_and_kind() -> None:
    assert lifetimes_of(" wechat.preview=30,  alipay.upload=never douyin.upload=unknown ") == {
        "wechat.preview": lasting(minutes=30),
        "alipay.upload": UNLIMITED,
        "douyin.upload": UNKNOWN,
    }
    assert lifetimes_of(" ") == {}


@pytest.mark.parametrize(
    "text",
    [
        "25",
        "wechat=25",
        "wechat.preview=0",
        "wechat.preview=",
        "qq.preview=5",
        "wechat.preview=1.5",
    ],
)
def test_anything_else_is_refused_with_an_example(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPRELEASE_CODE_MINUTES", text)
    with pytest.raises(Refused) as refused:
        load()
    parameters = refused.value.problem_detail.parameters
    assert parameters["name"] == "MPRELEASE_CODE_MINUTES"
    assert "wechat.preview=25|never|unknown" in str(parameters["detail"])


def test_the_environment_sets_what_differs_from_what_drivers_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MPRELEASE_CODE_MINUTES", "wechat.preview=30")
    configured = load().code_minutes
    assert code_lifetime(Platform.WECHAT, Kind.PREVIEW, configured) == lasting(minutes=30)
    assert code_lifetime(Platform.WECHAT, Kind.UPLOAD, configured) == UNLIMITED
    assert code_lifetime(Platform.WECHAT, Kind.PREVIEW, {}) == lasting(minutes=25)
    assert code_lifetime(Platform.ALIPAY, Kind.PREVIEW, {}) == lasting(days=6)
    assert code_lifetime(Platform.DOUYIN, Kind.PREVIEW, {}) == UNKNOWN
