import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import segno
from PIL import Image

from douyin_samples import DOUYIN_APP_ID, LOGIN_CREDENTIAL, PASSWORD, TOKEN
from mprelease.domain.codes import UNLIMITED, ending
from mprelease.domain.problems import Message
from mprelease.domain.releases import Sizes
from mprelease.platforms.douyin.driver import DouyinDriver
from mprelease.platforms.douyin.events import event_of
from mprelease.platforms.driver import Account, PublishOrder, Result, ToolEnvironment
from mprelease.platforms.images import draw_qr_code
from publishing import ORDER

URL = "https://z.douyin.com/aBcDeF"
SIZES = {
    "main": {"path": "/built/", "size": 20},
    "sub": [{"path": "sub/", "size": 10}],
    "total": 30,
}


def result(**facts: object) -> Result:
    common = {"event": "result", "shortUrl": URL, "expireTime": -1}
    order = replace(ORDER, account=Account(DOUYIN_APP_ID, TOKEN))
    event = event_of(json.dumps({**common, "sizes": SIZES, "detail": None, **facts}), order)
    assert isinstance(event, Result)
    return event


def test_the_code_is_drawn_from_the_short_address_on_white() -> None:
    publication = result().publication
    assert publication.qr_code == draw_qr_code(URL)
    with Image.open(io.BytesIO(publication.qr_code or b"")) as image:
        assert image.format == "PNG"
        picture = image.convert("RGBA")
    assert picture.getpixel((0, 0)) == (255, 255, 255, 255)
    colours = {colour for _, colour in picture.getcolors() or []}
    black = (0, 0, 0, 255)
    assert colours == {black, (255, 255, 255, 255)}
    modules = segno.make(URL, error="m", micro=False).matrix
    seen = [
        [
            picture.getpixel(((x + 4) * 8, (y + 4) * 8)) == (0, 0, 0, 255)
            for x in range(len(modules))
        ]
        for y in range(len(modules))
    ]
    assert seen == [[bool(dark) for dark in row] for row in modules]


def test_the_time_at_which_a_code_ends_is_kept() -> None:
    assert result(expireTime=-1).publication.lifetime == UNLIMITED
    assert result(expireTime=0).publication.lifetime is None
    assert result(expireTime=1795406400).publication.lifetime == ending(1_795_406_400_000)


def test_an_upload_without_a_code_is_a_success_with_a_hint() -> None:
    answer = result(shortUrl=None, detail="busy")
    assert answer.hints == (Message("hint.douyin_no_qr_code", {"detail": "busy"}),)
    assert answer.publication.qr_code is None


def test_sizes_are_those_of_the_tool() -> None:
    assert result().publication.sizes == Sizes(30, 20, {"sub/": 10})


@pytest.mark.parametrize("credential", [None, LOGIN_CREDENTIAL])
def test_no_credential_stands_on_the_command_line_or_in_the_environment(
    douyin_order: PublishOrder, tmp_path: Path, credential: str | None
) -> None:
    tool_environment = ToolEnvironment(
        tmp_path, "/usr/bin/node", Path("/usr"), douyin_order.route.extra_ca
    )
    command = DouyinDriver().command(tool_environment, douyin_order.scratch, 60)
    seen = " ".join((*command.arguments, *command.environment.values()))
    for secret in (TOKEN, PASSWORD, credential or ""):
        assert not secret or secret not in seen
    assert TOKEN in DouyinDriver().order_line(douyin_order)
    assert TOKEN not in repr(douyin_order)
