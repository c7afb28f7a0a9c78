"""What the rows of notebook 01 say: effects, the answer in one sentence, tables. Needs no torch."""

from ..artefacts.about import settings_note
from ..papers import photoguard as paper
from ..papers import published
from ..papers.measures import distance
from . import ledger, looks
from .effects import LIKEWISE, PERSON, remaining, remains
from .page import Page
from .statistics import Table, summarise, table_markdown

SHOWN = (None, 95, 85, 75, 50, 30, 15, 5)  # qualities in tables and in the picture grid
GONE = 0.1  # the protection counts as gone where less than this share of its effect remains
CONTROLS = ("clean", "noise", "another seed")
STRONG = "encoder, strong"

HEADS = {"quality": "JPEG quality", "clean": "SSIM, clean", "noise": "SSIM, noise", "protected": "SSIM, PhotoGuard",
         "effect": "effect: the person's 1 - SSIM", "of_noise": "the same of noise",
         "share": "remaining effect", "strong": "remaining effect, strong attack",
         "people": "people"}  # fmt: skip
PROTECTION_HEADS = {"role": "pictures", "protection": "protection", "levels": "largest change (levels)", "rms": "RMS (levels)",
                    "psnr": "PSNR (dB)", "ssim": "SSIM"}  # fmt: skip
PUBLISHED_HEADS = {"paper": "paper", "place": "place", "condition": "condition", "quantity": "quantity", "value": "value",
                   "standing": "standing"}  # fmt: skip


def attack(rows) -> str:
    """The key of the protection that the rows are about; its controls are the clean and the noised picture."""
    keys = [key for key in dict.fromkeys(r["protection"] for r in rows) if key not in CONTROLS]
    if not keys:
        raise ValueError(f"expected rows of a protection, got only {', '.join(CONTROLS)}; run the notebook again")
    return keys[0]


def same_seed(rows, misuse, role="people"):
    """The rows of one kind of edit on one group of pictures, without the seed floor."""
    return [r for r in rows if (r["misuse"], r["role"], r["seed"]) == (misuse, role, 0) and r["protection"] != "another seed"]


def throughout(rows, misuse, role="people"):
    """Those rows of the first seed that are of people edited at every quality, so that a curve is of the same people all along."""
    found = same_seed(rows, misuse, role)
    qualities: dict = {}
    for row in found:
        qualities.setdefault(row["subject"], set()).add(row["quality"])
    most = max(map(len, qualities.values()), default=0)
    return [row for row in found if len(qualities[row["subject"]]) == most]


def floor(rows, misuse, measure="ssim", role="people"):
    """Mean of `measure` between two clean edits with different seeds."""
    found = [r for r in rows if (r["misuse"], r["role"], r["protection"]) == (misuse, role, "another seed")]
    return summarise(found, ["misuse"], measure)[0]["mean"]


def over_quality(rows, misuse, protection=None, measure=PERSON, role="people"):
    """Effect of a protection per quality: distance of its edit to that of the clean picture under the same file.

    One dict a quality: quality, mean, low, high, n (people), and share: the remaining effect with its interval, as in `effects`. All of a
    person's seeds; nothing of a protection without rows. protection: None is the attack the rows are about.
    """
    found = [r for r in rows if r["misuse"] == misuse and r["role"] == role]
    protection, column = protection or attack(found), LIKEWISE.format(measure)
    mine = [r | {"effect": distance(measure, r[column])} for r in found if r["protection"] == protection]
    lines = summarise(mine, ["quality"], "effect") if mine else []
    cells = {line["quality"]: [dict(protection=protection, quality=q) for q in (line["quality"], None)] for line in lines}
    return [line | {"share": remains(mine, remaining(*cells[line["quality"]]), measure)[:3]} for line in lines]


