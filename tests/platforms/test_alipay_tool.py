"""The real minidev behind our bridge, against a simulated Alipay."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alipay_samples import ALIPAY_APP_ID, ALIPAY_PROJECT
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.platforms.alipay.driver import AlipayDriver
from mprelease.platforms.driver import Failure, PublishOrder, Result
from mprelease.simulator.alipay import Alipay, Refusal
from publishing import Publishing

pytestmark = pytest.mark.slow

DRIVER = AlipayDriver()


@pytest.fixture
def publishing(alipay_tool: Path, tmp_path: Path) -> Publishing:
    return Publishing(alipay_tool, tmp_path / "tools", driver=DRIVER)


@pytest.fixture(autouse=True)
def _no_strange_calls(alipay: Alipay) -> Iterator[None]:
    """No telemetry, and nothing else that the simulator does not know."""
    yield
    assert alipay.strange == []

def test_u(publishing, alipay_order, alipay):
    a = publishing.publish(alipay_order)
    print(a); print(publishing.events); print(publishing.lines); print(alipay.received, alipay.versions(ALIPAY_APP_ID), alipay.experience(ALIPAY_APP_ID))
    assert 0
def test_p(publishing, alipay_order, alipay):
    a = publishing.publish(replace(alipay_order, kind=Kind.PREVIEW, launch=LaunchOptions("pages/a","a=1&b=$(id)",1011)))
    print(a); print(publishing.events); print(publishing.lines); print(alipay.received)
    assert 0
@pytest.mark.parametrize("r", list(Refusal))
def test_r(publishing, alipay_order, alipay, r):
    if r in (Refusal.SLOW,Refusal.ENDLESS_BUILD): return
    alipay.refuse(ALIPAY_APP_ID, r)
    a = publishing.publish(alipay_order)
    print(a); print(publishing.events[-3:]); print(publishing.lines[-3:])
    assert 0
