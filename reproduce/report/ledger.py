"""The ledger: what each paper claims, measured as an effect over images, with an interval and a verdict. Needs no torch.

A claim names the rows it is judged on (`artefact`, a CSV under figures/<profile>/) and turns them into one effect an image and edit,
positive where the claim is right. The same records judge any profile. Its verdict, from the 95 % interval over images (bootstrap; of
fewer than six images Student's t, see summary.effect):

    held        the whole interval is above 0
    not held    the whole interval is below 0
    undecided   it reaches both sides, or there is one image alone
    not run     there are no rows to judge it by
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..measure import MEASURES
from .statistics import effect, read_rows

PHOTOGUARD, JPEG, GAPDIFF = "PhotoGuard, arXiv 2302.06588", "JPEG bypass, arXiv 2304.02234", "GAP-Diff, NDSS 2025"
IMPRESS, DIFFVAX = "IMPRESS, arXiv 2310.19248", "DiffVax"
TABLE6, TABLE10 = ("ssim", "psnr", "vifp", "fsim"), ("sr-sim", "gmsd", "vsi", "dss", "haarpsi")
QUALITY = 75  # at which "JPEG undoes it" is judged


@dataclass(frozen=True)
class Claim:
    """A record: the claim's words and place, what its effect measures, the rows it needs, and how they become effects."""

    key: str
    paper: str
    place: str
    text: str
    measured: str
    artefact: str
    effects: Callable  # rows -> [{"image": ..., "effect": ...}]


def judge(claim, rows) -> dict:
    """One line of the ledger: effect (mean, low, high), number of images, verdict."""
    about = dict(key=claim.key, paper=claim.paper, place=claim.place, claim=claim.text, measured=claim.measured)
    found = claim.effects(rows)
    if not found:
        return about | dict(effect=None, images=0, verdict="not run")
    mean, low, high, images = effect(found, "effect")
    return about | dict(effect=(mean, low, high), images=images, verdict=verdict(low, high))


def verdict(low, high) -> str:
    """The word for an interval; nan, where there is none, is undecided."""
    return "held" if low > 0 else "not held" if high < 0 else "undecided"


def judged(rows) -> list[dict]:
    """The claims that are judged on these artefacts (name -> rows)."""
    return [judge(claim, rows[claim.artefact]) for claim in CLAIMS if claim.artefact in rows]


def ledger(folder) -> list[dict]:
    """Every claim, judged on the rows in `folder` (figures/<profile>)."""
    paths = {name: Path(folder) / f"{name}.csv" for name in {claim.artefact for claim in CLAIMS}}
    return judged({name: read_rows(path) if path.is_file() else [] for name, path in paths.items()})


HEADS = {"claim": "claim", "place": "place", "measured": "effect (positive: as claimed)", "effect": "mean [95 % interval]",
         "images": "images", "verdict": "verdict"}  # fmt: skip


def _edits(rows, *arms):
    """Lists of rows of the fixed seed, one per person and prompt, a row of each protection in `arms`."""
    fixed = [r for r in rows if r["seeds"] == "fixed"]
    by = {(r["image"], r["prompt"], r["protection"]): r for r in fixed}
    asked = dict.fromkeys((r["image"], r["prompt"]) for r in fixed)
    return [[by[(*edit, arm)] for arm in arms] for edit in asked if all((*edit, arm) in by for arm in arms)]


def _less_similar(arm, than, measure):
    """Effects of: the edits under `arm` are less similar to the clean edits than those under `than`."""
    sign = 1 if MEASURES[measure].better == "higher" else -1

    def effects(rows):
        return [dict(image=b["image"], effect=sign * (a[measure] - b[measure])) for a, b in _edits(rows, than, arm)]

    return effects


def _worse_fit(rows):
    return [dict(image=b["image"], effect=a["fit"] - b["fit"]) for a, b in _edits(rows, "clean", "diffusion")]


def _noise_is_nothing(rows):
    """Half of what another seed changes, less what noise changes, in SSIM."""
    pairs = _edits(rows, "another seed", "noise")
    return [dict(image=noise["image"], effect=(1 - seed["ssim"]) / 2 - (1 - noise["ssim"])) for seed, noise in pairs]


