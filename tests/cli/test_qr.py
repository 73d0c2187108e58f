"""A QR code's image, drawn in the terminal module by module."""

from io import BytesIO

import pytest
import segno
from PIL import Image

from mprelease.cli.qr import drawn
from mprelease.simulator.wechat.protocol import qr_code_jpeg

ADDRESS = "https://open.weixin.qq.com/sns/getexpappinfo?appid=wx0123456789abcdef#wechat-redirect"


def light_modules(drawing: str) -> list[list[bool]]:
    """Take the characters apart again: one is two modules above each other."""
    above = {"█": (True, True), "▀": (True, False), "▄": (False, True), " ": (False, False)}
    rows: list[list[bool]] = []
    for line in drawing.splitlines():
        rows.append([above[each][0] for each in line])
        rows.append([above[each][1] for each in line])
    return rows


@pytest.mark.parametrize("content", ["x", ADDRESS, ADDRESS * 4])
def test_every_module_of_the_code_stands_in_the_terminal(content: str) -> None:
    image = BytesIO()
    code = segno.make(content, error="m", micro=False)
    code.save(image, kind="png", scale=5, border=4)
    drawing = drawn(image.getvalue())
    assert drawing
    quiet = 2
    size = len(code.matrix)
    light = light_modules(drawing)
    shown = [row[quiet : quiet + size] for row in light[quiet : quiet + size]]
    assert shown == [[not module for module in row] for row in code.matrix]


def test_the_jpeg_of_a_platform_is_drawn_too() -> None:
    assert drawn(qr_code_jpeg(ADDRESS))


def test_an_image_without_a_plain_code_is_not_drawn() -> None:
    for colour in ("white", "black", "grey"):
        image = BytesIO()
        Image.new("RGB", (200, 200), colour).save(image, "PNG")
        assert drawn(image.getvalue()) is None
