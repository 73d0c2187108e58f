"""Convert the image of a QR code to text for the terminal."""

from io import BytesIO

# Each character is two modules, one above the other.
_BLOCKS = {(True, True): " ", (True, False): "▄", (False, True): "▀", (False, False): "█"}
# Two characters are one module, for encodings without blocks: in reverse video, or elsewhere as #.
_REVERSED, _PLAIN = "\x1b[7m  \x1b[0m", "##"
_FINDER = 7  # Modules of a finder pattern, with which each code begins.
_QUIET = 2
_SMALLEST, _LARGEST = 21, 177


def has_blocks(encoding: str) -> bool:
    """Return whether an encoding has the characters of which a code is drawn."""
    try:
        "".join(_BLOCKS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def drawn(image: bytes, *, blocks: bool = True, colours: bool = False) -> str | None:
    """Return the code as lines of text, light on dark; None if no square code is recognised.

    Without `blocks` only ASCII is used; with `colours` for a terminal, in reverse video.
    """
    modules = _modules(image)
    if modules is None:
        return None
    blank = [False] * (len(modules) + 2 * _QUIET)
    side = [False] * _QUIET
    rows = [blank] * _QUIET + [side + row + side for row in modules] + [blank] * (_QUIET + 1)
    if not blocks:
        light = _REVERSED if colours else _PLAIN
        return "\n".join("".join("  " if module else light for module in row) for row in rows[:-1])
    return "\n".join(
        "".join(_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[0::2], rows[1::2], strict=False)
    )


def _modules(image: bytes) -> list[list[bool]] | None:
    from PIL import Image, ImageOps

    try:
        grey = ImageOps.grayscale(Image.open(BytesIO(image)))
    except OSError:  # not an image, or truncated
        return None
    dark = grey.point(lambda value: 255 if value < 128 else 0)  # noqa: PLR2004 half of 255
    box = dark.getbbox()
    if box is None:
        return None
    code = dark.crop(box)
    run = next((x for x in range(code.width) if not code.getpixel((x, 0))), 0)
    if not run:
        return None
    size = run / _FINDER
    count = round(code.width / size)
    if not _SMALLEST <= count <= _LARGEST or (count - _SMALLEST) % 4:
        return None
    step = code.width / count
    centres = [int((index + 0.5) * step) for index in range(count)]
    return [[bool(code.getpixel((x, y))) for x in centres] for y in centres]
