"""The first questions about a build come sooner; later ones, and their number, stay."""

import json
import subprocess
from pathlib import Path

import pytest

from mprelease.platforms.tools import BRIDGES

POLLS = str(BRIDGES / "polls.cjs")
# A clock that runs at once: it notes each pause, and calls what waited longest.
CLOCK = """
const waiting = [];
const pauses = [];
let number = 0;
globalThis.setTimeout = (call, ms, ...rest) => {
  const timer = { number: (number += 1), call: () => call(...rest) };
  pauses.push(ms);
  waiting.push(timer);
  return timer;
};
globalThis.clearTimeout = (timer) => waiting.splice(waiting.indexOf(timer), 1);
globalThis.setInterval = (call, ms) => ({ plain: ms });
globalThis.clearInterval = ({ plain }) => pauses.push(`cleared ${plain}`);
const run = (times) => { while (times-- > 0 && waiting.length) waiting.shift().call(); };
const seen = [];
const end = () => {
  const found = { pauses, left: waiting.length, seen };
  require("node:fs").writeSync(1, JSON.stringify(found));
};
const polls = require(process.argv[1]);
"""


def ran(script: str) -> dict[str, list[object]]:
    words = ["node", "-e", CLOCK + script + "\nend();", POLLS]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


def test_an_interval_is_short_at_first_and_ends_when_it_is_cleared() -> None:
    found = ran(
        """
polls.hastenInterval(1000, [150, 400]);
const one = setInterval((text) => seen.push(text), 1000, "asked");
run(5);
clearInterval(one);
run(5);
const other = setInterval(() => {}, 80);
clearInterval(other);
"""
    )
    assert found["pauses"] == [150, 400, 1000, 1000, 1000, 1000, "cleared 80"]
    assert found["seen"] == ["asked"] * 5
    assert found["left"] == 0


def test_an_interval_may_be_cleared_by_its_own_call() -> None:
    found = ran(
        """
polls.hastenInterval(1000, [150]);
const one = setInterval(() => { seen.push(1); clearInterval(one); }, 1000);
run(5);
"""
    )
    assert found["seen"] == [1]
    assert found["left"] == 0


def test_pauses_are_short_at_first_for_each_thing_that_is_waited_for() -> None:
    found = ran(
        """
const begin = polls.hastenPauses(4000, [1000, 2000]);
const pause = (ms) => setTimeout(() => {}, ms);
pause(4000);
begin();
for (let count = 0; count < 3; count += 1) { pause(4000); pause(50); }
begin();
pause(4000);
"""
    )
    assert found["pauses"] == [4000, 1000, 50, 2000, 50, 4000, 50, 1000]


@pytest.mark.slow
def test_the_rhythm_of_the_real_tools_is_the_one_that_is_hastened(
    douyin_tool: Path, alipay_tool: Path
) -> None:
    """Another version may ask in another rhythm; then nothing is hastened."""
    douyin = (douyin_tool / "node_modules/tt-ide-cli/dist/index.js").read_text(encoding="utf-8")
    alipay = (alipay_tool / "node_modules/minidev/lib/index.js").read_text(encoding="utf-8")
    assert "查询编译进度超时" in douyin
    assert "}),1e3)}))];case 1:return" in douyin
    assert alipay.count(".delay)(4e3)") >= 2
