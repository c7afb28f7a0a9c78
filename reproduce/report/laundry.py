"""What the rows of notebooks 03 and 04 say, in tables and sentences. Needs no torch."""

import math

from .. import report
from ..papers import published

NAMES = {
    "clean": "clean picture",
    "noise": "uniform noise",
    "encoder": "encoder attack",
    "encoder, through JPEG": "encoder attack, through JPEG",
    "diffusion": "diffusion attack",
    "diffusion, released": "diffusion attack, released",
    "diffusion, adaptive": "diffusion attack, adaptive",
}
UNWASHED = "none"
LEAST = 0.02  # SSIM: of a smaller effect no share is told
SPARED = 0.98  # SSIM of the edit of a washed clean picture: a launderer that leaves less has hurt the edit itself
UNCOUNTED = ("blur, as named", "IMPRESS, noise only", "crop")  # launderers that change nothing, are a control, or move the person
WASHED = {
    UNWASHED: "as it is", "noise 0.05": "noise, 13 levels", "noise 0.1": "noise, 26 levels",
    "IMPRESS, noise only": "IMPRESS, its noise only (6 levels)",
}  # fmt: skip
MEASURES = {"ssim": "SSIM", "psnr": "PSNR (dB)", "vifp": "VIFp", "fsim": "FSIM", "ssim-sewar": "SSIM as sewar has it"}


def joined(washed, edited):
    """One row an edit: what was measured on it, beside what was measured on the washed picture that was edited."""
    key = lambda row: (row["protection"], row["launderer"], row["changed"], row["image"])  # noqa: E731
    pictures = {key(row): row for row in washed}
    return [pictures[key(row)] | row for row in edited]


def chosen(rows, protection, launderer, changed=""):
    """The rows of one cell."""
    return [r for r in rows if (r["protection"], r["launderer"], r["changed"]) == (protection, launderer, changed)]


def listed(rows, key):
    """The different values of a column, in order."""
    return list(dict.fromkeys(r[key] for r in rows))


def mean(rows, value):
    """(mean, low, high) of a column over pictures; None where no row has it."""
    known = [r for r in rows if r.get(value) is not None]
    if not known:
        return None
    [line] = report.summarise(known, [], value)
    return line["mean"], line["low"], line["high"]


def gains(rows, protection, launderer):
    """How much closer to the clean edit washing brings the edit, in SSIM: a row an edit."""
    before = {(r["image"], r["asked"]): r["ssim"] for r in chosen(rows, protection, UNWASHED)}
    return [dict(image=r["image"], gain=r["ssim"] - before[r["image"], r["asked"]]) for r in chosen(rows, protection, launderer)]


def recovered(rows, protection, launderer):
    """Mean gain over what the protection took: 1 would be the clean edit, below 0 washing makes it worse."""
    return mean(gains(rows, protection, launderer), "gain")[0] / (1 - mean(chosen(rows, protection, UNWASHED), "ssim")[0])


def share_left(rows, protection, launderer):
    """What is left of a protection's effect: the edit's loss beyond that of the clean picture washed likewise, over the loss unwashed.

    Means over edits, paired by picture and prompt; nan where there is no clear effect to begin with, or less than LEAST.
    """
    at = {(r["protection"], r["launderer"], r["image"], r["asked"]): r["ssim"] for r in rows if not r["changed"]}
    edits = [(r["image"], r["asked"]) for r in chosen(rows, protection, UNWASHED)]
    lost = lambda washed: [  # noqa: E731
        dict(image=one[0], lost=at[("clean", washed, *one)] - at[(protection, washed, *one)]) for one in edits
    ]
    before, low, _ = mean(lost(UNWASHED), "lost")
    if before < LEAST or low <= 0:
        return math.nan
    return mean(lost(launderer), "lost")[0] / before


