"""The same faults for `mprelease worker` itself, with WeChat's real tool and a simulated WeChat."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from chaos.run import Outcome, Task, run_at
from chaos.stages import options_of
from chaos.vendor import Entry
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.sample import make_sample
from mprelease.simulator.wechat import WeChat

_TOOLS = Path(__file__).parents[2] / ".cache" / "tools"


def run_real(shape: str, task: Task, folder: Path) -> Outcome:
    """Run real releases in one shape; from the main thread."""
    wechat = WeChat(folder / "received")
    with Simulator(folder / "simulator", [wechat]) as simulator:
        repository = make_sample(folder / "sample")
        return run_at(RealVendor(wechat, simulator, repository), shape, task, folder)


class RealVendor:
    """A simulated WeChat, as workers see it; descriptions name what arrives."""

    worker: Sequence[str] = ("mprelease", "worker", "--slots", "1")
    ref: str | None = "main"

    def __init__(self, wechat: WeChat, simulator: Simulator, repository: Path) -> None:
        """Take the service, the proxy that leads to it, and what is released."""
        self._wechat = wechat
        self.repository = str(repository)
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self.environment: Mapping[str, str] = {
            "MPRELEASE_TOOLS_DIR": str(_TOOLS),
            **kept,
            "MPRELEASE_VENDOR_PROXY": simulator.proxy_url,
            "MPRELEASE_EXTRA_CA_CERTS": str(simulator.ca_file),
        }

    @property
    def entries(self) -> Sequence[Entry]:
        """Return what has arrived so far, in order."""
        return [
            Entry(options_of(one.description)["key"], one.kind, one.app_id, one.version, one.at)
            for one in self._wechat.received
        ]

    def register(self, app_id: str, upload_key: str) -> None:
        """Make an app known."""
        self._wechat.register(app_id, upload_key)


_KEPT = ("MPRELEASE_TOOLS_DIR", "MPRELEASE_NPM_REGISTRY")
