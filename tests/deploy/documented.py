"""The commands of docs/deploy.md: each is run by a test, or named with the reason why none does."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = "docs/deploy.md"
IN_SENTENCES = ("docker ", "make ", "mprelease ")


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def commands(document: str) -> list[str]:
    """List the commands of a document: of its blocks for a shell, and of its sentences.

    What stands in braces, with the file that it writes, is one command.
    """
    text = text_of(document)
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    found = [
        command.strip()
        for block in blocks
        for command in re.findall(r"^\{\n[\s\S]*?^\}.*$|^.+$", block, re.MULTILINE)
    ]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    quoted = [re.sub(r"\s+", " ", each) for each in re.findall(r"`([^`]+)`", prose)]
    inline = [each for each in quoted if " " in each and each.startswith(IN_SENTENCES)]
    return list(dict.fromkeys([*found, *inline]))


def documented(command: str) -> str:
    """Return a command that a test runs, exactly as the document has it."""
    assert command in commands(DOCUMENT), command
    return command


def run_by_tests() -> dict[str, set[str]]:
    """Return by command the tests, or their fixtures, that name it to `documented`."""
    found: dict[str, set[str]] = {}
    for file in sorted(Path(__file__).parent.glob("*.py")):
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                for command in _named_in(function):
                    found.setdefault(command, set()).add(f"{file.stem}.{function.name}")
    return found


def _named_in(function: ast.FunctionDef) -> list[str]:
    return [
        str(call.args[0].value)
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "documented"
        and isinstance(call.args[0], ast.Constant)
    ]
