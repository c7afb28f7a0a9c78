"""The picture grids of notebook 06, as report.picture_grid takes them: the sets, and what tuned models paint of their people."""

from ..papers.dreambooth import PROMPTS
from .customisation import Tuning
from .panels import Sheet
from .sets import EACH, ROLES

SHOWN = 2  # samples of a person and prompt


def sets(lab, people=2):
    """Sets A, B and C of the first people: a row a person and set."""
    sheet, some = Sheet(), range(min(people, len(lab.people)))
    for i in some:
        for role in ROLES:
            own = lab.sets[role]
            sheet.row(f"{lab.names[i]}, set {role}", own.images[i * EACH : (i + 1) * EACH])
        sheet.gap()
    return sheet.drawn(None, "Twelve pictures of a person: A clean, B published, C who it is", f"{len(some)} of {len(lab.names)} people.")


def customised(lab, rows):
    """What each person's tuned model paints: a picture of set B, then samples of the four prompts; under each what the networks say."""
    sheet = Sheet()
    for i in lab.people:
        shown, words = [lab.sets["B"].images[i * EACH]], ["of set B"]
        for letter, prompt in PROMPTS.items():
            made = lab.painted(Tuning(i), letter, lab.counts.samples)
            mine = [r for r in rows if (r["control"], r["subject"], r["prompt"]) == ("tuned", lab.names[i], prompt)]
            shown += list(made[:SHOWN])
            words += [_said(row) for row in mine[:SHOWN]]
        sheet.row(lab.names[i], shown, words)
    columns = ["photograph", *(f"{letter}: {prompt}" if k == 0 else "" for letter, prompt in PROMPTS.items() for k in range(SHOWN))]
    note = "Not chosen: the first samples of each prompt. Right: the nearest of the references is the person's own."
    return sheet.drawn([column.replace("a photo of ", "") for column in columns], "Customised on four clean pictures", note)


def _said(row):
    """What the face networks and CLIP say of a sample."""
    if row.get("face") is None:
        return ""
    who = "no face" if not row["face"] else "right" if row["rank"] == 1 else "another"
    return who if row.get("scene_seen") is None else f"{who}, {'scene' if row['scene_seen'] else 'no scene'}"
