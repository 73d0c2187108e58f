"""What was accepted, kept on disk for whoever wants to look at it."""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

from mprelease.simulator.wechat.received import Received


class Shelf:
    """Keep the newest version of each robot: `APP_ID/KIND-robot-N.zip`, with a `.json` beside."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which is made when the first version arrives."""
        self._folder = folder

    def keep(self, received: Received) -> None:
        """Put a version in the place of the one that the same robot brought before."""
        folder = self._folder / received.app_id
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{received.kind}-robot-{received.robot}"
        partial = folder / f"{name}.partial"
        with zipfile.ZipFile(partial, "w") as archive:
            for path, content in sorted(received.files.items()):
                archive.writestr(path, content)
        partial.replace(folder / f"{name}.zip")
        (folder / f"{name}.json").write_text(_description(received), encoding="utf-8")


def _description(received: Received) -> str:
    facts = {key: value for key, value in asdict(received).items() if key != "files"}
    return json.dumps(facts, ensure_ascii=False, indent=2)
