"""Is it still the person: what face networks tell of edits, a table a notebook (01 to 04). Needs no torch."""

from . import faces, looks
from .page import Page
from .statistics import Table, summarise, table_markdown

HEADS = {"what": "edited picture", "purifier": "purified by", "quality": "JPEG", "misuse": "misuse", "edits": "edits",
         "found": "face found, %", "right": "right person, %", "same_face": "cosine to the photograph's face"}  # fmt: skip
SHOWN = {"01_edits": (None, 75), "04_edits": ("none", "JPEG 75", "DiffPure", "IMPRESS")}  # qualities, purifiers; of others all


def table(rows, by):
    """One line a group of equal `by`: faces found, right person, cosine to the clean face, each (mean, low, high) over people."""
    lines = []
    for names, some in _grouped(rows, by).items():
        line = dict(zip(by, names, strict=True)) | dict(edits=len(some))
        told = faces.right([row | dict(rank=row["face_rank"]) for row in some])
        for name, column in (("found", "face"), ("right", "right")):
            [mean] = summarise([row | {column: row[column] or 0.0} for row in told], [], column)
            line[name] = tuple(100 * mean[end] for end in ("mean", "low", "high"))
        known = [row for row in some if row["same_face"] is not None]
        if known:
            [mean] = summarise(known, [], "same_face")
            line["same_face"] = mean["mean"], mean["low"], mean["high"]
        lines.append(line | dict(what=looks.short(looks.PROTECTIONS, line["protection"])))
    return lines


def _grouped(rows, by):
    groups: dict = {}
    for row in rows:
        groups.setdefault(tuple(row.get(name) for name in by), []).append(row)
    return groups


def _page(artefact, by):
    """The page of one notebook's edits."""

    def make(rows, about):
        if not about.settings["faces"]:
            return Table("Faces were not measured here: no face networks.\n")
        found = [row for row in rows[artefact] if row.get("face") is not None and _shown(artefact, row)]
        people = len({row["subject"] for row in found})
        notes = [
            f"By {about.settings['faces']}, {people} people. Right person: of the person and up to 15 others the photograph whose face is"
            " nearest to the edit's is the person's own; an edit without a face is not right. The cosine is over edits with a face.",
            about.model_note(),
        ]
        lines = table(found, by)
        return table_markdown(lines, {key: head for key, head in HEADS.items() if any(key in line for line in lines)}, notes)

    return Page("table", (artefact,), make)


def _shown(artefact, row):
    return artefact not in SHOWN or row["quality" if artefact == "01_edits" else "purifier"] in SHOWN[artefact]


PAGES = {
    "01_identity": _page("01_edits", ("misuse", "protection", "quality")),
    "02_identity": _page("02_edits", ("protection",)),
    "03_identity": _page("03_edits", ("protection", "purifier")),
    "04_identity": _page("04_edits", ("protection", "purifier")),
}
