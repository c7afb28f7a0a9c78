"""What the rows of notebook 02 say: Tables 6 and 10 beside the published ones, controls, conventions, settings. Needs no torch."""

import math
import statistics

from ..artefacts.about import settings_note
from ..papers import photoguard as paper
from ..papers import published
from ..papers.measures import TABLE6, TABLE10
from . import ledger, looks
from .page import Page
from .statistics import Table, summarise, table_markdown

ARMS = ("noise", "encoder", "diffusion")
STRONG = ("encoder, strong", "diffusion, strong")  # the same bound, spent better: beside the paper's settings in every table
CONTROLS = ("same seed again", "encode-decode", *ARMS, *STRONG, "noise of the encoder attack's norm", "another seed")
NAMES = {"ssim": "SSIM", "psnr": "PSNR (dB)", "vifp": "VIFp", "fsim": "FSIM", "sr-sim": "SR-SIM", "gmsd": "GMSD", "vsi": "VSI",
         "dss": "DSS", "haarpsi": "HaarPSI", "fid": "FID", "pr": "PR"}  # fmt: skip
ARROWS = {"gmsd": "↓", "fid": "↓"}  # which way is similar; the paper's arrows

CONTROL_HEADS = {"what": "edited picture", "ssim": "SSIM to the clean edit", "ssim_person": "the person's",
                 "psnr": "PSNR (dB)", "fit": "CLIP similarity to the prompt",
                 "fid": "FID", "precision": "precision", "recall": "recall"}  # fmt: skip
SETTINGS_HEADS = {"what": "protection, settings", "levels": "largest change (levels)", "rms": "RMS over the kept region (levels)",
                  "grey_distance": "encoder: remaining distance to grey",
                  "painted_grey_distance": "four steps, no prompt: remaining", "ssim": "SSIM to the clean edit",
                  "ssim_person": "the person's", "fit": "CLIP similarity to the prompt", "pictures": "people"}  # fmt: skip
SETUP_HEADS = {"setting": "setting", "printed": "printed (Stable Diffusion 1.5)", "ours": "run here"}
SEED_HEADS = {"what": "edited picture"} | {
    f"{key}, {rule}": f"{words}, {which}"
    for key, words in (("ssim", "SSIM"), ("fit", "CLIP similarity"))
    for rule, which in (("fixed", "first seed"), ("all", "all of the list"), ("best", "best of the list"))
}


def named(arm):
    """What an arm is called in these tables, whose paper is clear."""
    return looks.short(looks.PROTECTIONS, arm)


CONVENTION_HEADS = {"convention": "how SSIM is taken"} | {arm: named(arm) for arm in (*ARMS, *STRONG, "another seed")}


def chosen(rows, protection, rule="fixed"):
    """The rows of one set of edits; rule: "fixed" (the first seed of the list), "all" (the whole list), "best" or "none"."""
    rules = ("fixed", "list") if rule == "all" else (rule,)
    return [r for r in rows if r["rule"] in rules and r["protection"] == protection]


def spread(rows, measure, digits=2):
    """Mean and deviation over edits, interval over people, as text: 0.58 ± 0.11 [0.55, 0.61]."""
    values = [r[measure] for r in rows]
    [line] = summarise(rows, [], measure)
    deviation = statistics.stdev(values) if len(values) > 1 else math.nan
    places = 1 if abs(line["mean"]) >= 10 else digits
    interval = "" if math.isnan(line["low"]) else f" [{line['low']:.{places}f}, {line['high']:.{places}f}]"
    return f"{line['mean']:.{places}f} ± {deviation:.{places}f}{interval}"


def quality_table(rows, distances, table, rule="fixed"):
    """Table 6 or 10, a line a measure: ours and the published number for noise, encoder and diffusion attack."""
    printed = {tuple(row.key.split("/")[2:]): row for row in published.numbers(f"photoguard/table{table}")}
    lines = _set_lines(distances, printed, rule) if table == 6 else []
    for name in TABLE6 if table == 6 else TABLE10:
        line = dict(measure=f"{NAMES[name]} {ARROWS.get(name, '↑')}")
        for arm in ARMS:
            line[arm] = spread(chosen(rows, arm, rule), name, 3)
            line[f"{arm} printed"] = f"{printed[arm, name].value:.2f} ± {printed[arm, name].spread:.2f}"
        lines.append(line | {arm: spread(chosen(rows, arm, rule), name, 3) for arm in STRONG if chosen(rows, arm, rule)})
    return lines


