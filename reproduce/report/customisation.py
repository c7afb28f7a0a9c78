"""What the rows of notebook 06 add up to: customisation's scorecard, its controls, what may learn, the face networks. Needs no torch."""

from ..papers.dreambooth import PROMPTS
from . import faces
from .page import Page
from .statistics import Table, student, summarise, table_markdown

FLOORS = {  # of clean customisation: column -> prompts, floor, goal, percent
    "face found": ("A", "found", 90, 98),
    "right person among 16": ("A", "right_all", 80, 95),
    "scene recognised": ("CD", "scene_seen", 60, 90),
    "right person among 16, with a scene": ("CD", "right_all", 60, 90),
}
HEADS = {
    "what": "pictures", "pictures": "n", "found": "face found, %", "right_all": "right person, %", "ism_gap-diff": "identity, faces found",
    "ism_all pictures": "identity, all", "scene_seen": "scene seen, %", "serfiq_gap-diff": "face quality (SER-FIQ)", "brisque": "BRISQUE",
    "fit": "fit to the prompt",
}  # fmt: skip
WAYS_HEADS = {"what": "what learns", "weights": "weights that learn, thousands", "seconds": "seconds", **{
    key: HEADS[key] for key in ("pictures", "found", "right_all", "ism_all pictures", "scene_seen")}}  # fmt: skip
SCORE_HEADS = {"what": "on people no training saw", "measured": "measured", "floor": "floor", "goal": "goal"}
CONTROLS = ("tuned", "another seed", "set A", "untuned", "class prompt, tuned", "class prompt, untuned")


RANGES = {"found": (0, 100), "right_all": (0, 100), "scene_seen": (0, 100), "ism_gap-diff": (-1, 1), "ism_all pictures": (-1, 1),
          "serfiq_gap-diff": (0, 1), "fit": (-1, 1)}  # fmt: skip


def lines(rows, by, names=None):
    """One line a group of equal `by`, every number as (mean, low, high) over people, cut at what it can be; what no row has is left out."""
    groups = {}
    for row in rows:
        groups.setdefault(row[by], []).append(row)
    found = []
    for name in names or groups:
        some = groups.get(name)
        if not some:
            continue
        line = dict(what=str(name), pictures=len(some))
        if "face" in some[0]:
            [told] = faces.table(some)
            line |= told | dict(found=tuple(100 - value for value in (told["fdfr"][0], told["fdfr"][2], told["fdfr"][1])))
        for column, scale in (("scene_seen", 100), ("fit", 1)):
            known = [row for row in some if row.get(column) is not None]
            if known:
                [mean] = summarise(known, [], column)
                line[column] = tuple(scale * mean[end] for end in ("mean", "low", "high"))
        found.append(line | {name: _cut(line[name], *ends) for name, ends in RANGES.items() if name in line})
    return found


def _cut(triple, least, most):
    """(mean, low, high) with the interval inside what the number can be."""
    mean, low, high = triple
    return mean, max(low, least), min(high, most)


def clean(rows):
    """The rows of clean customisation proper: set B as it is, its first seed, the four prompts."""
    return [row for row in rows if (row["control"], row["prompt"] in PROMPTS.values()) == ("tuned", True)]


def score(rows):
    """Clean customisation beside the floors and goals it is built for."""
    made, found = clean(rows), []
    for what, (letters, column, floor, goal) in FLOORS.items():
        some = [row for row in made if row["prompt"] in [PROMPTS[letter] for letter in letters]]
        line = lines([row | dict(all="") for row in some], "all")
        if line and column in line[0]:
            mean, low, high = line[0][column]
            interval = f" [{low:.0f}, {high:.0f}]" if low == low else ""
            told = f"{mean:.0f} %{interval} of {line[0]['pictures']}"
            prompts = " and ".join(letters)
            targets = dict(floor=f"{floor} %", goal=f"{goal} %", least=floor)
            found.append(dict(what=f"prompt {prompts}: {what}", measured=told, mean=mean, **targets))
    return found


def heads(table, wanted):
    """The headings of those columns that some line has."""
    return {key: head for key, head in wanted.items() if any(key in line for line in table)}


