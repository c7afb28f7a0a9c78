"""What the rows of notebook 03 say: what IMPRESS restores, which part of it does, what is printed. Needs no torch."""

import math

from ..papers import published
from . import ledger
from .page import Page
from .purification import EVERY, UNTREATED, chosen, gains, in_common, listed, mean, notes, protection, purifier, restored, run_notes
from .statistics import Table, table_markdown

IMPRESS_ARMS = ("IMPRESS, noise only", "IMPRESS, released in half", "IMPRESS, released", "IMPRESS, fp32", "IMPRESS")
MEASURES = {"ssim": "SSIM", "psnr": "PSNR (dB)", "vifp": "VIFp", "fsim": "FSIM", "ssim-sewar": "SSIM as sewar has it"}


def editing_table(rows):
    """One line a protection and purification: how close the edit is to the clean picture's, and what the purified picture is worth."""
    lines = []
    for key in EVERY:
        for purified in (UNTREATED, "IMPRESS", "JPEG 75", "AdverseCleaner", "autoencoder"):
            found = chosen(rows, key, purified)
            if found:
                line = dict(protection=protection(key), purified=purifier(purified), picture=mean(found, "picture_ssim"))
                line |= {measure: mean(found, measure) for measure in MEASURES}
                line["gain"] = None if purified == UNTREATED else mean(gains(rows, key, purified), "gain")
                lines.append(line | dict(people=len(listed(found, "subject"))))
    return lines


EDITING_HEADS = {"protection": "protection", "purified": "purified by"} | MEASURES
EDITING_HEADS |= {"gain": "SSIM gained by purification", "picture": "SSIM of the picture itself", "people": "people"}


def arm_table(rows, protection, arms=IMPRESS_ARMS):
    """IMPRESS's arms on one protection, on the edits that all of them have: what the optimiser did, and what came of it."""
    lines, rows = [], in_common(rows, protection, (UNTREATED, *arms))
    for arm in (UNTREATED, *arms):
        found = chosen(rows, protection, arm)
        if not found:
            continue
        line = dict(what=purifier(arm), change=mean(found, "change"), far=mean(found, "from_protected"))
        for key in ("never_moved", "zero_moments"):
            share = mean(found, key)
            line[key] = f"{100 * share[0]:.0f} %" if share else None
        errors = [mean(found, key) for key in ("consistency_before", "consistency_start", "consistency")]
        line["consistency"] = " → ".join(f"{one[0]:.4f}" for one in errors) if all(errors) else None
        line |= {key: mean(found, key) for key in ("latent_shift", "picture_ssim", "ssim")}
        line["gain"] = None if arm == UNTREATED else mean(gains(rows, protection, arm), "gain")
        lines.append(line | dict(people=len(listed(found, "subject"))))
    return lines


def arm_heads(distance):
    """Headings of `arm_table`; distance: what the perceptual distance is called here."""
    return {
        "what": "arm", "never_moved": "values never moved", "zero_moments": "second moments that are 0",
        "consistency": "consistency error: before → with noise → after", "change": "mean change (levels)",
        "far": f"{distance} to the protected", "latent_shift": "latents: distance to the clean ones",
        "picture_ssim": "SSIM of the picture itself", "ssim": "SSIM of the edit", "gain": "gained", "people": "people",
    }  # fmt: skip


def published_table(rows):
    """What is printed about IMPRESS on editing, with its standing and doubt, beside the nearest of ours."""
    ours = {"photoguard": UNTREATED, "photoguard-purified": "IMPRESS, released in half"}  # of the adaptive attack, which those scripts run
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


def published_heads(about):
    """Headings of `published_table`, which name both models."""
    return {
        "source": "source", "place": "place", "what": "edited picture", "quantity": "quantity",
        "value": "printed: Stable Diffusion, 512 px",
        "ours": f"ours: {about.profile}, {about.size} px, adaptive attack and IMPRESS as released, sewar's SSIM",
        "standing": "standing", "note": "doubt or detail",
    }  # fmt: skip


def verdict(rows):
    """Notebook 03 in a few sentences made from its rows."""
    arms = {
        "IMPRESS": "IMPRESS as meant (single precision, Adam's epsilon 1e-8)",
        "IMPRESS, fp32": "single precision with the released epsilon, 1e-5",
        "IMPRESS, released": "image and Adam's state in half precision, as released, the networks in single",
        "IMPRESS, released in half": "the same with the networks in half precision too, as the release runs",
        "IMPRESS, noise only": "its start noise alone",
        "JPEG 75": "one JPEG file, quality 75",
        "AdverseCleaner": "AdverseCleaner",
        "autoencoder": "encode-decode",
    }
    rows = in_common(rows, "encoder", (UNTREATED, *arms))
    back = {words: restored(rows, "encoder", arm) for arm, words in arms.items() if chosen(rows, "encoder", arm)}
    told = [f"{words} {100 * share:.0f} %" for words, share in back.items() if not math.isnan(share)]
    frozen = mean(chosen(rows, "encoder", "IMPRESS, released"), "never_moved")[0]
    stuck = f"The released arm never moves {100 * frozen:.0f} % of the values."
    if not told:
        return f"The encoder attack has no clear effect here, of which a share could be restored. {stuck}"
    return (
        f"Of what the encoder attack takes from the person in the edit is restored, by: {'; '.join(told)}. Below 0, purification makes it"
        f" worse. {len(listed(rows, 'subject'))} people, the same for all. {stuck}"
    )


# --- pages -----------------------------------------------------------------------------------------------------------------


def _table(rows, about):
    edits = rows["03_edits"]
    return table_markdown(editing_table(edits), EDITING_HEADS, notes(edits, about))


def _arms(rows, about):
    edits = rows["03_edits"]
    return table_markdown(arm_table(edits, "encoder"), arm_heads(about.settings["distance"]), run_notes(edits, about))


def _arms_clean(rows, about):
    return table_markdown(arm_table(rows["03_edits"], "clean"), arm_heads(about.settings["distance"]))


def _published(rows, about):
    return table_markdown(published_table(rows["03_edits"]), published_heads(about))



def _verdict(rows, about):
    return Table(verdict(rows["03_edits"]))


PAGES = {
    "03_table": Page("table", ("03_edits",), _table),
    "03_arms": Page("table", ("03_edits",), _arms),
    "03_arms_clean": Page("table", ("03_edits",), _arms_clean),
    "03_published": Page("table", ("03_edits",), _published),
    "03_ledger": Page("table", ("03_edits", "03_step_rows"), ledger.table),
    "03_sensitivity": Page("table", ("03_edits", "03_step_rows"), ledger.sensitivity_table),
    "03_verdict": Page("text", ("03_edits",), _verdict),
}