def editing_table(rows):
    """One line a protection and washing: how close the edit is to the clean picture's, and what the washed picture is worth."""
    return [
        dict(protection=NAMES[protection], washed=WASHED.get(washed, washed), picture=mean(found, "picture_ssim"))
        | {key: mean(found, key) for key in MEASURES}
        | dict(gain=None if washed == UNWASHED else mean(gains(rows, protection, washed), "gain"))
        for protection in NAMES
        for washed in (UNWASHED, "IMPRESS", "JPEG 75", "AdverseCleaner", "autoencoder")
        if (found := chosen(rows, protection, washed))
    ]


EDITING_HEADS = {"protection": "protection", "washed": "washed by"} | MEASURES
EDITING_HEADS |= {"gain": "SSIM gained by washing", "picture": "SSIM of the picture itself"}


def arm_table(rows, protection, arms):
    """IMPRESS's arms on one protection: what the optimiser did, and what came of it."""
    lines = []
    for arm in (UNWASHED, *arms):
        found = chosen(rows, protection, arm)
        line = dict(what=WASHED.get(arm, arm), levels=mean(found, "levels"), far=mean(found, "from_protected"))
        for key in ("never_moved", "zero_moments"):
            line[key] = f"{100 * share[0]:.0f} %" if (share := mean(found, key)) else None
        errors = [mean(found, key) for key in ("consistency_before", "consistency_start", "consistency")]
        line["consistency"] = " → ".join(f"{one[0]:.4f}" for one in errors) if all(errors) else None
        line |= {key: mean(found, key) for key in ("reads", "picture_ssim", "ssim")}
        lines.append(line | dict(gain=None if arm == UNWASHED else mean(gains(rows, protection, arm), "gain")))
    return lines


def arm_heads(distance):
    """Headings of `arm_table`; distance: what the perceptual distance is called here."""
    return {
        "what": "arm", "never_moved": "values never moved", "zero_moments": "second moments that are 0",
        "consistency": "consistency error: before → with noise → after", "levels": "mean change (levels)",
        "far": f"{distance} to the protected", "reads": "latents: distance to the clean ones", "picture_ssim": "SSIM of the picture itself",
        "ssim": "SSIM of the edit", "gain": "gained",
    }  # fmt: skip


def published_table(rows):
    """What is printed about IMPRESS on editing, with its standing and doubt, beside the nearest of ours."""
    ours = {"photoguard": UNWASHED, "photoguard-purified": "IMPRESS, released"}  # of the adaptive attack, which those scripts run
    lines = []
    for claim in ("impress/note", "impress/issue5", "impress/rerun", "diffvax/tables/photoguard-diffusion-impress",
                  "diffvax/tables/photoguard-diffusion-jpeg"):  # fmt: skip
        for row in published.numbers(claim):
            if not row.quantity.startswith("SSIM") or "image" in row.key:
                continue
            near = ours.get(row.key.split("/")[2])
            value = f"{row.value:g}" + (f" ± {row.spread:g}" if row.spread else "")
            line = dict(source=row.paper, place=row.place, what=row.condition, quantity=row.quantity, value=value)
            found = mean(chosen(rows, "diffusion, adaptive", near), "ssim-sewar") if near else None
            lines.append(line | dict(standing=row.standing, ours=found, note=row.note))
    return lines


def published_heads(study):
    """Headings of `published_table`, which name both models."""
    return {
        "source": "source", "place": "place", "what": "edited picture", "quantity": "quantity",
        "value": "printed: Stable Diffusion, 512 px",
        "ours": f"ours: {study.name}, {study.profile.size} px, adaptive attack and IMPRESS as released, sewar's SSIM",
        "standing": "standing", "note": "doubt or detail",
    }  # fmt: skip


def cost_table(rows):
    """What each launderer costs an unprotected picture, and its edit."""
    columns = ("picture_ssim", "picture_psnr", "perceptual", "ssim")
    return [
        dict(what=WASHED.get(washed, washed)) | {key: mean(found, key) for key in columns}
        for washed in listed(rows, "launderer")
        if washed != UNWASHED and (found := chosen(rows, "clean", washed))
    ]