def _more_than_a_seed(rows):
    pairs = _edits(rows, "another seed", "diffusion")
    return [dict(image=attack["image"], effect=seed["ssim"] - attack["ssim"]) for seed, attack in pairs]


def _undone(edit):
    """Half of what PhotoGuard takes from the edit's SSIM, less what it still takes after JPEG."""

    def effects(rows):
        chosen = [r for r in rows if r["edit"] == edit and r["group"] == "people" and r["seed"] == "same"]
        at = {(r["image"], r["prompt"], r["protection"], r["quality"]): r["ssim"] for r in chosen}
        asked = dict.fromkeys((r["image"], r["prompt"]) for r in chosen)
        lost = lambda one, quality: at[(*one, "clean", quality)] - at[(*one, "photoguard-encoder", quality)]  # noqa: E731
        return [dict(image=one[0], effect=lost(one, None) / 2 - lost(one, QUALITY)) for one in asked]

    return effects


def _removed(rows):
    """Half of the perturbation's brightness, less what a file of quality 75 leaves of it."""
    wanted = dict(protection="photoguard-encoder", kind="brightness", band="all", quality=QUALITY)
    return [dict(image=r["image"], effect=0.5 - r["kept"]) for r in rows if wanted.items() <= r.items()]


def _prompted(rows):
    """At as many steps as an edit takes here, the loss under the attack made with the edit's prompt, less that under the encoder attack."""
    most = max((r["steps"] for r in rows), default=None)
    at = {(r["image"], r["protection"]): r["ssim"] for r in rows if r["steps"] == most and r["prompted"]}
    return [dict(image=i, effect=at[i, "encoder"] - at[i, arm]) for i, arm in at if arm == "diffusion, prompted"]


def _washed(rows, protection, launderer):
    """(image, prompt) -> row of one cell of notebooks 03 and 04, settings as they are."""
    mine = [r for r in rows if (r["protection"], r["launderer"]) == (protection, launderer) and not r["changed"]]
    return {(r["image"], r["asked"]): r for r in mine}


def _closer(protection, launderer, than):
    """Effects of: washed so, the edit is closer to the clean one than washed otherwise."""

    def effects(rows):
        better, worse = (_washed(rows, protection, washed) for washed in (launderer, than))
        return [dict(image=one[0], effect=better[one]["ssim"] - worse[one]["ssim"]) for one in better if one in worse]

    return effects


def _inconsistent(rows):
    """How much further from itself the autoencoder puts the attacked picture than the noised one, mean squared on [-1, 1]."""
    attacked, noised = (_washed(rows, protection, "IMPRESS") for protection in ("encoder", "noise"))
    return [dict(image=one[0], effect=attacked[one]["consistency_before"] - noised[one]["consistency_before"]) for one in attacked]


def _adaptive(rows):
    """What IMPRESS gains on the adaptive protection, less what it gains on the same attack without its term, in SSIM of the edit."""
    gained = []
    for protection in ("diffusion, adaptive", "diffusion, released"):
        after, before = (_washed(rows, protection, washed) for washed in ("IMPRESS", "none"))
        gained.append({one: after[one]["ssim"] - before[one]["ssim"] for one in after})
    return [dict(image=one[0], effect=gained[0][one] - gained[1][one]) for one in gained[0] if one in gained[1]]


def _jpeg_as_good(rows):
    """SSIM of the edit after the JPEG that leaves the picture as IMPRESS does (in SSIM, between two qualities), less IMPRESS's.

    A picture that no quality leaves so much, or so little, is left out.
    """
    washers = {r["launderer"] for r in rows if r["launderer"].startswith("JPEG")} | {"none"}
    cells, effects = [_washed(rows, "diffusion", washed) for washed in washers], []
    for one, row in _washed(rows, "diffusion", "IMPRESS").items():
        files = sorted((cell[one]["picture_ssim"], cell[one]["ssim"]) for cell in cells if one in cell)
        if files and files[0][0] <= row["picture_ssim"] <= files[-1][0]:
            effects.append(dict(image=one[0], effect=float(np.interp(row["picture_ssim"], *zip(*files, strict=True))) - row["ssim"]))
    return effects


