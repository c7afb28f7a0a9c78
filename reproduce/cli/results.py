"""What is said and made of the rows that runs have left: `claims` and `report`. No model, no torch."""

from __future__ import annotations

from pathlib import Path

from .. import report as tables
from ..diffusion import profiles
from ..engine import study
from ..report import ledger, rebuild


def claims(options) -> int:
    """Print whose rows are judged, then the ledger, and under it the rule and where every margin is from."""
    where = folder(options)
    lines = ledger.ledger(where)
    if options.brief:
        print(ledger.brief(lines), end="")
        return 0
    print("\n".join(ledger.whose(where)) + "\n")
    print(tables.table_markdown(lines, {"paper": "paper"} | ledger.HEADS, ledger.notes(lines)))
    return 0


def report(options) -> int:
    """Make every table and figure; status 1 where rows are damaged, which keeps no other artefact from being made."""
    where = folder(options)
    done = rebuild.rebuild(where)
    if not done.made and not done.damaged:
        raise ValueError(f"no rows in {where}; run the notebooks first, or name another --profile, --scale, --images or --out")
    print("\n".join(done.lines(where)))
    return 1 if done.damaged else 0


def folder(options) -> Path:
    """The folder of a profile's results at a scale; ValueError where there is none."""
    profiles.one_of("scale", options.scale, profiles.SCALES)
    found = study.folder(options.out, options.profile, options.scale, options.images)
    if not found.is_dir():
        raise ValueError(f"no results in {found}; run the notebooks first, or name another --profile, --scale, --images or --out")
    return found
