"""From pictures to people: FDFR, identity scores, SER-FIQ and recognition from rows of one picture each, by the papers' conventions.

A row has "subject", "face" (1 where the detector found one, 0 where not) and columns of values, None where there is no face. Means are
taken of a person's pictures first, then over people. A column that could not be measured of any face (SER-FIQ of an embedder without
dropout) has no mean, whatever the convention counts for pictures without a face.
"""

from __future__ import annotations

import math

from ..papers.faces import ISM, QUALITY, SERFIQ
from .statistics import student

ZERO = "zero"
MEANS = {  # name -> column, convention, scale
    **{f"ism_{name}": ("ism", how, 1) for name, how in ISM.items()},
    **{f"{column}_{name}": (column, how, 1) for column in ("serfiq", "serfiq_spread") for name, how in QUALITY.items()},
    "right_all": ("right", ISM["all pictures"], 100),
    "right_detected": ("right", ISM["anti-dreambooth"], 100),
}


def spread(score, settings=None):
    """SER-FIQ's score in [0, 1] as papers print it, through the logistic of papers.faces.SERFIQ; None and nan stay what they are."""
    settings = settings or SERFIQ["paper"]
    if not _measured(score):
        return score
    return 1 / (1 + math.exp(-settings.slope * (score - settings.centre)))


def failures(rows) -> dict:
    """Person -> share of their pictures in which no face was found, 0 to 1. ValueError: no rows, or a row that says nothing of faces."""
    return {subject: 1 - sum(found) / len(found) for subject, found in _grouped(_faces(rows)).items()}


def people(rows, column, convention) -> dict:
    """Person -> mean of a column over their pictures, by a convention of papers.faces; a person it leaves out is not there.

    convention: a record with `without` and `nobody`, each "nothing" or "zero". ValueError: no such column; pictures with a face of which
    some have a value and some do not; no picture with a face has one, though there are faces.
    """
    values = _values(rows, column)
    found = {}
    for subject, listed in _grouped(values).items():
        seen = [value for value in listed if value is not None]
        counted = seen + [0.0] * (len(listed) - len(seen)) if convention.without == ZERO else seen
        if not seen:
            counted = [0.0] if convention.nobody == ZERO else []
        if counted:
            found[subject] = sum(counted) / len(counted)
    return found


def measured(rows, column) -> bool:
    """Whether a column has a value of any picture with a face, or there is no face of which it could have one."""
    values = [row[column] for row in rows if column in row and row.get("face")]
    return any(column in row for row in rows) and (any(map(_measured, values)) or not any(face for _, face in _faces(rows)))


def right(rows) -> list[dict]:
    """The rows with "right" for "rank": 1 where the nearest reference is the person's own, 0 where another's is, None without a face."""
    return [row | dict(right=float(row["rank"] == 1) if _measured(row["rank"]) else None) if "rank" in row else row for row in rows]


def spreads(rows) -> list[dict]:
    """The rows with "serfiq_spread" for "serfiq"."""
    return [row | dict(serfiq_spread=spread(row["serfiq"])) if "serfiq" in row else row for row in rows]


def table(rows, by=()) -> list[dict]:
    """One line per group of equal `by` columns, in order of appearance: each number as (mean, low, high) over people, by each convention.

    fdfr: percent. ism_*: by each of papers.faces.ISM. serfiq_*, serfiq_spread_*: by each of QUALITY, before and after the logistic.
    right_*: percent of pictures whose nearest reference is the person's own, over all of them and over those with a face. brisque: over
    all pictures. A column that no row has, or that could not be measured, is left out. people, pictures, faceless: how many people, how
    many pictures, how many people without any face.
    """
    by = [by] if isinstance(by, str) else list(by)
    _faces(rows)
    rows = spreads(right(rows))
    means = {name: how for name, how in MEANS.items() if measured(rows, how[0])}
    groups: dict[tuple, list] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(name) for name in by), []).append(row)
    return [dict(zip(by, names, strict=True)) | _line(some, means) for names, some in groups.items()]


def _line(rows, means):
    failed = failures(rows)
    line = dict(people=len(failed), pictures=len(rows), faceless=sum(share == 1 for share in failed.values()), fdfr=_over(failed, 100))
    line |= {name: _over(people(rows, column, convention), scale) for name, (column, convention, scale) in means.items()}
    known = [(row["subject"], float(row["brisque"])) for row in rows if _measured(row.get("brisque"))]
    if known:
        line["brisque"] = _over({subject: sum(values) / len(values) for subject, values in _grouped(known).items()})
    return line


def _over(found, scale=1):
    """(mean, low, high) over people; nan where there is nobody."""
    if not found:
        return math.nan, math.nan, math.nan
    return tuple(scale * number for number in student(list(found.values())))


def _faces(rows):
    """(subject, 1.0 or 0.0) of each row."""
    if not rows:
        raise ValueError("faces: expected rows of one picture each, got none; measure some pictures first")
    for i, row in enumerate(rows):
        if row.get("face") not in (0, 1):
            raise ValueError(f"faces: row {i}: expected face to be 1 or 0, got {row.get('face')!r}; measure face_found of its picture")
    return [(row["subject"], float(row["face"])) for row in rows]


def _values(rows, column):
    """(subject, value) of each row, None where there is no face."""
    faces = _faces(rows)
    if not any(column in row for row in rows):
        raise ValueError(f"faces: no column {column!r} in these {len(rows)} rows; there is: {', '.join(sorted(set().union(*rows)))}")
    listed = []
    for i, (row, (subject, face)) in enumerate(zip(rows, faces, strict=True)):
        value = row.get(column)
        if bool(face) != _measured(value):
            got = "a face but no value" if face else f"{value!r} without a face"
            raise ValueError(f"faces: row {i}: {column} has {got}; measure both by the same networks, or leave the column out")
        listed.append((subject, float(value) if face else None))
    return listed


def _grouped(pairs):
    groups: dict = {}
    for subject, value in pairs:
        groups.setdefault(subject, []).append(value)
    return groups


def _measured(value):
    return value is not None and not (isinstance(value, float) and math.isnan(value))
