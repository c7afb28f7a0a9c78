"""The margins that claims are held against, read off the papers where they print a number, and where each is from. Needs no torch."""

from ..papers import published
from ..papers.measures import TABLE6, TABLE10, distance
from .effects import PERSON

HALF = 0.5
OURS_HALF = "half of the effect: ours, the paper prints no number"
TENTH = "a tenth of the difference that the paper prints (ours: less would not be called a difference)"
BETWEEN = (
    "half way between what the paper calls almost identical (noise, SSIM 0.75) and substantially different (encoder attack, 0.58); Table 6"
)


def printed() -> dict:
    """Measure -> arm -> distance of edits from clean ones, of PhotoGuard's Tables 6 and 10."""
    found: dict = {}
    for table in (6, 10):
        for row in published.numbers(f"photoguard/table{table}"):
            arm, measure = row.key.split("/")[2:]
            if measure in TABLE6 + TABLE10:
                found.setdefault(measure, {})[arm] = distance(measure, row.value)
    return found


def tenth(arm, than) -> dict:
    """Measure -> a tenth of the printed difference between two attacks."""
    return _with_person({measure: (arms[arm] - arms[than]) / 10 for measure, arms in printed().items()})


def _with_person(margins):
    """The person's SSIM has the margin of SSIM."""
    return margins | {PERSON: margins["ssim"]}


DIVIDE = _with_person({measure: (arms["noise"] + arms["encoder"]) / 2 for measure, arms in printed().items()})
