"""Rows read back, means with intervals over images, tables in Markdown: the numbers behind every figure.

Intervals are percentile bootstrap intervals (scipy's) that resample whole images, because several edits of one image
are not independent (Efron 1979; Field and Welsh 2007 for clusters).
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

FEWEST = 6  # images from which a bootstrap over them is to be believed


def read_rows(path) -> list[dict]:
    """Rows of a CSV as study.save_rows writes it: an empty cell is None; numbers, true and false are read."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [{name: _value(text) for name, text in row.items()} for row in csv.DictReader(file)]


def summarise(rows: list[dict], by, value: str, *, over="image", draws=2000, seed=0) -> list[dict]:
    """Mean of column `value` per group of equal `by` columns, with a 95 % bootstrap interval over images.

    Returns one dict per group, in order of appearance: the `by` columns, mean, low, high, and n, the number
    of different `over` values (of rows, where there is no such column). One image alone has no interval: low
    and high are nan. Rows without a value are left out. ValueError for a column that no row has.
    """
    by = [by] if isinstance(by, str) else list(by)
    for name in [*by, value]:
        if not any(name in row for row in rows):
            raise ValueError(_no_column(name, rows))
    groups: dict[tuple, dict] = {}
    for i, row in enumerate(rows):
        number = row.get(value)
        if number is None or (isinstance(number, float) and math.isnan(number)):
            continue
        clusters = groups.setdefault(tuple(row.get(name) for name in by), {})
        clusters.setdefault(row.get(over, i), []).append(float(number))
    table = []
    for names, clusters in groups.items():
        sums = np.array([sum(values) for values in clusters.values()])
        counts = np.array([len(values) for values in clusters.values()], float)
        low = high = math.nan
        if len(sums) > 1:
            low, high = _interval(sums, counts, draws, seed)
        mean = sums.sum() / counts.sum()
        table.append(
            dict(zip(by, names, strict=True))
            | {"mean": float(mean), "low": float(low), "high": float(high), "n": len(sums)}
        )
    return table


def effect(rows: list[dict], value: str, over="image") -> tuple:
    """(mean, low, high, number of images) of a paired effect, a row an edit.

    As `summarise`, but for fewer than FEWEST images by Student's t over their means: a bootstrap of a few images that share a sign never
    reaches 0, and of four they share one by chance once in eight times. One image alone has no interval.
    """
    [line] = summarise(rows, [], value, over=over)
    if not 1 < line["n"] < FEWEST:
        return line["mean"], line["low"], line["high"], line["n"]
    from scipy.stats import t

    images: dict = {}
    for row in rows:
        images.setdefault(row[over], []).append(row[value])
    means = np.array([np.mean(values) for values in images.values()])
    reach = t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / len(means) ** 0.5
    return float(means.mean()), float(means.mean() - reach), float(means.mean() + reach), len(means)


def _interval(sums, counts, draws, seed):
    from scipy.stats import bootstrap

    def mean(sums, counts, axis=-1):
        return sums.sum(axis) / counts.sum(axis)

    found = bootstrap((sums, counts), mean, paired=True, vectorized=True, n_resamples=draws, method="percentile", random_state=seed)
    return found.confidence_interval


class Table(str):
    """Markdown text that a notebook shows as a table."""

    def _repr_markdown_(self) -> str:
        return str(self)


def table_markdown(rows: list[dict], columns, footnotes=(), *, digits=3) -> Table:
    """A Markdown table of `rows`; `columns` is a list of keys or a dict key -> heading.

    Numbers stand right with `digits` significant digits; a triple (mean, low, high) reads
    `0.81 [0.78, 0.84]`; None and nan read as a dash. Footnotes follow as a list.
    """
    heads = columns if isinstance(columns, dict) else {name: name for name in columns}
    missing = [name for name in heads if not any(name in row for row in rows)]
    if missing:
        raise ValueError(_no_column(missing[0], rows))
    right = [all(not isinstance(row.get(name), str) for row in rows) for name in heads]
    lines = [
        "| " + " | ".join(_text(head, digits) for head in heads.values()) + " |",
        "| " + " | ".join("---:" if number else ":---" for number in right) + " |",
    ]
    lines += ["| " + " | ".join(_text(row.get(name), digits) for name in heads) + " |" for row in rows]
    if footnotes:
        lines += ["", *(f"- {note}" for note in footnotes)]
    return Table("\n".join(lines) + "\n")


def _text(value, digits: int) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, list | tuple) and len(value) == 3:
        mean, low, high = (_text(v, digits) for v in value)
        return mean if low == "–" else f"{mean} [{low}, {high}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            return f"{value}"
        if abs(value) >= 10**digits:
            return f"{value:,.0f}".replace(",", "\u202f")
        return np.format_float_positional(float(f"{value:.{digits}g}"), trim="-") if value else "0"
    return str(value).replace("|", "\\|").replace("\n", " ")


def _value(text: str | None):
    if text is None or text == "":
        return None
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _no_column(name: str, rows: list[dict]) -> str:
    return f"no column {name!r} in these {len(rows)} rows; there is: {', '.join(sorted(set().union(*rows)))}"
