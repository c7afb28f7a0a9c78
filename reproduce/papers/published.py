"""Every published number, with the place where it is printed and its standing: published.csv, read. Needs no torch."""

import csv
from dataclasses import dataclass
from pathlib import Path

PUBLISHED = Path(__file__).parent / "published.csv"
# printed: in the paper or the code itself; plot: read off a figure; thread: in a discussion; third-party:
# reported by others; doubtful: contradicted elsewhere, not to be used as a target
STANDINGS = ("printed", "plot", "thread", "third-party", "doubtful")


@dataclass(frozen=True)
class Published:
    """One published number; `key` is paper/place/condition/quantity, `spread` None where none is printed."""

    key: str
    paper: str
    place: str
    quantity: str
    condition: str
    value: float
    spread: float | None
    unit: str
    standing: str
    note: str


def numbers(claim=None):
    """The published numbers, a tuple of records in file order; claim keeps the keys at or below it.

    numbers("photoguard/table6") is the table, numbers("photoguard/table6/encoder/ssim") one number of it.
    """
    with open(PUBLISHED, encoding="utf-8", newline="") as file:
        rows = [_record(row) for row in csv.DictReader(file)]
    found = tuple(row for row in rows if claim is None or f"{row.key}/".startswith(f"{claim}/"))
    if not found:
        places = sorted({"/".join(row.key.split("/")[:2]) for row in rows})
        raise ValueError(f"claim: nothing published under {claim!r}; there is {', '.join(places)}")
    return found


def _record(row):
    spread = float(row["spread"]) if row["spread"] else None
    if row["standing"] not in STANDINGS:
        raise ValueError(f"{row['key']}: expected one of {', '.join(STANDINGS)}, got {row['standing']!r}")
    return Published(**{**row, "value": float(row["value"]), "spread": spread})
