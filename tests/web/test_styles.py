"""Tabler's style sheet, without what no page uses (see hatch_build.py)."""

import re

from mprelease.web.assets import STATIC

TEMPLATES = STATIC.with_name("templates")
TABLER = STATIC / "vendor/tabler.css"
# Completed by values: states and kinds. What begins with `btn-` is kept in purgecss.config.cjs.
OF_TABLER = {"btn-", "btn-outline-"}
OURS = {"m-", "chip-", "state-", "dot-", "segment-", "series-", "fill-"}


def class_lists() -> list[str]:
    found = [re.findall(r'class="([^"]*)"', one.read_text()) for one in TEMPLATES.glob("*.html")]
    return [one for each in found for one in each]


def test_it_has_the_classes_that_templates_name() -> None:
    styles = TABLER.read_text()
    named = {name for each in class_lists() for name in re.sub(r"{[{%].*?[%}]}", " ", each).split()}
    of_tabler = {"btn", "card", "badge", "alert", "form-control", "d-flex", "text-secondary"}
    assert of_tabler <= named
    assert {name for name in of_tabler if f".{name}" not in styles} == set()


def test_it_has_the_classes_that_templates_complete() -> None:
    prefixes = {one for each in class_lists() for one in re.findall(r"([\w-]+-){{", each)}
    assert prefixes <= OF_TABLER | OURS, "keep their classes in purgecss.config.cjs"
    styles = TABLER.read_text()
    for kind in ("primary", "danger"):
        assert f".btn-{kind}" in styles
        assert f".btn-outline-{kind}" in styles


def test_it_has_both_themes_and_every_variable_that_our_own_styles_use() -> None:
    styles, own = TABLER.read_text(), "".join(each.read_text() for each in STATIC.glob("*.css"))
    assert "[data-bs-theme=dark]" in styles
    used = set(re.findall(r"var\((--[\w-]+)\)", own))
    assert used > {"--tblr-primary"}
    assert {each for each in used if f"{each}:" not in styles + own} == set()


def test_it_is_a_tenth_of_what_tabler_brings() -> None:
    assert TABLER.stat().st_size < 100_000