def answer(rows, misuse, measure=PERSON):
    """One sentence: from which quality down is the protection gone?"""
    if not same_seed(rows, misuse):
        return f"This profile's model has no denoiser for {misuse}."
    table = over_quality(rows, misuse, measure=measure)
    whole = next(row for row in table if row["quality"] is None)
    noise = next(row for row in over_quality(rows, misuse, "noise", measure) if row["quality"] is None)
    stated = (
        f"Without JPEG, PhotoGuard takes {_interval(whole)} of the person's SSIM in the {misuse} (uniform noise: {_interval(noise)})"
    )
    if not whole["low"] > 0:
        return f"{stated}; that is no clear effect, so there is nothing for JPEG to remove."
    files = sorted((row for row in table if row["quality"] is not None), key=lambda row: -row["quality"])
    half = _from_here_on(files, _halved)
    gone = _from_here_on(files, _gone)
    tail = f"it has lost half of that from quality {half} down" if half else "it keeps more than half of that at every quality"
    end = f"is gone (under {GONE:.0%} of it remain) from quality {gone} down" if gone else "is never quite gone"
    return f"{stated}; {tail}, and {end}."


def _from_here_on(files, holds):
    """The highest quality from which down `holds` of every line; None where it never does for good."""
    found = None
    for row in reversed(files):
        if not holds(row):
            break
        found = row["quality"]
    return found


def _halved(row):
    return row["share"][0] < 0.5


def _gone(row):
    return row["share"][0] < GONE


def _interval(row):
    return f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def effect_table(rows, misuse, qualities=SHOWN):
    """Rows for table_markdown: similarity per protection, effects and what remains of them, at the qualities shown."""
    chosen = same_seed(rows, misuse)
    if not chosen:
        return [dict.fromkeys(HEADS) | {"quality": f"no {misuse} on this model"}]
    name, ssim = attack(chosen), _means(chosen, "ssim")
    found, noise, strong = ({line["quality"]: line for line in over_quality(rows, misuse, key)} for key in (name, "noise", STRONG))
    return [
        dict(
            quality="no JPEG" if q is None else q, clean=ssim["clean", q], noise=ssim["noise", q], protected=ssim[name, q],
            effect=_ends(found[q]), of_noise=_ends(noise[q]), share=found[q]["share"],
            strong=strong[q]["share"] if q in strong else None, people=found[q]["n"],
        )
        for q in qualities
        if q in found
    ]  # fmt: skip


def _ends(line):
    return line["mean"], line["low"], line["high"]


def _means(rows, measure):
    """(protection, quality) -> (mean, low, high)."""
    table = summarise(rows, ["protection", "quality"], measure)
    return {(r["protection"], r["quality"]): (r["mean"], r["low"], r["high"]) for r in table}


def published_rows():
    """What others printed for JPEG on PhotoGuard, on Stable Diffusion at 512 px: rows for table_markdown."""
    found = [row for row in published.numbers() if row.key.startswith(("diffvax/", "dia/")) and "jpeg" in row.key]
    return [{name: getattr(row, name) for name in PUBLISHED_HEADS} for row in found]


def protection_table(rows):
    """One line a role and protection: how large the perturbation is on the stored pictures."""
    lines = []
    for role, protection in dict.fromkeys((r["role"], r["protection"]) for r in rows):
        mine = [r for r in rows if (r["role"], r["protection"]) == (role, protection)]
        mean = {key: sum(r[key] for r in mine) / len(mine) for key in ("rms", "psnr", "ssim")}
        largest = round(max(r["levels"] for r in mine))
        lines.append(dict(role=role, protection=looks.label(looks.PROTECTIONS, protection), levels=largest, **mean))
    return lines


