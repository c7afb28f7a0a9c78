"""From rows to effects: values of rows that belong together, weighed; and the one definition of what remains of a protection.

    remaining effect = distance of edit(purify(protected)) to edit(purify(clean)), over that without purification

both means over people; 0 where purification has undone the protection, 1 where it did nothing. What is restored is the rest to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..papers.measures import distance
from .statistics import ratio

PERSON = "ssim_person"  # the primary measure of edits: what is lost is the person
LIKEWISE = "{}_likewise"  # the columns that compare with the edit of the clean picture, purified likewise


@dataclass(frozen=True)
class Contrast:
    """Which rows make an effect: weighed values of rows that share subject, prompt and seed.

    above: pairs (weight, {column: value}), one a row that is needed; below: the same, where the effect is a ratio of two means.
    where: what all of these rows have; a tuple holds alternatives.
    """

    above: tuple
    below: tuple = ()
    where: dict = field(default_factory=dict)


def effects(rows, contrast, column, *, plain=False) -> list[dict]:
    """One dict a complete set of rows: subject, seed, above and, of a ratio, below. plain: the value counts, not the distance it means."""
    rows = [row for row in rows if has(row, contrast.where)]
    above, below = (weighed(rows, terms, column, plain) for terms in (contrast.above, contrast.below))
    if not contrast.below:
        return [dict(subject=key[0], seed=key[2], above=value) for key, value in above.items()]
    return [dict(subject=key[0], seed=key[2], above=value, below=below[key]) for key, value in above.items() if key in below]


def has(row, wanted) -> bool:
    """Whether a row has all of these values, or one of those in a tuple."""
    return all(row.get(key) in value if isinstance(value, tuple) else row.get(key) == value for key, value in wanted.items())


def weighed(rows, terms, column, plain=False) -> dict:
    """(subject, prompt, seed) -> the sum of its terms, where all of them are there."""
    sets: dict = {}
    for row in rows:
        value = row.get(column)
        if value is None:
            continue
        for number, (weight, wanted) in enumerate(terms):
            if has(row, wanted):
                found = sets.setdefault((row["subject"], row.get("prompt"), row.get("seed")), {})
                found[number] = weight * (value if plain else distance(column, value))
    return {key: sum(found.values()) for key, found in sets.items() if len(found) == len(terms)}


def remaining(purified, untreated, **where) -> Contrast:
    """The remaining effect as a contrast: which rows are purified, which the same untreated, what both have."""
    return Contrast(((1, purified),), ((1, untreated),), where)


def remains(rows, contrast, measure=PERSON) -> tuple | None:
    """(remaining effect, low, high, people) by a similarity measure; None without rows; nan for an interval that there is not.

    There is none where the effect to begin with is not told from 0: no share of it can be taken.
    """
    found = effects(rows, contrast, LIKEWISE.format(measure))
    return ratio(found, "above", "below") if found else None
