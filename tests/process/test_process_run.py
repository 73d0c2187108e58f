import threading
import time
from enum import StrEnum
from pathlib import Path

import pytest

from mprelease.process.command import Command
from mprelease.process.tree import Exit, Running, Stop, run, start
from process_trees import PATH, FollowedRelease, output, python, shell, wait_until

ENDED_WELL = Exit(0, timed_out=False, stopped=False)


def test_lines_of_both_outputs_arrive_in_order() -> None:
    ended, lines = output(shell("echo one; echo two >&2; printf 'three'"))
    assert ended == ENDED_WELL
    assert lines == ["one", "two", "three"]


def test_a_line_arrives_while_the_command_still_runs() -> None:
    watched = FollowedRelease(shell("echo early; read answer; echo $answer"))
    wait_until(lambda: watched.lines == ["early"])
    watched.running.send("late")
    assert watched.running.wait() == ENDED_WELL
    assert watched.lines == ["early", "late"]


def test_standard_input_is_given_and_ended() -> None:
    lines: list[str] = []
    command = Command(("cat",), Path("/"), {"PATH": PATH}, 20)
    run(command, stop=Stop(), on_line=lines.append, stdin="a\nb 发布\n")
    assert lines == ["a", "b 发布"]


def test_a_command_without_input_reads_its_end_at_once() -> None:
    assert output(shell("cat"))[0] == ENDED_WELL


def test_writing_to_a_command_that_has_ended_is_silent() -> None:
    watched = FollowedRelease(shell("exec true"))
    watched.running.wait()
    watched.running.send("nobody reads this")
    watched.running.close_input()


def test_events_have_a_descriptor_of_their_own() -> None:
    lines: list[str] = []
    events: list[str] = []
    running = start(
        shell("echo out; echo err >&2; echo event >&3"),
        stop=Stop(),
        on_line=lines.append,
        on_event=events.append,
    )
    assert running.wait() == ENDED_WELL
    assert (lines, events) == (["out", "err"], ["event"])


def test_a_listener_may_answer_an_event() -> None:
    lines: list[str] = []
    answered: list[Running] = []
    ready = threading.Event()

    def answer(_event: str) -> None:
        ready.wait(5)
        answered[0].send("go")

    running = start(
        shell("echo ready >&3; read word; echo got $word"),
        stop=Stop(),
        on_line=lines.append,
        on_event=answer,
    )
    answered.append(running)
    ready.set()
    running.wait()
    assert lines == ["got go"]


@pytest.mark.parametrize("with_events", [False, True])
def test_no_other_descriptor_reaches_the_command(*, with_events: bool) -> None:
    lines: list[str] = []
    probe = "import os; print([n for n in range(99) if os.path.exists(f'/proc/self/fd/{n}')])"
    started = start(
        python(probe),
        stop=Stop(),
        on_line=lines.append,
        on_event=lines.append if with_events else None,
    )
    started.wait()
    assert lines == ["[0, 1, 2, 3]" if with_events else "[0, 1, 2]"]


def test_only_the_given_environment_reaches_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MPRELEASE_MASTER_KEY", "secret")
    command = Command(("/usr/bin/env",), Path("/"), {"ONE": "1"}, 20)
    assert output(command)[1] == ["ONE=1"]


def test_no_signal_is_blocked_or_ignored_for_the_command() -> None:
    _, lines = output(shell("grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f2"))
    of_glibc = 0b11 << 31  # signals 32 and 33: no program can set them back
    assert [int(line, 16) & ~of_glibc for line in lines] == [0, 0]


def test_arguments_are_data_and_never_a_shell_line() -> None:
    command = Command(("printf", "%s\n", "$(id) ; 'x' \udcff"), Path("/"), {"PATH": PATH}, 20)
    assert output(command)[1] == ["$(id) ; 'x' �"]


def test_the_exit_code_is_told() -> None:
    assert output(shell("exit 7"))[0] == Exit(7, timed_out=False, stopped=False)


def test_death_by_a_signal_is_told_as_a_shell_does() -> None:
    assert output(shell("kill -9 $$"))[0] == Exit(137, timed_out=False, stopped=False)


def test_a_missing_command_is_127_and_says_so() -> None:
    ended, lines = output(Command(("no-such-tool",), Path("/"), {"PATH": PATH}, 20))
    assert ended.code == 127
    assert lines == ["mprelease: cannot start no-such-tool: No such file or directory"]


def test_a_missing_folder_is_126_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    ended, lines = output(shell("true", folder=folder))
    assert ended.code == 126
    assert lines == [f"mprelease: cannot enter the folder {folder}: No such file or directory"]


def test_a_script_that_kills_its_process_group_does_not_reach_the_supervisor() -> None:
    assert output(shell("echo bye; kill -9 0"))[0] == Exit(137, timed_out=False, stopped=False)


def test_ten_thousand_lines_arrive_within_a_second() -> None:
    # The fastest of three: others may have the processors meanwhile.
    assert min(_seconds_for_ten_thousand_lines() for _ in range(3)) < 1


def _seconds_for_ten_thousand_lines() -> float:
    began = time.monotonic()
    _, lines = output(shell("seq 1 10000"))
    assert lines == [str(number) for number in range(1, 10001)]
    return time.monotonic() - began


def test_a_member_of_an_enum_is_a_string_like_any_other() -> None:
    class Mood(StrEnum):
        GOOD = "good"

    assert output(shell("echo $MOOD", environment={"MOOD": Mood.GOOD}))[1] == ["good"]
