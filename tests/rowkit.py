"""Small rows of every artefact in the schema, with what their manifest entries say: what the reports are tested on. Needs no torch."""

import dataclasses
import itertools
import random
from pathlib import Path

from reproduce import protect, purify
from reproduce.artefacts import manifest
from reproduce.artefacts.rows import rows_csv
from reproduce.papers import dreambooth
from reproduce.papers import photoguard as paper
from reproduce.report.schema import COLUMNS

PEOPLE = ("person 1", "person 2", "person 3")
PAIR = ("ssim", "psnr", "vifp", "fsim", "ssim-sewar", "ssim_person")
LIKEWISE = ("ssim_likewise", "psnr_likewise", "vifp_likewise", "fsim_likewise", "ssim_person_likewise")
TABLE10 = ("sr-sim", "gmsd", "vsi", "dss", "haarpsi")
REGIONS = ("ssim_pasted", "psnr_pasted", "ssim_edited", "psnr_edited")
QUALITIES = (None, 75, 30)
SURROGATES = ("none", "mask", "polynomial", "exact, identity", "exact, Cauchy")
ATTACKS = {
    "noise": ("noise", "paper"),
    "encoder": ("photoguard-encoder", "paper"),
    "encoder, through JPEG": ("photoguard-encoder", "jpeg"),
    "encoder, released": ("photoguard-encoder", "released"),
    "encoder, strong": ("photoguard-encoder", "strong"),
    "diffusion, strong": ("photoguard-diffusion", "strong"),
    "diffusion": ("photoguard-diffusion", "paper"),
    "diffusion, released": ("photoguard-diffusion", "released"),
    "diffusion, adaptive": ("photoguard-diffusion", "adaptive"),
}
PURIFIERS = {
    "JPEG 75": ("jpeg", "quality 75"),
    "JPEG 50": ("jpeg", "quality 50"),
    "IMPRESS": ("impress", "paper"),
    "IMPRESS, released": ("impress", "released"),
    "IMPRESS, released in half": ("impress", "released in half"),
    "IMPRESS, fp32": ("impress", "fp32"),
    "IMPRESS, noise only": ("impress", "noise only"),
    "AdverseCleaner": ("adverse-cleaner", "released"),
    "crop": ("crop", "middle"),
}
TURNED = {
    "alpha": [[0.01, ""], [0.1, "alpha 0.1"]],
    "budget": [[0.1, ""], [0.3, "budget 0.3"]],
    "rate": [[0.005, ""], [0.02, "rate 0.02"]],
    "noise": [[6.375, ""], [0.0, "noise 0"]],
    "steps": [[50, ""], [5, "steps 5"]],
    "norm": [["mean", ""], ["sum", "norm sum"]],
}
ORIGIN = dict(
    profile="bundled", scale="smoke", seed=0, size=128, model=dict(name="bundled", fingerprint="f00"), device="cpu", precision="float32",
    pictures=None, versions=dict(python="3"),
)  # fmt: skip


