"""Say in one sentence what this machine lacks, before anything is set up.

Runs on any Python 3, also one that is too old for mprelease.
"""

import re
import shutil
import subprocess
import sys

WANTED = (("git", (2, 32)), ("node", (20,)), ("npm", (9,)))


def main():
    """Print one sentence per lack; exit code 1 if there is any."""
    lacks = [lack for lack in [python(), venv(), *map(program, WANTED)] if lack]
    for lack in lacks:
        print(lack, file=sys.stderr)
    sys.exit(1 if lacks else 0)


def python():
    """Look at the Python that runs this."""
    if sys.version_info >= (3, 11):
        return None
    found = ".".join(map(str, sys.version_info[:2]))
    return (
        "Python %s is too old: install Python 3.11 or newer, or name one: make PYTHON=python3.12 …"
        % found
    )


def venv():
    """Look for what makes virtual environments; Debian packs it apart."""
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        return "Python cannot make virtual environments: apt-get install -y python3-venv"
    return None


def program(wanted):
    """Look for a program and its version."""
    name, oldest = wanted
    least = ".".join(map(str, oldest))
    if shutil.which(name) is None:
        return "%s is not installed: install %s %s or newer." % (name, name, least)
    answer = subprocess.run([name, "--version"], stdout=subprocess.PIPE, check=False).stdout
    found = re.search(r"\d+(\.\d+)+", answer.decode(errors="replace"))
    if not found:
        return "%s does not tell its version: install %s %s or newer." % (name, name, least)
    if tuple(map(int, found.group().split("."))) < oldest:
        return "%s %s is too old: install %s or newer." % (name, found.group(), least)
    return None


if __name__ == "__main__":
    main()