def _photoguard(key, place, text, measured, effects):
    return Claim(f"photoguard/{key}", PHOTOGUARD, place, text, measured, "02_edits", effects)


CLAIMS = (
    *(
        _photoguard(
            f"{arm}/{measure}", f"Table {6 if measure in TABLE6 else 10}", f"{words}: {measure.upper()}",
            f"{measure.upper()} of the edit under {than}, less that under the {arm} attack" + (", negated" if measure == "gmsd" else ""),
            _less_similar(arm, than, measure),
        )
        for arm, than, words in (
            ("encoder", "noise", "the encoder attack makes edits less similar than random noise does"),
            ("diffusion", "encoder", "the diffusion attack makes them less similar than the encoder attack does"),
        )
        for measure in TABLE6 + TABLE10
    ),
    _photoguard(
        "noise", "section 4.2", "edits of noised pictures are almost identical to those of clean ones",
        "half of what another seed changes (SSIM), less what noise changes", _noise_is_nothing,
    ),
    _photoguard(
        "prompt", "Figure 7", "after the diffusion attack, edits fit their prompt less",
        "CLIP similarity of the clean edit, less that of the diffusion-attacked", _worse_fit,
    ),
    _photoguard(
        "seed", "Table 6", "edits of immunised images are substantially different from those of the original ones",
        "SSIM of the clean edit under another seed, less that of the diffusion-attacked under the same", _more_than_a_seed,
    ),
    Claim(
        "photoguard/prompted", PHOTOGUARD, "equation 5", "the diffusion attack is the stronger one: made with the edit's prompt",
        "SSIM of the edit under the encoder attack, less that under the diffusion attack made with the prompt",
        "02_transfer_rows", _prompted,
    ),
    *(
        Claim(
            f"jpeg/{edit}", JPEG, "abstract", f"JPEG undoes PhotoGuard: {edit}",
            f"half of what the attack takes from the edit's SSIM, less what it takes at quality {QUALITY}", "01_edits", _undone(edit),
        )
        for edit in ("variation", "inpainting")
    ),
    Claim(
        "gapdiff/premise", GAPDIFF, "motivation", "JPEG removes the noise of gradient attacks",
        f"half of PhotoGuard's perturbation in brightness, less the share that quality {QUALITY} leaves", "05_spectra", _removed,
    ),
    Claim(
        "impress/consistency", IMPRESS, "premise", "the autoencoder reproduces a protected picture less well: than a noised one",
        "squared error of D(E(x)), encoder attack, less that of uniform noise", "03_edits", _inconsistent,
    ),
    *(
        Claim(
            f"impress/{key}", IMPRESS, place, text, "SSIM of the edit of the purified picture, less that of the protected", "03_edits",
            _closer(protection, "IMPRESS", "none"),
        )
        for key, protection, place, text in (
            ("encoder", "encoder", "abstract", "IMPRESS restores edits: encoder attack"),
            ("diffusion", "diffusion", "Table 2", "IMPRESS restores edits: diffusion attack"),
        )
    ),
    Claim(
        "impress/adaptive", IMPRESS, "adaptive protection", "adaptive protection does not stop IMPRESS",
        "SSIM gained on the adaptive protection, less that gained on the same attack without its term", "03_edits", _adaptive,
    ),
    Claim(
        "impress/released", IMPRESS, "released code", "the released optimiser does more than its start noise",
        "SSIM of the edit after the released arm, less that after its start noise alone", "03_edits",
        _closer("encoder", "IMPRESS, released", "IMPRESS, noise only"),
    ),
    Claim(
        "impress/jpeg", DIFFVAX, "Tables 1 and 2", "JPEG restores edits better than IMPRESS does (at equal SSIM of the picture: ours)",
        "diffusion attack: SSIM of the edit after JPEG, between two qualities, less that after IMPRESS", "04_edits", _jpeg_as_good,
    ),
)  # fmt: skip
