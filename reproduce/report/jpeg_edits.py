"""What notebook 05's rows say of edits: what protection through JPEG wins back of them. Needs no torch."""

from ..papers import photoguard as paper
from .jpeg_bypass import over_quality
from .page import Page
from .statistics import table_markdown

PAIRS = {  # heading -> plain arm, arm through JPEG
    "one bound": ("encoder", "encoder, through JPEG"),
    "one norm": ("encoder, equal norm", "encoder, through JPEG, equal norm"),
}
EFFECT_HEADS = {"quality": "JPEG quality"} | {
    f"{which}, {pair}": f"{words}, {pair}"
    for pair in PAIRS
    for which, words in (("plain", "lost: PhotoGuard"), ("aware", "lost: through JPEG 50 to 95"))
} | {"seen": "quality within what it was optimised for", "people": "people"}  # fmt: skip


def effects_table(rows):
    """One line a quality: the effect of plain and of JPEG-aware PhotoGuard on the edit, at one bound and at one norm, with intervals."""
    lines: dict = {}
    for pair, arms in PAIRS.items():
        for which, arm in zip(("plain", "aware"), arms, strict=True):
            for at in over_quality(rows, "variation", arm) if any(r["protection"] == arm for r in rows) else []:
                q = at["quality"]
                seen = "yes" if q is not None and 50 <= q <= 95 else "no"
                line = lines.setdefault(q, dict(quality="no JPEG" if q is None else q, seen=seen, people=at["n"]))
                line[f"{which}, {pair}"] = at["mean"], at["low"], at["high"]
    return list(lines.values())


def notes(rows, about):
    """Footnotes: settings, model, seed and scale."""
    plain, aware = (about.settings["protections"][key] for key in ("encoder", "encoder, through JPEG"))
    steps, printed, (low, high) = plain["steps"], paper.PHOTOGUARD_ENCODER["paper"].steps, aware["jpeg"]
    return [
        f"PhotoGuard: paper's setting, {plain['eps']:g} levels, "
        + (f"{steps} steps instead of {printed}" if steps != printed else f"{steps} steps of {plain['step']:g}")
        + f"; through JPEG: the same, seen through a file of one quality from {low} to {high} drawn per step. One norm: both strong, and at"
        f" most {paper.EQUAL_NORM} levels root mean square.",
        "Lost: 1 - SSIM, over the person, of the protected picture's edit to that of the clean picture under the same file; means over"
        " people, 95 % intervals (Student's t).",
        f"Model {about.run()}; {len({r['subject'] for r in rows})} pictures.",
    ]


def won(rows):
    """The sentence of the verdict, in a list; an empty one where no file was edited."""
    table = [line for line in effects_table(rows) if line["quality"] in ("no JPEG", 75, 50, 30, 5)]
    if all(line["quality"] == "no JPEG" for line in table):
        return []
    told = []
    for pair in PAIRS:
        each = [
            f"{'' if line['quality'] == 'no JPEG' else 'quality '}{line['quality']} {line[f'plain, {pair}'][0]:.3f} against"
            f" {line[f'aware, {pair}'][0]:.3f}"
            for line in table
            if f"aware, {pair}" in line
        ]
        told += [f"at {pair}: {'; '.join(each)}"] if each else []
    words = "Editing. What the protection takes from the person's SSIM, plain against optimised through JPEG 50 to 95"
    return [f"{words}, {'. And '.join(told)}."]


def _effects(rows, about):
    return table_markdown(effects_table(rows["05_edits"]), EFFECT_HEADS, notes(rows["05_edits"], about))


PAGES = {"05_effects": Page("table", ("05_edits",), _effects)}
