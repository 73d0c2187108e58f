"""Caches of bundlers: switched on for Taro, and compared with builds without them.

Webpack's filesystem cache makes Taro's builds two to three times faster, and public reports
describe wrong output with it. So it is off unless the project or the app says otherwise, and now
and then a build that has used caches is repeated without: a difference switches them off for the
app.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from mprelease.domain.apps import BundlerCache
from mprelease.domain.problems import Message
from mprelease.pipeline.recipes import Framework, Recipe
from mprelease.pipeline.run import Run
from mprelease.process.ownership import chown_tree
from mprelease.process.tree_digest import file_digests

_LEFT_OUT = frozenset({"node_modules", ".git"})
_MOST_NAMED = 5
_LONG_BUILD_SECONDS = 5.0
# Taro 4 reads this folder of HOME (@tarojs/service 4.2.1, Config.initGlobalConfig), and takes
# only plugins with such a name for `taro build` (filterGlobalConfig).
_TARO_FOLDER = ".taro-global-config"
_TARO_PLUGIN = "@jdtaro/plugin-build-cache/index.js"
_TARO_CODE = """\
module.exports = (ctx) => {
  ctx.modifyRunnerOpts(({ opts }) => {
    opts.cache = { ...opts.cache, enable: true }
  })
}
"""


def switch_on(run: Run) -> None:
    """Let Taro use webpack's cache if the app's setting is `on`; HOME must be new."""
    if run.job.app.build.bundler_cache is not BundlerCache.ON:
        return
    folder = run.workspace.home / _TARO_FOLDER
    plugin = folder / _TARO_PLUGIN
    plugin.parent.mkdir(parents=True)
    plugin.write_text(_TARO_CODE, encoding="utf-8")
    settings = {"plugins": [str(run.workspace.seen(plugin))]}
    (folder / "index.json").write_text(json.dumps(settings), encoding="utf-8")
    if run.uid is not None:
        chown_tree(folder, run.uid)


def offer(run: Run, recipe: Recipe, seconds: float) -> None:
    """Log that a build of so many seconds, which has cached nothing, could be faster."""
    is_off = run.job.app.build.bundler_cache is BundlerCache.PROJECT
    if is_off and recipe.framework is Framework.TARO and seconds > _LONG_BUILD_SECONDS:
        run.note("log.bundler_cache_offer", seconds=round(seconds))


def compared(run: Run, output: Path, build_cold: Callable[[], Path]) -> Path:
    """Repeat a build without caches, and return its output, which is certainly right.

    If the two differ, the app's builds use no caches from now on, and the release gets a warning.
    Files that differ between two builds without caches count for nothing: they hold the time, for
    example.
    """
    run.note("log.comparing_caches")
    cached = file_digests(output, _LEFT_OUT)
    output = build_cold()
    cold = file_digests(output, _LEFT_OUT)
    different = _different(cached, cold)
    if different:
        output = build_cold()
        different -= _different(cold, file_digests(output, _LEFT_OUT))
    if different:
        named = ", ".join(sorted(different)[:_MOST_NAMED])
        run.recorder.stop_bundler_cache()
        parameters: dict[str, str | int] = {"count": len(different), "files": named}
        run.recorder.warned(Message("warning.bundler_cache_differs", parameters))
    else:
        run.note("log.caches_agree")
    return output


def _different(one: Mapping[str, str], other: Mapping[str, str]) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