def notes(rows, about):
    """Footnotes that every table of samples has."""
    settings, sampling = about.settings["tuning"], about.settings["sampling"]
    told = [
        f"Fine-tuning: {settings['source']}. {settings['steps']} steps of {settings['batch']} pictures of the person and as many of the"
        f" class, rate {settings['rate']:g}. Differs: {settings['differs']}. Samples: guidance {sampling['guidance']:g},"
        f" {sampling['steps']} steps.",
        f"In brackets 95 % intervals of the mean over {len({row['subject'] for row in rows})} people. Right person: the reference nearest"
        f" to the face is the person's own, among {about.count('among')}; a picture without a face is not right."
        " Identity: cosine to the mean embedding of set C, over pictures with a face (GAP-Diff's convention) and over all, where none"
        " counts 0.",
    ]
    names = {"Faces": about.settings["faces"], "scene and fit": (about.settings["clip"] or {}).get("name")}
    judges = [f"{what} by {name}" for what, name in names.items() if name]
    told = told if about.settings["faces"] else told[:1]
    lacks = [f"Not measured: {one}." for one in about.settings["lacks"]]
    return [*told, *([f"{'; '.join(judges)}."] if judges else []), *lacks, about.model_note()]


def verdict(rows, about):
    """Whether customisation reaches its floors, and what the controls say: sentences."""
    found = score(rows)
    if not found or not about.settings["faces"]:
        return "Faces were not measured here, so nothing is said of whose they are."
    missed = [f"{line['what']} ({line['measured']}, floor {line['floor']})" for line in found if line["mean"] < line["least"]]
    told = ["Clean customisation misses: " + "; ".join(missed) + "." if missed else "Clean customisation reaches every floor by its means."]
    control = {line["what"]: line for line in lines(rows, "control", CONTROLS)}
    if {"tuned", "untuned"} <= control.keys():
        after, before = (control[name]["right_all"][0] for name in ("tuned", "untuned"))
        told.append(f"The right person is in {after:.0f} % of its pictures, in {before:.0f} % without fine-tuning.")
    if {"class prompt, tuned", "class prompt, untuned"} <= control.keys():
        after, before = (control[name]["right_all"][0] for name in ("class prompt, tuned", "class prompt, untuned"))
        told.append(f"Language drift: asked for any person, the tuned model paints this one in {after:.0f} % (untuned {before:.0f} %).")
    return " ".join(told)


# --- pages -----------------------------------------------------------------------------------------------------------------


def _table(rows, about):
    made = clean(rows["06_customised"])
    table = lines(made, "prompt", PROMPTS.values())
    return table_markdown(table, heads(table, HEADS), notes(made, about))


def _score(rows, about):
    found = score(rows["06_customised"])
    if not found:
        return Table("Faces were not measured here.\n")
    return table_markdown(found, SCORE_HEADS, notes(clean(rows["06_customised"]), about))


def _controls(rows, about):
    found = rows["06_customised"]
    table = lines(found, "control", CONTROLS)
    told = ["Another seed: of the fine-tuning; set A: other pictures of the same person; untuned: the model as it is, which has never met"
            " the word sks. The class prompt asks for any person: what it makes of the person tuned to is language drift."]  # fmt: skip
    return table_markdown(table, heads(table, HEADS), [*told, *notes(found, about)])


def _ways(rows, about):
    spent, learnt = {}, {}
    for row in rows["06_tunings"]:
        spent.setdefault(row["way"], []).append(row["seconds"] / row["steps"] * about.settings["tuning"]["steps"])
        learnt[row["way"]] = row["learnt"]
    table = lines(rows["06_ways"], "way")
    for line in table:
        line |= dict(weights=learnt[line["what"]] / 1000, seconds=student(spent[line["what"]])[0])
    told = ["Seconds: of one fine-tuning on one thread, two at once on two cores."]
    return table_markdown(table, heads(table, WAYS_HEADS), [*told, *notes(rows["06_ways"], about)])


def _networks(rows, about):
    found = [row | dict(measured=row["measured"]) for row in rows["06_faces"]]
    return table_markdown(found, SCORE_HEADS, [about.model_note()])


def _verdict(rows, about):
    return Table(verdict(rows["06_customised"], about))


PAGES = {
    "06_table": Page("table", ("06_customised",), _table),
    "06_score": Page("table", ("06_customised",), _score),
    "06_controls": Page("table", ("06_customised",), _controls),
    "06_ways_table": Page("table", ("06_ways", "06_tunings"), _ways),
    "06_networks": Page("table", ("06_faces",), _networks),
    "06_verdict": Page("text", ("06_customised",), _verdict),
}