def cost_heads(distance):
    """Headings of `cost_table`."""
    return {"what": "launderer, on the clean picture", "picture_ssim": "SSIM of the picture", "picture_psnr": "PSNR (dB)",
            "perceptual": f"{distance} to the original", "ssim": "SSIM of its edit to the unwashed picture's"}  # fmt: skip


def washing_verdict(rows):
    """Notebook 03 in a few sentences made from its rows."""
    arms = {
        "IMPRESS": "IMPRESS as meant (single precision, Adam's epsilon 1e-8)",
        "IMPRESS, fp32": "single precision with the released epsilon, 1e-5",
        "IMPRESS, released": "the released half precision",
        "IMPRESS, noise only": "its start noise alone",
        "JPEG 75": "one JPEG file, quality 75",
        "AdverseCleaner": "AdverseCleaner",
        "autoencoder": "the autoencoder's round trip",
    }
    told = [f"{words} {100 * recovered(rows, 'encoder', arm):.0f} %" for arm, words in arms.items() if chosen(rows, "encoder", arm)]
    frozen = mean(chosen(rows, "encoder", "IMPRESS, released"), "never_moved")[0]
    return (
        f"Of what the encoder attack takes from the edit's SSIM is given back, by: {'; '.join(told)}. Below 0, washing makes it worse."
        f" The released arm never moves {100 * frozen:.0f} % of the values."
    )


def survivors(rows):
    """Notebook 04 in a few sentences: for each attack, how many launderers leave most of it, and which does best without hurting edits."""
    washers, lines = [washed for washed in listed(rows, "launderer") if washed not in (UNWASHED, *UNCOUNTED)], []
    sparing = [washed for washed in washers if mean(chosen(rows, "clean", washed), "ssim")[0] >= SPARED]
    for protection in (name for name in NAMES if name in listed(rows, "protection") and name not in ("clean", "noise")):
        shares, name = {washed: share_left(rows, protection, washed) for washed in washers}, _begun(NAMES[protection])
        if any(math.isnan(one) for one in shares.values()):
            lines.append(f"{name}: no clear effect to begin with.")
            continue
        told = f"{name}: {sum(one > 0.5 for one in shares.values())} of {len(shares)} launderers leave more than half of its effect; "
        best = min(sparing, key=shares.get, default=None)
        spares = f"a clean picture's edit (SSIM {SPARED:g} or more)"
        end = f"none of them spares {spares}"
        if best:
            end = f"of the {len(sparing)} that spare {spares}, {WASHED.get(best, best)} leaves least, {100 * shares[best]:.0f} %"
        lines.append(f"{told}{end}.")
    few = [WASHED.get(one, one) for one in UNCOUNTED if one in listed(rows, "launderer")]
    return "\n".join([*lines, f"Not counted: {'; '.join(few)}."] if few else lines)


def _begun(words):
    """The words as a line begins: str.capitalize would write JPEG small."""
    return words[0].upper() + words[1:]


def notes(lab):
    """Footnotes: every protection's and launderer's settings with their source, what an interval is, model, seed and scale."""
    study, scale = lab.study, lab.scale
    washers = {one.launderer: lab.record(one) for one in lab.washes if not one.changes and one.launderer != UNWASHED}
    settings = {_begun(NAMES[name]): one for name, one in lab.protected.settings.items()} | washers
    return [
        *(f"{name}: {one.source}." + (f" Differs: {one.differs}." if one.differs else "") for name, one in settings.items()),
        f"{len(lab.names)} people, {scale.prompts} of the prompts each; all but the person is repainted in {scale.edit_steps} steps."
        " [ ] is the 95 % bootstrap interval of the mean over people" + (", who are few." if len(lab.names) < 10 else "."),
        f"Model {study.profile.describe()}; seed {study.seed}, scale {study.scale}.",
    ]
