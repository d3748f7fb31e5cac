"""The pages name what there is: every command, every option, every file of a bundle."""

from pathlib import Path

import pytest
import typer
from typer.main import get_command

from sparsearch.cli import app

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _commands(group: object, prefix: str = "") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, command in getattr(group, "commands", {}).items():
        if hasattr(command, "commands"):
            found |= _commands(command, f"{prefix}{name} ")
        else:
            found[prefix + name] = [
                option for parameter in command.params for option in parameter.opts if option.startswith("--")
            ]
    return found


COMMANDS = _commands(get_command(app))


def test_there_are_commands_to_document() -> None:
    assert isinstance(app, typer.Typer) and len(COMMANDS) == 23
    assert sum(map(len, COMMANDS.values())) > 60


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_and_option_is_on_its_page(command: str) -> None:
    page = (DOCS / "cli.md").read_text()
    assert f"`{command}`" in page
    general = {"--help", "--json", "--img_size", "--target", "--state", "--limit", "--max-ms", "--output"}
    assert [option for option in COMMANDS[command] if option not in general and f"{option}" not in page] == []


def test_the_page_of_bundles_names_every_file_that_one_holds() -> None:
    page = (DOCS / "export.md").read_text()
    for name in ("finetune.py", "plan.json", "manifest.json", "latency_samples.json", "report.html", "metafile.yml"):
        assert f"`{name}`" in page