def record(one) -> dict:
    """A settings record as plain values."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(one).items()}


SETTINGS = dict(
    counts=dict(rebuilt=32, learned=340, among=16),
    classifier=0.93,
    momentum=0.9,
    protections={key: record(protect.record(*one)) for key, one in ATTACKS.items()},
    purifiers={key: record(purify.record(*one)) for key, one in PURIFIERS.items()},
    edits=dict(
        variation=record(paper.PHOTOGUARD_EDIT["released variation"]),
        inpainting=record(dataclasses.replace(paper.PHOTOGUARD_EDIT["paper"], steps=20)),
    ),
    clip=dict(name="bundled CLIP", fingerprint="c00"),
    distance="a distance",
    subsampling="4:2:0",
    turned=TURNED,
    faces="face networks",
    lacks=[],
    tuning=record(dreambooth.DREAMBOOTH["equal"]),
    sampling=record(dreambooth.SAMPLING["paper"]),
)


def measured(chance, *names) -> dict:
    """A number for each measure; PSNR in decibels."""
    return {name: 20 + 10 * chance.random() if name.startswith("psnr") else 0.5 + 0.4 * chance.random() for name in names}


def rows() -> dict:
    """artefact -> rows, the same at every call."""
    chance = random.Random(0)
    return {
        "00_generated_rows": [
            dict(scene=scene, index=0, prompt="a photo", recognised="snow", right=scene == "snow") for scene in ("snow", "sea")
        ],
        "00_inpainted_rows": [
            dict(subject=who, scene="snow", recognised="snow", right=True, kept_psnr=30.0, roundtrip_psnr=32.0, kept=True) for who in PEOPLE
        ],
        "00_reconstruction_rows": [
            dict(pictures=pictures, codec=codec, **measured(chance, "psnr", "ssim"))
            for pictures in ("renders", "photographs") for codec in ("autoencoder", "8x average pooling")
        ],
        "00_retrieval_rows": [dict(retrieval=0.91)],
        "00_condition_rows": [
            dict(subject="render 1", condition=c, ratio=r) for c, r in (("attack", 0.7), ("attack, JPEG 75", 0.9), ("noise", 0.98))
        ],
        "01_protections": _protections(chance, ("noise", "encoder"), ("people", "photographs")),
        "01_edits": _quality_edits(chance, ("clean", "noise", "encoder", "encoder, strong"), ("variation", "inpainting")),
        "02_protections": [
            dict(subject=who, protection=arm, **measured(chance, "levels", "rms", "used", "grey_distance", "painted_grey_distance"))
            for arm in ("noise", "encoder", "diffusion", "encoder, strong", "encoder, released", "diffusion, released") for who in PEOPLE
        ],
        "02_edits": _photoguard_edits(chance),
        "02_distances": [
            dict(rule=rule, protection=arm, fid=3.5, precision=1, recall=0.9, edits=6, features="features, 8-d")
            for rule in ("fixed", "best") for arm in (*_ARMS_2, "another seed", "same seed again")
        ],
        "02_budgets": [
            dict(subject=who, protection=arm, eps=eps, rms=eps / 2, misuse="inpainting", prompt="snow", seed=0,
                 **measured(chance, "ssim", "ssim_person", "latent_shift_person"))
            for arm in ("noise", "encoder, strong", "diffusion, strong") for eps in (4, 16, 64) for who in PEOPLE
        ],
        "02_other_encoder": [
            dict(subject=who, protection=arm, encoder=encoder, **measured(chance, "grey_distance", "latent_shift"))
            for arm in ("noise", "encoder") for encoder in ("its own", "version 1") for who in PEOPLE
        ],
        "02_eye": [
            dict(subject=who, protection=arm, prompt="snow", seed=0, spoiled=chance.random() < 0.5)
            for arm in ("clean", "encoder") for who in PEOPLE
        ],
        "02_transfer_rows": [
            dict(subject=who, protection=arm, steps=steps, prompted=prompted, **measured(chance, "ssim"))
            for steps in (4, 20) for prompted in (False, True) for arm in ("noise", "encoder", "diffusion", "diffusion, prompted")
            for who in PEOPLE
        ],
        "02_variations": [
            dict(subject=who, protection=arm, misuse="variation", prompt="snow", **measured(chance, "ssim", "psnr"))
            for arm in ("clean", "noise", "encoder", "another seed") for who in PEOPLE
        ],
        "02_printed": [
            dict(form=form, step=step, largest=2.0 * step, mean=1.0, outside=0.01 * step)
            for form in ("as printed", "as in equation 4") for step in (1, 2, 3)
        ],
        "03_purified": _purified(chance, _PAIRS_3), "03_edits": _purified_edits(chance, _PAIRS_3),
        "03_setting_rows": _purified_edits(chance, [("encoder", "none", ""), *_TURNED], ()),
        "03_step_rows": _followed_edits(chance),
        "04_purified": _purified(chance, _PAIRS_4), "04_edits": _purified_edits(chance, _PAIRS_4),
        "05_agreement": [
            dict(subject=who, role="people", quality=q, form=form, mean=0.0 if form == "exact" else chance.random() + 0.1,
                 worst=0 if form == "exact" else 9, equal=1.0 if form == "exact" else 0.5)
            for q in (75, 30) for form in ("exact", "straight-through", "polynomial", "cubic", "mask", "none") for who in PEOPLE
        ],
        "05_foresight": [
            dict(subject=who, quality=q, surrogate=one, push=push, correlation=chance.random())
            for q in (75, 30) for one in SURROGATES for push in (1, 8) for who in PEOPLE
        ],
        "05_attacks": [
            dict(subject=who, surrogate=one, through=75, quality=q, **measured(chance, "grey_distance"))
            for one in SURROGATES for q in QUALITIES for who in PEOPLE
        ],
        "05_protections": _protections(chance, ("encoder", "encoder, through JPEG"), ("people",)),
        "05_spectra": [
            dict(subject=who, protection=arm, quality=q, kind=kind, band=band, share=chance.random(), outside=0.3,
                 kept=1.0 if q is None else chance.random(), kept_energy=1.0 if q is None else chance.random(), energy=1.0)
            for arm in ("noise", "encoder", "encoder, through JPEG") for q in QUALITIES for kind in ("brightness", "colour", "all")
            for band in ("all", "below 1/32", "above 1/4") for who in PEOPLE
        ],
        "05_edits": _quality_edits(chance, _EDITED_5, ("variation",)),
        "06_faces": [dict(what="detector: found", measured="99.5 %", floor="99 %", goal="99.9 %")],
        "06_tunings": [
            dict(subject=who, role="B", way=way, changed="", seed=0, steps=200, learnt=1000, first=0.5, last=0.3, seconds=9.5)
            for who in PEOPLE for way in ("denoiser", "keys and values")
        ],
        "06_customised": [one | dict(control=name) for name in ("tuned", "untuned", "class prompt, tuned") for one in _samples(chance)],
        "06_ways": [one | dict(way=way) for way in ("denoiser", "keys and values") for one in _samples(chance)],
        "06_search": [one | dict(rate=rate, step=step) for rate in (1e-4, 2e-4) for step in (100, 300) for one in _samples(chance)],
    }  # fmt: skip


_ARMS_2 = ("noise", "encoder", "diffusion", "encoder, strong", "diffusion, strong")
_EDITED_5 = ("clean", "encoder", "encoder, through JPEG", "encoder, equal norm", "encoder, through JPEG, equal norm")
_ARMS = ("IMPRESS, released in half", "IMPRESS, released", "IMPRESS, fp32", "IMPRESS, noise only")  # further purifiers in notebook 03
_FURTHER = {"clean": _ARMS, "encoder": _ARMS, "diffusion, adaptive": _ARMS[:2]}
_PAIRS_3 = [
    (arm, purified, "") for arm in ("clean", "noise", "encoder", "diffusion", "diffusion, released", "diffusion, adaptive")
    for purified in ("none", "IMPRESS", "JPEG 75", *_FURTHER.get(arm, ()))
]  # fmt: skip
_PAIRS_4 = [
    (arm, purified, "") for arm in ("clean", "noise", "encoder", "diffusion")
    for purified in ("none", "JPEG 75", "JPEG 50", "IMPRESS", "AdverseCleaner", "crop")
]  # fmt: skip
_TURNED = [("encoder", "IMPRESS", ""), *(("encoder", "IMPRESS", change) for values in TURNED.values() for _, change in values if change)]


def _faced(chance):
    """Three columns of what face networks tell of an edit; now and then there is no face."""
    if chance.random() < 0.2:
        return dict(face=0, same_face=None, face_rank=None)
    return dict(face=1, same_face=chance.random(), face_rank=1 + int(chance.random() > 0.7))


def _samples(chance):
    """Two pictures a person and prompt, as tuned models paint them."""
    found = []
    for who, (letter, prompt), i in itertools.product(PEOPLE, dreambooth.PROMPTS.items(), range(2)):
        told = _faced(chance)
        row = dict(subject=who, role="B", protection="clean", purifier="none", quality=None, changed="", misuse="dreambooth", prompt=prompt)
        row |= dict(seed=0, step=300, sample=i, face=told["face"], ism=told["same_face"], rank=told["face_rank"], fit=0.3)
        row |= dict(serfiq=None if told["same_face"] is None else 0.9, scene_seen=float(i) if letter in "CD" else None)
        found.append(row)
    return found


def _protections(chance, arms, roles):
    return [
        dict(subject=who, role=role, protection=arm, levels=16.0, rms=9.0, **measured(chance, "psnr", "ssim"))
        for role, arm, who in itertools.product(roles, arms, PEOPLE)
    ]


def _quality_edits(chance, arms, misuses):
    found = []
    for misuse, who, arm, q in itertools.product(misuses, PEOPLE, arms, QUALITIES):
        purifier = f"JPEG {q}" if q else "none"
        row = dict(subject=who, role="people", protection=arm, purifier=purifier, quality=q, misuse=misuse, prompt="snow", seed=0)
        names = ("latent_shift", *PAIR, "ssim_to_photo", "psnr_to_photo", *LIKEWISE)
        values = measured(chance, *names)
        less = {name: values[name] - 0.4 for name in ("ssim", "ssim_person_likewise")}
        found.append(row | values | (less if "encoder" in arm else {}) | _faced(chance))
        if arm == "clean" and q is None:
            found.append(row | dict(protection="another seed", seed=1) | measured(chance, *names) | _faced(chance))
    return found


def _photoguard_edits(chance):
    found = []
    deciding = ("clean", "noise", "encoder", "diffusion", "encoder, strong", "diffusion, strong")
    fixed = (*deciding, "encoder, released", "diffusion, released", "another seed", "same seed again")
    for who, prompt in itertools.product(PEOPLE, ("snow", "sea")):
        row = dict(subject=who, misuse="inpainting", prompt=prompt)
        for rule, arms, seed in (("fixed", fixed, 0), ("list", deciding, 1), ("best", deciding, 1)):
            for arm in arms:
                one = dict(row, protection=arm, seed=1 if arm == "another seed" else seed, rule=rule)
                found.append(one | measured(chance, *PAIR, *REGIONS, "fit", *TABLE10) | _faced(chance))
        found.append(dict(row, protection="photograph", rule="none", fit=0.1))
    return found


def _purified(chance, cells):
    found = []
    for (arm, purified, change), who in itertools.product(cells, PEOPLE):
        row = dict(subject=who, protection=arm, purifier=purified, changed=change)
        row |= measured(chance, "picture_ssim", "picture_psnr", "perceptual", "from_protected", "latent_shift", "change")
        if purified.startswith("IMPRESS"):
            names = ("zero_moments", "consistency_before", "consistency_start", "consistency", "never_moved")
            row |= measured(chance, *names)
        found.append(row)
    return found


def _purified_edits(chance, cells, likewise=LIKEWISE):
    found, edit = [], dict(misuse="inpainting", prompt="snow", seed=0)
    for row in _purified(chance, cells):
        clean = {"ssim": 0.95} | {name: 1.0 for name in likewise if name != "psnr_likewise"} if row["protection"] == "clean" else {}
        found.append(row | edit | measured(chance, *PAIR, *likewise) | clean | _faced(chance))
    return found


def _followed_edits(chance):
    """The protected picture, then two arms over a run of 100 steps."""
    found = _purified_edits(chance, [("encoder", "none", "")])
    for arm, step in itertools.product(("IMPRESS, released in half", "IMPRESS"), (0, 10, 30, 100)):
        found += [row | dict(step=step, of=100) for row in _purified_edits(chance, [("encoder", arm, "")])]
    return [dict(step=None, of=None) | row for row in found]


def save(folder, artefact, found, **origin) -> Path:
    """Write rows as a study does, with every block of settings; returns the CSV's path."""
    path = Path(folder) / f"{artefact}.csv"
    told = ORIGIN | dict(notebook=artefact[:2]) | origin
    manifest.enter(path, rows_csv(found).encode(), artefact, told, settings=SETTINGS, seconds=1.5)
    return path


def folder(where) -> Path:
    """All artefacts, saved below `where`; returns that folder."""
    for artefact, found in rows().items():
        save(where, artefact, found)
    return Path(where)


def complete() -> bool:
    """Whether every artefact of the schema is here, with its columns."""
    made = rows()
    return made.keys() == COLUMNS.keys() and all(set(COLUMNS[name]) <= set().union(*found) for name, found in made.items())
