"""What each paper claims: records of words, place, rows and the effects they come down to, one a person and edit.

An effect is positive where the claim is right. The same records judge any profile. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..papers.measures import BETTER, TABLE6, TABLE10

PHOTOGUARD, JPEG, GAPDIFF = "PhotoGuard, arXiv 2302.06588", "JPEG bypass, arXiv 2304.02234", "GAP-Diff, NDSS 2025"
IMPRESS, DIFFVAX = "IMPRESS, arXiv 2310.19248", "DiffVax"
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
    effects: Callable  # rows -> [{"subject": ..., "effect": ...}]


def _effect(subject, effect):
    return dict(subject=subject, effect=effect)


def _edits(rows, *arms):
    """Lists of rows of the fixed seed, one per person and prompt, a row of each protection in `arms`."""
    edits: dict = {}  # (subject, prompt) -> protection -> row
    for row in rows:
        if row["rule"] == "fixed":
            edits.setdefault((row["subject"], row["prompt"]), {})[row["protection"]] = row
    return [list(map(by.get, arms)) for by in edits.values() if by.keys() >= set(arms)]


def _less_similar(arm, than, measure):
    """Effects of: the edits under `arm` are less similar to the clean edits than those under `than`."""
    sign = 1 if BETTER[measure] == "higher" else -1

    def effects(rows):
        return [_effect(b["subject"], sign * (a[measure] - b[measure])) for a, b in _edits(rows, than, arm)]

    return effects


def _worse_fit(rows):
    return [_effect(b["subject"], a["fit"] - b["fit"]) for a, b in _edits(rows, "clean", "diffusion")]


def _noise_is_nothing(rows):
    """Half of what another seed changes, less what noise changes, in SSIM."""
    pairs = _edits(rows, "another seed", "noise")
    return [_effect(noise["subject"], (1 - seed["ssim"]) / 2 - (1 - noise["ssim"])) for seed, noise in pairs]


def _more_than_a_seed(rows):
    pairs = _edits(rows, "another seed", "diffusion")
    return [_effect(attack["subject"], seed["ssim"] - attack["ssim"]) for seed, attack in pairs]


def _undone(misuse):
    """Half of what PhotoGuard takes from the edit's SSIM, less what it still takes after JPEG."""

    def effects(rows):
        edits: dict = {}  # (subject, prompt) -> (protection, quality) -> SSIM
        for row in rows:
            if (row["misuse"], row["role"], row["seed"]) == (misuse, "people", 0):
                edits.setdefault((row["subject"], row["prompt"]), {})[row["protection"], row["quality"]] = row["ssim"]
        return [_effect(edit[0], _lost(at, None) / 2 - _lost(at, QUALITY)) for edit, at in edits.items() if ("encoder", QUALITY) in at]

    return effects


def _lost(at, quality):
    return at["clean", quality] - at["encoder", quality]


def _removed(rows):
    """Half of the perturbation's brightness, less what a file of quality 75 leaves of it."""
    wanted = dict(protection="encoder", kind="brightness", band="all", quality=QUALITY)
    return [_effect(r["subject"], 0.5 - r["kept"]) for r in rows if wanted.items() <= r.items()]


def _prompted(rows):
    """At as many steps as an edit takes here, the loss under the attack made with the edit's prompt, less that under the encoder attack."""
    most = max((r["steps"] for r in rows), default=None)
    at = {(r["subject"], r["protection"]): r["ssim"] for r in rows if r["steps"] == most and r["prompted"]}
    return [_effect(i, at[i, "encoder"] - at[i, arm]) for i, arm in at if arm == "diffusion, prompted"]


def _purified(rows, protection, purifier):
    """(subject, prompt) -> row of one cell of notebooks 03 and 04, settings as they are."""
    mine = [r for r in rows if (r["protection"], r["purifier"]) == (protection, purifier) and not r["changed"]]
    return {(r["subject"], r["prompt"]): r for r in mine}


def _closer(protection, purifier, than):
    """Effects of: purified so, the edit is closer to the clean one than purified otherwise."""

    def effects(rows):
        better, worse = (_purified(rows, protection, purified) for purified in (purifier, than))
        return [_effect(one[0], better[one]["ssim"] - worse[one]["ssim"]) for one in better if one in worse]

    return effects


def _inconsistent(rows):
    """How much further from itself the autoencoder puts the attacked picture than the noised one, mean squared on [-1, 1]."""
    attacked, noised = (_purified(rows, protection, "IMPRESS") for protection in ("encoder", "noise"))
    return [_effect(one[0], attacked[one]["consistency_before"] - noised[one]["consistency_before"]) for one in attacked if one in noised]


def _adaptive(rows):
    """What IMPRESS gains on the adaptive protection, less what it gains on the same attack without its term, in SSIM of the edit."""
    adaptive, plain = (_gained(rows, protection) for protection in ("diffusion, adaptive", "diffusion, released"))
    return [_effect(one[0], adaptive[one] - plain[one]) for one in adaptive if one in plain]


def _gained(rows, protection):
    """(subject, prompt) -> what IMPRESS gains, in SSIM of the edit."""
    after, before = (_purified(rows, protection, purified) for purified in ("IMPRESS", "none"))
    return {one: after[one]["ssim"] - before[one]["ssim"] for one in after if one in before}


def _jpeg_as_good(rows):
    """SSIM of the edit after the JPEG that leaves the picture as IMPRESS does (in SSIM, between two qualities), less IMPRESS's.

    A picture that no quality leaves so much, or so little, is left out.
    """
    purifiers = {r["purifier"] for r in rows if r["purifier"].startswith("JPEG")} | {"none"}
    cells, effects = [_purified(rows, "diffusion", purified) for purified in purifiers], []
    for one, row in _purified(rows, "diffusion", "IMPRESS").items():
        files = sorted((cell[one]["picture_ssim"], cell[one]["ssim"]) for cell in cells if one in cell)
        if files and files[0][0] <= row["picture_ssim"] <= files[-1][0]:
            between = float(np.interp(row["picture_ssim"], *zip(*files, strict=True)))
            effects.append(_effect(one[0], between - row["ssim"]))
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
