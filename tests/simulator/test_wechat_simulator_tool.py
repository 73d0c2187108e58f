import json
import os
import random
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from mprelease.domain.releases import LaunchOptions
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.vendor_service import Fault
from mprelease.simulator.wechat import WeChat
from wechat_client import APP_ID

pytestmark = pytest.mark.slow

PROJECT: Mapping[str, str] = {
    "project.config.json": '{"setting":{"es6":true,"minified":true}}',
    "app.json": '{"pages":["pages/a"],"subPackages":[{"root":"sub","pages":["b"]}]}',
    "app.js": "App({ onLaunch() { const text = `1`; console.log(text) } })",
    **{f"{page}.json": "{}" for page in ("pages/a", "sub/b")},
    **{f"{page}.js": "Page({})" for page in ("pages/a", "sub/b")},
    **{f"{page}.wxml": "<view>你好</view>" for page in ("pages/a", "sub/b")},
}


@dataclass(frozen=True)
class Tool:
    program: Path
    folder: Path
    simulator: Simulator

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        fixed = ["--pp", str(self.folder / "app"), "--pkp", str(self.folder / "key.pem")]
        return subprocess.run(
            [_node(), str(self.program), *arguments, *fixed, "--appid", APP_ID],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder),
                "HTTPS_PROXY": self.simulator.proxy_url,
                "NODE_EXTRA_CA_CERTS": str(self.simulator.ca_file),
            },
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


def _node() -> str:
    node = shutil.which("node")
    assert node is not None
    return node


@pytest.fixture
def tool(wechat_tool: Path, simulator: Simulator, key: str, tmp_path: Path) -> Tool:
    folder = tmp_path / "tool"
    for name, content in PROJECT.items():
        file = folder / "app" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    (folder / "key.pem").write_text(key)
    program = wechat_tool / "node_modules/miniprogram-ci/bin/miniprogram-ci.js"
    return Tool(program, folder, simulator)


def test_the_real_tool_uploads_and_fetches_its_source_maps(tool: Tool, wechat: WeChat) -> None:
    done = tool.run(
        "upload", "--uv", "1.0.1", "--ud", "a & b", "-r", "3", "--use-project-config", "true"
    )
    assert done.returncode == 0, done.stdout
    (received,) = wechat.received
    assert (received.version, received.description, received.robot) == ("1.0.1", "a & b", 3)
    assert set(PROJECT) <= set(received.files)
    assert set(received.sizes.packages) == {"/sub/"}

    archive = tool.folder / "maps.zip"
    done = tool.run("get-dev-source-map", "-r", "3", "--source-map-save-path", str(archive))
    assert done.returncode == 0, done.stdout
    maps = {name: text for name, text in received.files.items() if name.endswith(".js.map")}
    with zipfile.ZipFile(archive) as fetched:
        names = [name for name in fetched.namelist() if not name.endswith("/")]
        assert {name.removeprefix("./"): fetched.read(name) for name in names} == maps


def test_the_real_tool_makes_a_preview(tool: Tool, wechat: WeChat) -> None:
    image = tool.folder / "qr.jpg"
    launch = ["--preview-page-path", "pages/a", "--preview-search-query", "x=1&y=2"]
    launch += ["--scene", "1047"]
    code = ["--qrcode-format", "image", "--qrcode-output-dest", str(image)]
    done = tool.run("preview", "--uv", "1", "-r", "2", *launch, *code)
    assert done.returncode == 0, done.stdout
    with Image.open(image) as opened:
        assert opened.format == "JPEG"
    assert wechat.received[0].launch == LaunchOptions("pages/a", "x=1&y=2", 1047)


def test_the_real_tool_falls_back_to_the_plain_upload_for_a_large_pack(
    tool: Tool, wechat: WeChat
) -> None:
    roots = [f"large{number}" for number in range(4)]
    app = {"pages": ["pages/a"], "subPackages": [{"root": r, "pages": ["b"]} for r in roots]}
    (tool.folder / "app/app.json").write_text(json.dumps(app))
    for root in roots:
        shutil.copytree(tool.folder / "app/sub", tool.folder / "app" / root)
        noise = random.Random(root).randbytes(1_600_000)
        (tool.folder / "app" / root / "noise.png").write_bytes(noise)
    done = tool.run("upload", "--uv", "1.0.1", "--use-project-config", "true")
    assert done.returncode == 0, done.stdout
    assert "fallback to http way" in done.stdout
    assert wechat.received[0].sizes.full > 6_400_000


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault.BAD_IP, '20003 Error: {"errCode":-10008,"errMsg":"invalid ip: 127.0.0.1, '),
        (Fault.TOO_LARGE, "main package source size 2580KB exceed max limit 2048KB"),
        (Fault.SERVER_ERROR, "20003 SyntaxError: Unexpected token '<'"),
        (Fault.CONNECTION_CUT, "20003 Error: aborted"),
    ],
)
def test_the_real_tool_reports_a_fault(tool: Tool, wechat: WeChat, fault: Fault, text: str) -> None:
    wechat.set_fault(APP_ID, fault)
    done = tool.run("upload", "--uv", "1.0.1", "--use-project-config", "true")
    assert done.returncode != 0
    assert text in done.stdout
