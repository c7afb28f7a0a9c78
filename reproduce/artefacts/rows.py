"""Rows as CSV and back. Equal rows give equal bytes; tables and figures are made from rows as they are read back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from .plain import plain

# Columns of words: a person called "7" or "true" is still a name, and an empty cell says "".
WORDS = {
    "subject", "role", "protection", "purifier", "changed", "misuse", "prompt", "rule", "scene", "recognised", "form", "surrogate",
    "control", "way",
}  # fmt: skip


class Damaged(ValueError):
    """A file of rows that must not be judged: one line with its name and what is wrong."""


def rows_csv(rows: list[dict]) -> str:
    """Rows as CSV text: columns as they appear; None is an empty cell, floats carry 6 significant digits."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return text.getvalue()


def read_rows(path) -> list[dict]:
    """The rows of a CSV file as `rows_csv` writes it. Damaged, a ValueError, in one line, for a file that is cut off or has no rows."""
    path = Path(path)
    return parse(path.read_bytes(), path.name)


def parse(data: bytes, name: str) -> list[dict]:
    """Rows from the bytes of the file `name`: an empty cell is None (of words ""); numbers, true and false are read."""
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Damaged(f"{name}: expected CSV text, got something else ({error})") from None
    if len(lines) < 2:
        raise Damaged(f"{name}: expected rows, got none")
    columns = lines[0]
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(columns):
            raise Damaged(f"{name}: line {number} is cut off: {len(line)} cells under {len(columns)} columns")
    if not data.endswith(b"\n"):
        raise Damaged(f"{name}: line {len(lines)}, the last, is cut off")
    return [dict(zip(columns, map(_value, columns, line), strict=True)) for line in lines[1:]]


def _cell(value) -> str:
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)


def _value(column: str, text: str):
    if column in WORDS:
        return text
    if text == "":
        return None
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