def _set_lines(distances, printed, rule):
    """The lines of Table 6 that are about whole sets of edits: FID, and precision with recall."""
    sets = {d["protection"]: d for d in distances if d["rule"] == rule}
    fid, pr = (dict(measure=f"{NAMES[name]} {ARROWS.get(name, '↑')}") for name in ("fid", "pr"))
    for arm in ARMS:
        fid[arm], fid[f"{arm} printed"] = f"{sets[arm]['fid']:.2f}", f"{printed[arm, 'fid'].value:g}"
        pr[arm], pr[f"{arm} printed"] = _pr(sets[arm]), f"{printed[arm, 'pr'].value:.2f}"
    for arm in STRONG:
        if arm in sets:
            fid[arm], pr[arm] = f"{sets[arm]['fid']:.2f}", _pr(sets[arm])
    return [fid, pr]


def _pr(found):
    return f"{found['precision']:.2f} / {found['recall']:.2f}"


def quality_heads(about, lines):
    """Headings of `quality_table` that name both models and sizes."""
    ours, theirs = f"{about.profile}, {about.size} px", "SD 1.5, 512 px, printed"
    heads = {"measure": "measure"}
    for arm in ARMS:
        heads |= {arm: f"{named(arm)}: {ours}", f"{arm} printed": f"{named(arm)}: {theirs}"}
    return heads | {arm: f"{named(arm)}: {ours}" for arm in STRONG if any(arm in line for line in lines)}


def control_table(rows, distances):
    """What else changes an edit, and by how much: one line a control, FID, precision and recall beside SSIM."""
    sets = {d["protection"]: d for d in distances if d["rule"] == "fixed"}
    return [
        dict(what=named(arm), ssim=spread(found, "ssim", 3), ssim_person=spread(found, "ssim_person", 3), psnr=spread(found, "psnr"),
             fit=spread(found, "fit", 3), fid=f"{sets[arm]['fid']:.2f}", precision=sets[arm]["precision"], recall=sets[arm]["recall"])
        for arm in CONTROLS if (found := chosen(rows, arm))
    ]  # fmt: skip


def convention_table(rows):
    """The same edits judged in four ways."""
    arms = [arm for arm in (*ARMS, *STRONG, "another seed") if chosen(rows, arm)]
    lines = []
    for key, convention in looks.CONVENTIONS.items():
        lines.append(dict(convention=convention.label) | {arm: spread(chosen(rows, arm), key, 3) for arm in arms})
    return lines


def settings_table(protections, rows):
    """Every setting on the same pictures, those that all have: size of the perturbation, loss, edits."""
    people: dict = {}
    for row in protections:
        people.setdefault(row["protection"], set()).add(row["subject"])
    names = set.intersection(*people.values())
    lines = []
    for arm in dict.fromkeys(r["protection"] for r in protections):
        mine = [r for r in protections if r["protection"] == arm and r["subject"] in names]
        found = [r for r in chosen(rows, arm) if r["subject"] in names]
        line = dict(what=arm if "," in arm else f"{arm}, paper", levels=round(max(r["levels"] for r in mine)))
        line |= {key: statistics.mean(r[key] for r in mine) for key in ("rms", "grey_distance", "painted_grey_distance")}
        told = {key: spread(found, key, 3) for key in ("ssim", "ssim_person", "fit")}
        lines.append(line | told | dict(pictures=len(names)))
    return lines


def setup_table(about):
    """Tables 8 and 9 beside what was run here: rows for table_markdown."""
    printed, ours = paper.PHOTOGUARD_EDIT["paper"], about.edits("inpainting")
    pairs = [
        ("Table 8: height and width (px)", printed.size, about.size), ("guidance scale", printed.guidance, ours["guidance"]),
        ("inference steps", printed.steps, ours["steps"]), ("eta", printed.eta, ours["eta"]),
    ]  # fmt: skip
    for arm, records in (("encoder", paper.PHOTOGUARD_ENCODER), ("diffusion", paper.PHOTOGUARD_DIFFUSION)):
        theirs, runs = records["paper"], [about.settings["protections"][key] for key in (arm, f"{arm}, strong")]
        for number, (name, words) in enumerate((("eps", "bound (levels)"), ("step", "step (levels)"), ("steps", "steps"))):
            place = f"Table 9: {named(arm)}: {words}" if not number else f"{named(arm)}: {words}"
            strong = f"{runs[1][name]:g}" + (", falling, momentum " + f"{runs[1]['momentum']:g}" if name == "step" else "")
            pairs.append((place, getattr(theirs, name), f"{runs[0][name]:g}; strong: {strong}"))
    return [dict(setting=words, printed=value, ours=own) for words, value, own in pairs]


def setting_notes(protections, about):
    """One footnote a setting that is not the paper's: where it is printed, and what differs."""
    arms = [arm for arm in dict.fromkeys(r["protection"] for r in protections) if arm not in ARMS]
    return [settings_note(looks.begun(arm), about.settings["protections"][arm]) for arm in arms]


