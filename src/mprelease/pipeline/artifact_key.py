"""The key of a build's output: a digest of all that the build depends on.

docs/caching.md lists what is in it. Everything that the commit's files decide (recipe, lock files,
package manager, Node's version in `.nvmrc`) is in it by the commit's id, so that a key is known
before a file is checked out.
"""

import hashlib
import json
import platform
from collections.abc import Mapping

from mprelease import __version__
from mprelease.domain.projects import ProjectSecret
from mprelease.pipeline.commands import release_variables
from mprelease.pipeline.run import Run

# To be changed when builds of the same inputs would have other outputs.
_FORMAT = "1"
COUNTED = ("MPRELEASE_KIND", "MPRELEASE_VERSION")
"""Variables that most builds do not use: they count where a file or a setting names them."""


def key_of(run: Run, trust: str) -> str:
    """Return the key (hex) of the output of a run after its checkout, built with that trust."""
    app, machine, release = run.job.app, run.machine, run.job.release
    variables = release_variables(run)
    inputs = {
        "format": [_FORMAT, __version__],
        "trust": trust,
        "release": {name: variables[name] for name in variables if name not in COUNTED},
        "settings": app.build.inputs(release.environment),
        "platform": [app.platform, app.project_type],
        "npmrc": run.job.project_secrets.get(ProjectSecret.NPMRC, ""),
        "node": [machine.node.version, machine.node.npm_version, machine.limits.node_memory],
        "machine": [platform.system(), platform.machine(), *platform.libc_ver()],
        "sandbox": machine.sandbox.mode,
        "registry": machine.npm_registry,
        "variables": dict(machine.build_variables),
    }
    text = json.dumps(inputs, sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def counted_values(run: Run, names: frozenset[str]) -> Mapping[str, str]:
    """Return the values that these variables have in a build of the run."""
    variables = release_variables(run)
    return {name: variables[name] for name in sorted(names)}


def named_in_settings(run: Run) -> bool:
    """Return whether a setting of the app names one of the variables COUNTED."""
    settings = json.dumps(run.job.app.build.inputs(run.job.release.environment))
    return any(name in settings for name in COUNTED)
