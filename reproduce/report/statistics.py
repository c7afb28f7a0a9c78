"""Means with intervals over subjects, tables in Markdown: the numbers behind every figure.

The unit is the subject: whatever was measured of one, in several edits, seeds and prompts, is averaged first, since it is not independent.
Intervals are Student's t over subjects; of a ratio of two means, Fieller's (1954).
"""

from __future__ import annotations

import math

import numpy as np

LEVEL = 0.95


def summarise(rows: list[dict], by, value: str, *, over="subject") -> list[dict]:
    """Mean of column `value` per group of equal `by` columns, with a 95 % interval over subjects.

    Returns one dict per group, in order of appearance: the `by` columns, mean (of the subjects' means), low, high, and n, the number
    of different `over` values (of rows, where there is no such column). One subject alone has no interval: low
    and high are nan. Rows without a value are left out. ValueError for a column that no row has.
    """
    by = [by] if isinstance(by, str) else list(by)
    for name in [*by, value]:
        if not any(name in row for row in rows):
            raise ValueError(_no_column(name, rows))
    groups: dict[tuple, list] = {}
    for i, row in enumerate(rows):
        if _known(row.get(value)):
            groups.setdefault(tuple(row.get(name) for name in by), []).append((row.get(over, i), row))
    table = []
    for names, found in groups.items():
        values = _means([(subject, row[value]) for subject, row in found])
        mean, low, high = student(values)
        table.append(dict(zip(by, names, strict=True)) | dict(mean=mean, low=low, high=high, n=len(values)))
    return table


def effect(rows: list[dict], value: str) -> tuple:
    """(mean, low, high, number of subjects) of one column; see `summarise`."""
    [line] = summarise(rows, [], value)
    return line["mean"], line["low"], line["high"], line["n"]


def student(values) -> tuple:
    """(mean, low, high) of independent values: Student's t; nan for the interval of one alone."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return float(values.mean()), math.nan, math.nan
    reach = _quantile(len(values)) * values.std(ddof=1) / len(values) ** 0.5
    return float(values.mean()), float(values.mean() - reach), float(values.mean() + reach)


def ratio(rows: list[dict], above: str, below: str) -> tuple:
    """(ratio of the means of two columns, low, high, number of subjects), paired by subject: Fieller's interval.

    It holds those r for which the interval of `above - r * below` holds 0, so that it agrees with the test of any one r. nan where there
    is none: one subject alone, or a `below` that is not told from 0, of which no share can be taken.
    """
    x, y = (np.array(_means([(row["subject"], row[name]) for row in rows])) for name in (above, below))
    if len(x) < 2 or not y.mean():
        return (float(x.mean() / y.mean()) if y.mean() else math.nan), math.nan, math.nan, len(x)
    (xx, xy), (_, yy) = np.cov(x, y) / len(x)
    found, t = x.mean() / y.mean(), _quantile(len(x))
    g = t**2 * yy / y.mean() ** 2
    if g >= 1 or y.mean() < 0:
        return float(found), math.nan, math.nan, len(x)
    middle = (found - g * xy / yy if yy else found) / (1 - g)
    spread = xx - 2 * found * xy + found**2 * yy - (g * (xx - xy**2 / yy) if yy else 0)
    reach = t / y.mean() * math.sqrt(max(0.0, spread)) / (1 - g)
    return float(found), float(middle - reach), float(middle + reach), len(x)


def chance(values) -> float:
    """Two-sided p of the values' mean being 0, Student's t; 1 where there is no telling, of one alone."""
    from scipy.special import stdtr

    values = np.asarray(values, float)
    if len(values) < 2:
        return 1.0
    error = values.std(ddof=1) / len(values) ** 0.5
    if not error:
        return 0.0 if values.mean() else 1.0
    return float(2 * stdtr(len(values) - 1, -abs(values.mean() / error)))


def holm(chances: list) -> list:
    """Holm's (1979) correction: each p as it counts among all of them, in their order."""
    order, adjusted, most = sorted(range(len(chances)), key=chances.__getitem__), [0.0] * len(chances), 0.0
    for rank, i in enumerate(order):
        most = max(most, min(1.0, (len(chances) - rank) * chances[i]))
        adjusted[i] = most
    return adjusted


def _means(pairs):
    """The mean of each subject's values, in order of appearance; pairs: (subject, value)."""
    subjects: dict = {}
    for subject, value in pairs:
        subjects.setdefault(subject, []).append(float(value))
    return [sum(values) / len(values) for values in subjects.values()]


def _known(number):
    return number is not None and not (isinstance(number, float) and math.isnan(number))


def _quantile(count):
    from scipy.special import stdtrit

    return float(stdtrit(count - 1, (1 + LEVEL) / 2))


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