def seed_table(rows):
    """A fixed seed beside a list of seeds and the seed of the list whose clean edit fits the prompt best (appendix A.1)."""
    shown = [(key, rule) for key in ("ssim", "fit") for rule in ("fixed", "all", "best")]
    lines = []
    for arm in ("clean", *ARMS, *STRONG):
        if not chosen(rows, arm):
            continue
        lines.append(dict(what=named(arm)) | {f"{key}, {rule}": spread(chosen(rows, arm, rule), key, 3) for key, rule in shown})
    return lines


def verdict(rows, lines):
    """What the ledger's lines come to, and by how much each attack changes an edit, in a few sentences made from the rows."""
    words = [line["verdict"] for line in lines]
    counted = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    mean = {arm: statistics.mean(r["ssim"] for r in chosen(rows, arm)) for arm in (*ARMS, "another seed")}
    order = " < ".join(named(arm) for arm in sorted(ARMS, key=lambda arm: 1 - mean[arm]))
    seed = 1 - mean["another seed"]
    share = {arm: (1 - mean[arm]) / seed for arm in ARMS}
    return (
        f"Of {len(lines)} claims: {counted}.\n\n"
        f"By how much they change an edit (1 - SSIM): {order}. Another seed changes it by {seed:.3f}; of that, noise changes"
        f" {share['noise']:.0%}, the encoder attack {share['encoder']:.0%}, the diffusion attack {share['diffusion']:.0%}."
    )


def notes(rows, about):
    """Footnotes: settings with their sources, what differs, models, seed and scale."""
    edits, clip = about.edits("inpainting"), about.settings["clip"]
    people = {r["subject"] for r in rows}
    asked = {(r["subject"], r["prompt"]) for r in rows}
    seeds = {r["seed"] for r in chosen(rows, "clean", "all")}
    return [
        *(settings_note(looks.begun(named(arm)), about.settings["protections"][arm]) for arm in ARMS),
        f"Edits: {edits['source']}; {edits['steps']} steps instead of 100, DDIM; {len(people)} people x {len(asked) // len(people)}"
        f" prompts, a list of {len(seeds)} seeds; all but the person is repainted, and the attacks change and see the person alone."
        " Differs: the paper's pictures, masks, prompts and seeds are not published.",
        "± is one standard deviation over edits, [ ] the 95 % interval of the mean over people (Student's t). PR is precision / recall"
        " (Kynkäänniemi et al.; the paper cites Sajjadi et al. and prints one number; precision is the likelier).",
        f"Model {about.describe()}; {clip['name']} ({clip['fingerprint']}); seed {about.seed}, scale {about.scale}.",
    ]


# --- pages -----------------------------------------------------------------------------------------------------------------


def _quality(table):
    def make(rows, about):
        lines = quality_table(rows["02_edits"], rows["02_distances"], table)
        return table_markdown(lines, quality_heads(about, lines), [*notes(rows["02_edits"], about), _features(rows["02_distances"])])

    return make


def _features(distances):
    return f"FID and PR on {distances[0]['features']}."


def _controls(rows, about):
    edits, distances = rows["02_edits"], rows["02_distances"]
    return table_markdown(control_table(edits, distances), CONTROL_HEADS, [notes(edits, about)[-1], _features(distances)])


def _conventions(rows, about):
    return table_markdown(convention_table(rows["02_edits"]), CONVENTION_HEADS)


def _settings(rows, about):
    protections = rows["02_protections"]
    return table_markdown(settings_table(protections, rows["02_edits"]), SETTINGS_HEADS, setting_notes(protections, about))


def _setup(rows, about):
    return table_markdown(setup_table(about), SETUP_HEADS, [about.model_note()])


def _seeds(rows, about):
    return table_markdown(seed_table(rows["02_edits"]), SEED_HEADS, [notes(rows["02_edits"], about)[-1]])



def _verdict(rows, about):
    return Table(verdict(rows["02_edits"], ledger.judged(rows)))


_JUDGED = ("02_edits", "02_transfer_rows")
PAGES = {
    "02_table6": Page("table", ("02_edits", "02_distances"), _quality(6)),
    "02_table10": Page("table", ("02_edits", "02_distances"), _quality(10)),
    "02_controls": Page("table", ("02_edits", "02_distances"), _controls),
    "02_conventions": Page("table", ("02_edits",), _conventions),
    "02_settings": Page("table", ("02_protections", "02_edits"), _settings),
    "02_setup": Page("table", ("02_edits",), _setup),
    "02_seeds": Page("table", ("02_edits",), _seeds),
    "02_ledger": Page("table", _JUDGED, ledger.table),
    "02_sensitivity": Page("table", _JUDGED, ledger.sensitivity_table),
    "02_verdict": Page("text", _JUDGED, _verdict),
}