def notes(rows, about):
    """Footnotes of the effect tables: settings with their sources, what differs, model, seed and scale."""
    inpainting, edits = about.edits("inpainting"), [_edit_note("Variation", about.edits("variation"))]
    if inpainting:
        printed = paper.PHOTOGUARD_EDIT["released inpainting"].steps
        edits.append(_edit_note("Inpainting", inpainting) + (f" instead of {printed}." if inpainting["steps"] != printed else "."))
    return [
        _attack_note(rows, about),
        " ".join(edits),
        "SSIM: of the first seed's edits to the clean, uncompressed edit. Effect: 1 - SSIM, over the person, of the protected picture's"
        " edit to that of the clean picture under the same file, all seeds; remaining: its share of that without a file. Pictures"
        " that differ at all, by noise too, end in files that differ: read the effect beside noise's. Means over people, 95 % intervals"
        " (Student's t; Fieller's of a share).",
        f"JPEG: as Pillow has it, {about.settings['subsampling']}. {_run_note(rows, about)}",
    ]


def protection_notes(rows, about):
    """Footnotes of the table of protections, which has no edits: the attack, model, seed and scale."""
    return [_attack_note(rows, about), _run_note(rows, about)]


def _attack_note(rows, about):
    name = attack(rows)
    chosen = about.settings["protections"][name]
    size = f"eps {chosen['eps']:g} levels, {chosen['steps']} steps of {chosen['step']:g}"
    return settings_note(f"PhotoGuard ({name.partition(', ')[2] or 'paper'})", chosen | {"source": f"{size}; {chosen['source']}"})


def _run_note(rows, about):
    people = {r["subject"] for r in rows if r["role"] == "people"}
    return f"Model {about.run()}; {len(people)} pictures."


def _edit_note(what, settings):
    how = f"{settings['steps']} steps" + (f", strength {settings['strength']:g}, DDIM." if settings["strength"] else "")
    return f"{what}: {settings['source']}; {how}"


def verdict(rows):
    """What held of the note's claim on this model: the answer per kind of edit, and what JPEG does to the latents."""
    kinds = list(dict.fromkeys(r["misuse"] for r in rows))
    lines = [f"{kind.capitalize()}. {answer(rows, kind)}" for kind in kinds]
    chosen = same_seed(rows, kinds[0])
    moved = {(r["protection"], r["quality"]): r["mean"] for r in summarise(chosen, ["protection", "quality"], "latent_shift")}
    name = attack(chosen)
    whole, after, alone = (moved.get(key) for key in ((name, None), (name, 75), ("clean", 75)))
    if whole and after is not None:
        lines.append(
            f"Latents. The attack moves them by {whole:.2f} of their distance to grey. After JPEG 75 the protected picture's lie"
            f" {after:.2f} from where the clean one's were, and the clean picture's own {alone:.2f}: part of that distance is JPEG's,"
            " whatever became of the attack. How much JPEG restores along the attack's own way, towards grey, is in notebook 00."
        )
    return "\n\n".join(lines)


# --- pages -----------------------------------------------------------------------------------------------------------------


def _protected(rows, about):
    found = rows["01_protections"]
    return table_markdown(protection_table(found), PROTECTION_HEADS, protection_notes(found, about))


def _table(misuse):
    def make(rows, about):
        return table_markdown(effect_table(rows["01_edits"], misuse), HEADS, notes(rows["01_edits"], about))

    return make


def _answer(misuse):
    def make(rows, about):
        return Table(answer(rows["01_edits"], misuse))

    return make


def _published(rows, about):
    return table_markdown(published_rows(), PUBLISHED_HEADS)



def _verdict(rows, about):
    return Table(verdict(rows["01_edits"]))


PAGES = {
    "01_protected": Page("table", ("01_protections",), _protected),
    "01_answer": Page("text", ("01_edits",), _answer("variation")),
    "01_table": Page("table", ("01_edits",), _table("variation")),
    "01_inpainting_answer": Page("text", ("01_edits",), _answer("inpainting")),
    "01_inpainting_table": Page("table", ("01_edits",), _table("inpainting")),
    "01_published": Page("table", ("01_edits",), _published),
    "01_ledger": Page("table", ("01_edits",), ledger.table),
    "01_sensitivity": Page("table", ("01_edits",), ledger.sensitivity_table),
    "01_verdict": Page("text", ("01_edits",), _verdict),
}
