"""What the README tells people to type exists: make targets, subcommands, options, notebooks, files."""

import re
import shlex
from pathlib import Path

import pytest

from reproduce.cli.commands import parser

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def readme() -> str:
    path = ROOT / "README.md"
    assert path.exists(), "README.md is missing"
    return path.read_text(encoding="utf-8")


def commands(readme: str) -> list[str]:
    """Every line of a code block and every `inline` piece that starts like a command of ours."""
    blocks = re.findall(r"```[^\n]*\n(.*?)```", readme, re.S)
    lines = [
        line.split("  #")[0].strip().removeprefix("$ ") for block in blocks for line in block.splitlines()
    ]
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", readme, flags=re.S))
    return [line for line in lines + inline if re.match(r"(make|python -m reproduce|reproduce) \w", line)]


def test_the_two_commands_come_first(readme):
    assert "make figures" in readme and "make test" in readme


def test_every_make_target_exists(readme):
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    named = {
        word for c in commands(readme) if c.startswith("make ") for word in c.split()[1:] if word.isalpha()
    }
    assert named and named <= targets


def test_every_subcommand_and_option_parses(readme):
    seen = 0
    for command in commands(readme):
        words = shlex.split(re.sub(r"[\[\]…]", "", command), comments=True)
        if words[0] == "make" or words[:3] == ["python", "-m", "reproduce.world"]:
            continue
        words = words[3:] if words[0] == "python" else words[1:]
        try:
            parser().parse_args(words)
        except SystemExit as stop:
            assert stop.code == 0, f"the README says {command!r}, which does not parse"
        seen += 1
    assert seen


def test_every_notebook_and_linked_file_exists(readme):
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", readme)
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing
    named = {name for name in re.findall(r"\b(\d\d_\w+)\b(?!\.(?:png|md|csv))", readme)}
    assert named <= {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


def test_the_tree_is_the_packages(readme):
    tree = readme.split("```\nreproduce/\n")[1].split("```")[0]
    named = {word.rstrip("/") for line in tree.splitlines() for word in line.split("   ")[0].split() if line.startswith("  ")}
    rooms = {path.name for path in (ROOT / "reproduce").iterdir() if path.is_dir() and not path.name.startswith("__")}
    files = {path.name for path in (ROOT / "reproduce").glob("*.py") if not path.name.startswith("__")}
    assert named == rooms | files


def test_the_table_of_claims_is_the_ledger_of_the_committed_rows(readme):
    from reproduce.report import ledger

    table = ledger.brief(ledger.ledger(ROOT / "figures" / "bundled"))
    assert table in readme, "python -m reproduce claims --brief prints what belongs there"
