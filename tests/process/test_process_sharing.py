"""What others have to read is opened to them, and nothing else."""

from pathlib import Path

from mprelease.process.permissions import let_others_read


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_everything_in_a_folder_may_be_read_and_run_and_nothing_written(tmp_path: Path) -> None:
    folder = tmp_path / "managers"
    (folder / "bin").mkdir(parents=True)
    for path, before in (("bin/pnpm", 0o700), ("pack", 0o400), ("text", 0o600)):
        (folder / path).touch()
        (folder / path).chmod(before)
    for each in (folder, folder / "bin"):
        each.chmod(0o700)
    let_others_read(folder)
    assert {mode(each) for each in (folder, folder / "bin", folder / "bin/pnpm")} == {0o755}
    assert [mode(folder / name) for name in ("pack", "text")] == [0o444, 0o644]


def test_what_a_link_leads_to_stays_closed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(0o600)
    folder = tmp_path / "managers"
    folder.mkdir()
    (folder / "link").symlink_to(secret)
    (folder / "broken").symlink_to("nowhere")
    let_others_read(folder)
    assert mode(secret) == 0o600


def test_what_others_could_change_they_can_no_longer(tmp_path: Path) -> None:
    folder = tmp_path / "tool"
    folder.mkdir()
    (folder / "index.js").touch()
    (folder / "index.js").chmod(0o666)
    folder.chmod(0o777)
    let_others_read(folder)
    assert (mode(folder), mode(folder / "index.js")) == (0o755, 0o644)
