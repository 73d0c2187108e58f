"""A repository that wants the key gets nothing from the real minidev behind our bridge."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mprelease.domain.releases import Kind
from mprelease.platforms.alipay.driver import AlipayDriver
from mprelease.platforms.driver import PublishOrder
from mprelease.simulator.alipay import Alipay
from publishing import Publishing, accepted, failed, write_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

HOOK = "cat /proc/$PPID/environ > {out}; cat /proc/$PPID/cmdline >> {out}; touch {out}"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_repository_that_hunts_for_the_key_in_its_hooks_runs_nothing(
    alipay_publishing: Publishing,
    alipay_plain: PublishOrder,
    alipay: Alipay,
    tmp_path: Path,
    kind: Kind,
) -> None:
    out = tmp_path / "stolen"
    hooks = dict.fromkeys(("beforeUpload", "beforePreview", "watch"), HOOK.format(out=out))
    write_files(
        alipay_plain.built, {"mini.project.json": json.dumps({"format": 2, "scripts": hooks})}
    )
    accepted(alipay_publishing.publish(replace(alipay_plain, kind=kind)))
    assert not out.exists()
    assert b"stolen" not in b"".join(alipay.received[0].files.values())


@pytest.mark.parametrize("kind", list(Kind))
def test_a_hook_that_was_overlooked_is_refused_when_it_is_run(
    alipay_publishing: Publishing,
    alipay_plain: PublishOrder,
    alipay: Alipay,
    tmp_path: Path,
    kind: Kind,
) -> None:
    out = tmp_path / "stolen"
    command = HOOK.format(out=out)
    hooks = {"beforeUpload": command, "beforePreview": command}

    class Careless(AlipayDriver):
        def prepare(self, order: PublishOrder) -> None:
            """Leave the hooks."""

    write_files(
        alipay_plain.built, {"mini.project.json": json.dumps({"format": 2, "scripts": hooks})}
    )
    careless = replace(alipay_publishing, driver=Careless())
    problem_detail = failed(careless.publish(replace(alipay_plain, kind=kind))).error.problem_detail
    assert "may not run" in str(problem_detail.parameters["detail"])
    assert not out.exists()
    assert alipay.received == []


def test_a_configuration_in_the_repository_sends_nothing_elsewhere(
    alipay_publishing: Publishing, alipay_plain: PublishOrder, alipay: Alipay
) -> None:
    elsewhere = {"IDE_SERVICE": "https://127.0.0.1:9"}
    config = {"env": {"prod": {"hosts": elsewhere}}, "proxy": {"https": "http://127.0.0.1:9"}}
    write_files(alipay_plain.built, {".minidev/config.json": json.dumps(config)})
    accepted(alipay_publishing.publish(alipay_plain))
    assert len(alipay.received) == 1
