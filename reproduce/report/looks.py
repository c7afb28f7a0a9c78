"""What every arm is called and how it is drawn: one record a key, which every table and every figure reads.

`label` is whole, `short` for where the paper is clear from its place. Colours are safe with colour blindness as far as so many can be
(mostly Okabe and Ito's); markers tell arms apart in grey print.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """How one arm is named and drawn."""

    label: str
    short: str
    colour: str
    marker: str


def _look(label: str, colour: str, marker: str, short: str | None = None) -> Look:
    return Look(label, short or label, colour, marker)


GREY, BLUE, ORANGE = "#6b6b6b", "#0072b2", "#d55e00"

PROTECTIONS = {
    "clean": _look("clean picture", GREY, "o"),
    "noise": _look("uniform noise", "#e69f00", "s"),
    "encoder": _look("PhotoGuard, encoder attack", BLUE, "D", "encoder attack"),
    "encoder, through JPEG": _look("PhotoGuard, encoder attack, through JPEG", "#56306b", "d", "encoder attack, through JPEG"),
    "encoder, released": _look("PhotoGuard, encoder attack, released", "#80b1d3", "p", "encoder attack, released"),
    "encoder, equal": _look("PhotoGuard, encoder attack, equal", "#1b3a6b", "h", "encoder attack, equal"),
    "encoder, app": _look("PhotoGuard, encoder attack, app", "#5a9bb8", "8", "encoder attack, app"),
    "encoder, strong": _look("PhotoGuard, encoder attack, strong", "#005484", "D", "encoder attack, strong"),
    "encoder, equal norm": _look("PhotoGuard, encoder attack, equal norm", "#54b4f0", "d", "encoder attack, equal norm"),
    "encoder, through JPEG, equal norm": _look(
        "PhotoGuard, encoder attack, through JPEG, equal norm", "#9c6cd8", "d", "encoder attack, through JPEG, equal norm"
    ),
    "encoder, noise target": _look("PhotoGuard, encoder attack, noise target", "#309054", "h", "encoder attack, noise target"),
    "diffusion": _look("PhotoGuard, diffusion attack", "#c03a2b", "^", "diffusion attack"),
    "diffusion, strong": _look("PhotoGuard, diffusion attack, strong", "#78180c", "^", "diffusion attack, strong"),
    "diffusion, equal norm": _look("PhotoGuard, diffusion attack, equal norm", "#d8846c", "v", "diffusion attack, equal norm"),
    "diffusion, released": _look("PhotoGuard, diffusion attack, released", "#e78ac3", "v", "diffusion attack, released"),
    "diffusion, equal": _look("PhotoGuard, diffusion attack, equal", "#f4a582", "<", "diffusion attack, equal"),
    "diffusion, adaptive": _look("PhotoGuard, diffusion attack, adaptive", "#7a1f5c", ">", "diffusion attack, adaptive"),
    "diffusion, prompted": _look(
        "PhotoGuard, diffusion attack, made with the prompt", "#ff6f61", "P", "diffusion attack, made with the prompt"
    ),
    # controls of notebook 02, which are judged like protections
    "photograph": _look("the photograph, unedited", "#b9b9b9", "."),
    "same seed again": _look("clean picture, same seed again", "#dcdcdc", "+"),
    "encode-decode": _look("encode-decode", "#a6761d", "X"),
    "noise of the encoder attack's norm": _look("noise of the attack's norm", "#ffd92f", "8"),
    "another seed": _look("clean picture, another seed", "#303030", "x"),
}  # fmt: skip

_PICTURE, _IMPRESS = ORANGE, BLUE  # an untreated picture; what this study is about; all others are grey
PURIFIERS = {
    "none": _look("untreated", _PICTURE, "o"),
    **{f"JPEG {quality}": _look(f"JPEG {quality}", GREY, "s") for quality in (90, 75, 50, 15)},
    "noise 0.05": _look("noise, 13 levels", GREY, "x"),
    "noise 0.1": _look("noise, 26 levels", GREY, "x"),
    **{f"blur, {which}": _look(f"blur, {which}", GREY, "p") for which in ("released", "as named", "training")},
    "quantise": _look("quantise", GREY, "h"),
    **{f"resize, {which}": _look(f"resize, {which}", GREY, "v") for which in ("released", "antialiased")},
    "crop": _look("crop", GREY, "<"),
    "rotate": _look("rotate, 5 degrees", GREY, "d"),
    "median": _look("median, 3 x 3", GREY, "*"),
    "filter": _look("photo filter, warm", GREY, "."),
    "AdverseCleaner": _look("AdverseCleaner", GREY, "P"),
    "autoencoder": _look("autoencoder", GREY, "X"),
    "DiffPure": _look("DiffPure", GREY, "^"),
    "GrIDPure": _look("GrIDPure", GREY, ">"),
    "IMPRESS": _look("IMPRESS", _IMPRESS, "*"),
    "IMPRESS, released": _look("IMPRESS, released", _IMPRESS, "D"),
    "IMPRESS, released in half": _look("IMPRESS, released in half", _IMPRESS, "h"),
    "IMPRESS, fp32": _look("IMPRESS, fp32", _IMPRESS, "d"),
    "IMPRESS, noise only": _look("IMPRESS, its noise only (6 levels)", _IMPRESS, "+"),
    "Noisy Upscaling": _look("Noisy Upscaling", GREY, "8"),
}

FORMULATIONS = {  # of JPEG, as a model of the file and as what an attack differentiates through; in brackets who released it
    "none": _look("no JPEG at all", GREY, "o"),
    "exact": _look("ours: exact", "#000000", "*"),
    "straight-through": _look("Diff-JPEG, straight-through (NEC, WACV 2024)", "#332288", "d", "Diff-JPEG, straight-through"),
    "polynomial": _look("Diff-JPEG, polynomial (NEC, WACV 2024)", "#882255", "8", "Diff-JPEG, polynomial"),
    "cubic": _look("DiffJPEG, cubic (mlomnitz, after Shin and Song 2017)", "#44aa99", "H", "DiffJPEG, cubic"),
    "mask": _look("JPEG-Mask (GAP-Diff, after HiDDeN 2018)", "#999933", "s", "JPEG-Mask"),
    "exact, identity": _look("exact file, identity back (BPDA)", "#117733", "v"),
    "exact, polynomial": _look("ours: exact file, cubic slope back", "#cc6677", "p", "exact file, cubic slope back"),
    "exact, straight-through": _look("ours: exact file, slope 1 back", "#88ccee", "X", "exact file, slope 1 back"),
    "exact, Cauchy": _look("ours: exact file, Cauchy back", ORANGE, "D"),
}
MADE_FOR = {  # qualities that attacks are optimised through
    90: _look("made for JPEG 90", "#332288", "v"),
    75: _look("made for JPEG 75", BLUE, "o"),
    50: _look("made for JPEG 50", "#44aa99", "^"),
    30: _look("made for JPEG 30", ORANGE, "s"),
}
CONVENTIONS = {  # ways of taking SSIM, by their measure
    "ssim": _look("SSIM as piq has it", "#332288", "H"),
    "ssim-sewar": _look("SSIM as sewar has it", "#44aa99", "o"),
    "ssim_pasted": _look("clean person pasted back", "#999933", "p"),
    "ssim_edited": _look("repainted region only", "#aa4499", "v"),
    "ssim_person": _look("the person only", "#cc3311", "*"),
}
SPARE = (("#332288", "d"), ("#882255", "8"), ("#44aa99", "H"), ("#999933", "h"), ("#117733", "p"))  # for keys that no table has


def label(table: dict, key) -> str:
    """What an arm is called in full; a key that the table lacks is its own label."""
    return table[key].label if key in table else str(key)


def short(table: dict, key) -> str:
    """What an arm is called where its paper is clear."""
    return table[key].short if key in table else str(key)


def drawn(table: dict, key, among) -> dict:
    """Colour and marker of a series, as matplotlib takes them: the table's, for keys it lacks spare ones in the order of `among`."""
    if key in table:
        return {"color": table[key].colour, "marker": table[key].marker}
    strangers = [name for name in dict.fromkeys(among) if name not in table]
    colour, marker = SPARE[strangers.index(key) % len(SPARE)]
    return {"color": colour, "marker": marker}


def begun(words: str) -> str:
    """The words as a line begins: str.capitalize would write JPEG small."""
    return words[0].upper() + words[1:]
