"""Means with intervals over subjects, tables in Markdown: the numbers behind every figure.

Intervals are percentile bootstrap intervals that resample whole subjects, because several edits of one
are not independent (Efron 1979; Field and Welsh 2007 for clusters).
"""

from __future__ import annotations

import math

import numpy as np

FEWEST = 6  # subjects from which a bootstrap over them is to be believed


def summarise(rows: list[dict], by, value: str, *, over="subject", draws=2000, seed=0) -> list[dict]:
    """Mean of column `value` per group of equal `by` columns, with a 95 % bootstrap interval over subjects.

    Returns one dict per group, in order of appearance: the `by` columns, mean, low, high, and n, the number
    of different `over` values (of rows, where there is no such column). One subject alone has no interval: low
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


def effect(rows: list[dict], value: str, over="subject") -> tuple:
    """(mean, low, high, number of subjects) of a paired effect, a row an edit.

    As `summarise`, but for fewer than FEWEST subjects by Student's t over their means: a bootstrap of a few that share a sign never
    reaches 0, and of four they share one by chance once in eight times. One alone has no interval.
    """
    [line] = summarise(rows, [], value, over=over)
    if not 1 < line["n"] < FEWEST:
        return line["mean"], line["low"], line["high"], line["n"]
    from scipy.special import stdtrit

    subjects: dict = {}
    for row in rows:
        subjects.setdefault(row[over], []).append(row[value])
    means = np.array([np.mean(values) for values in subjects.values()])
    reach = stdtrit(len(means) - 1, 0.975) * means.std(ddof=1) / len(means) ** 0.5
    return float(means.mean()), float(means.mean() - reach), float(means.mean() + reach), len(means)


def _interval(sums, counts, draws, seed):
    """The 95 % percentile interval of the mean, over `draws` resamples of whole subjects: scipy.stats.bootstrap's, which imports torch."""
    drawn = np.random.RandomState(seed).randint(0, len(sums), (draws, len(sums)))
    return np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), (2.5, 97.5))


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


def _no_column(name: str, rows: list[dict]) -> str:
    return f"no column {name!r} in these {len(rows)} rows; there is: {', '.join(sorted(set().union(*rows)))}"
