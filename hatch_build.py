"""Compile the message catalogs when the package is built or installed for editing."""

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogHook(BuildHookInterface[Any]):
    """Put the compiled catalogs beside their sources, from where hatch takes them along."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile every catalog."""
        compile_catalogs(Path(self.root))


def compile_catalogs(root: Path) -> None:
    """Compile each `.po` file of the package to the `.mo` file beside it."""
    for source in sorted((root / "src/mprelease/i18n/locales").glob("*/LC_MESSAGES/*.po")):
        with source.open("rb") as stream:
            catalog = read_po(stream)
        with source.with_suffix(".mo").open("wb") as stream:
            write_mo(stream, catalog)


if __name__ == "__main__":
    compile_catalogs(Path(__file__).parent)
