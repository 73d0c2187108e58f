"""A repository that wants the key gets nothing from the real minidev behind our bridge."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from alipay_samples import ALIPAY_DRIVER as DRIVER
from alipay_samples import accepted, failed
from mprelease.domain.releases import Kind
from mprelease.platforms.alipay.credential import opened
from mprelease.platforms.alipay.driver import AlipayDriver
from mprelease.platforms.driver import PublishOrder
from mprelease.simulator.alipay import Alipay
from publishing import Publishing, in_a_minute, write_files

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
    trouble = failed(careless.publish(replace(alipay_plain, kind=kind))).error.trouble
    assert "may not run" in str(trouble.parameters["detail"])
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


@pytest.mark.parametrize("kind", list(Kind))
def test_the_credential_is_nowhere_on_disk_and_in_no_line(
    alipay_publishing: Publishing, alipay_order: PublishOrder, kind: Kind
) -> None:
    seen: list[str] = []

    def at_ready() -> str:
        seen.extend(_texts_below(alipay_order.scratch))
        seen.extend(_processes_with(str(alipay_order.scratch)))
        return DRIVER.go_line(in_a_minute())

    order = replace(alipay_order, kind=kind, compile_settings={"experience": False})
    alipay_publishing.publish(order, at_ready)
    seen += [
        *alipay_publishing.lines,
        *_texts_below(order.scratch),
        *map(str, alipay_publishing.events),
    ]
    lines = opened(order.account.credential).private_key.splitlines()[1:-1]
    assert len(seen) > 5
    assert not [line for line in lines if any(line in text for text in seen)]


def _texts_below(folder: Path) -> list[str]:
    return [path.read_text("latin-1") for path in folder.rglob("*") if path.is_file()]


def _processes_with(text: str) -> list[str]:
    """Return arguments and environments of all processes that know the text."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = [(process / name).read_text("latin-1") for name in ("cmdline", "environ")]
        except OSError:
            continue
        found += [each for each in said if text in each]
    assert found
    return found
