"""JPEG against PhotoGuard (notebook 01; arXiv 2304.02234): edits of clean, noised and protected pictures, over quality.

Each edit is compared with the edit of the clean, uncompressed picture under the same seed. Two controls the note lacks: the clean
picture under the same compression (what JPEG alone does to an edit) and the clean picture under another seed (the seed floor).
"""

import dataclasses
from dataclasses import dataclass

import torch

from .. import degrade, protect, rng
from ..diffusion import profiles
from ..engine.study import Result
from ..measure import compare
from ..misuse import edit
from ..papers import photoguard as paper
from ..report.jpeg_bypass import SHOWN
from . import subjects

COMPARED = {"noise": ("noise", None), "photoguard-encoder": ("photoguard-encoder", None)}  # name -> method, settings (None: as given)
MEASURES = ("ssim", "psnr", "vifp", "fsim", "ssim-sewar")


@dataclass(frozen=True)
class Scale:
    """How much is run: people, photographs, prompts each, edit steps (None: no such edit), attack steps, JPEG qualities (None: no JPEG)."""

    people: int
    photographs: int
    prompts: int
    variation_steps: int
    inpainting_steps: int | None
    attack_steps: int | None  # None: as the settings say
    qualities: tuple


EVERY = (None, *range(100, 0, -5))
SCALES = {
    "smoke": Scale(2, 1, 1, 8, 4, 10, (None, 75, 15)),
    "standard": Scale(6, 3, 1, 50, 20, None, EVERY),
    "paper": Scale(20, 3, 3, 50, 100, None, EVERY),
}


class Bypass:
    """The experiment over one study: pictures, their protections (see COMPARED), and the sweep of edits."""

    def __init__(self, study, settings="paper", subsampling="4:2:0", *, images="", compared=COMPARED, scale=None):
        profiles.one_of("settings", settings, list(protect.PROTECTIONS["photoguard-encoder"].settings))
        profiles.one_of("subsampling", subsampling, degrade.SUBSAMPLING)
        study.images = images or study.images
        self.study, self.settings, self.subsampling = study, settings, subsampling
        self.scale = scale or SCALES[study.scale]
        self.compared = {name: (method, chosen or settings) for name, (method, chosen) in compared.items()}
        self.sets = {"people": subjects.people(study, self.scale.people)}
        if self.scale.photographs and not study.images:
            self.sets["photographs"] = subjects.photographs(study, self.scale.photographs)

    def protect(self):
        """Every picture under every protection; a sweep whose pictures are called "image"."""
        jobs = [
            dict(group=group, protection=name, method=method, settings=self._settings(method, settings), scale=self._scale())
            for group in self.sets
            for name, (method, settings) in self.compared.items()
        ]
        self.protected = self.study.sweep("jpeg_bypass/protect", jobs, self._protect)
        return self.protected

    def _protect(self, job):
        known = self.sets[job["group"]]
        made = protect.apply(
            known.images,
            self.study.model,
            job["method"],
            settings=job["settings"],
            seed=self.study.seed,
            steps=self.scale.attack_steps,
        )
        moved = (made - known.images).mul(255)
        rows = [
            dict(
                image=name,
                levels=delta.abs().max().item(),
                rms=delta.square().mean().sqrt().item(),
                **_one(quality, i),
            )
            for quality in [compare(made, known.images, ("psnr", "ssim"))]
            for i, (name, delta) in enumerate(zip(known.names, moved, strict=True))
        ]
        return Result(rows, {"image": made})

    def _scale(self):
        """What a job must say of the scale, since two notebooks run this sweep at different ones; a list stays out of the rows."""
        return list(dataclasses.astuple(self.scale))

    @staticmethod
    def _settings(method, settings):
        return settings if settings in protect.PROTECTIONS[method].settings else "paper"

    def edits(self):
        """Every picture, prompt and protection edited at every quality; rows one per edit."""
        kinds = [
            kind
            for kind, unet, steps in (
                ("variation", self.study.model.unet, self.scale.variation_steps),
                ("inpainting", self.study.model.unet_inpainting, self.scale.inpainting_steps),
            )
            if unet and steps
        ]
        jobs = [
            dict(
                edit=kind,
                group=group,
                subject=i,
                image=known.names[i],
                prompt=known.prompts[i][k],
                protection=name,
                settings=settings,
                subsampling=self.subsampling,
                scale=self._scale(),
            )
            for kind in kinds
            for group, known in self.sets.items()
            if (kind, group) != ("inpainting", "photographs")
            for i in range(len(known.names))
            for k in range(self.scale.prompts if kind == "variation" else 1)
            for name, (_, settings) in {"clean": (None, None), **self.compared}.items()
        ]
        self.edited = self.study.sweep("jpeg_bypass/edits", jobs, self._edit)
        return self.edited

    def picture(self, group, subject, protection):
        """One protected picture (1, 3, H, W)."""
        if protection == "clean":
            return self.sets[group].images[subject : subject + 1]
        return self.protected.images(dict(group=group, protection=protection), "image")[subject : subject + 1]

    def _edit(self, job):
        known, i, qualities = self.sets[job["group"]], job["subject"], list(self.scale.qualities)
        clean, sent = known.images[i : i + 1], self.picture(job["group"], i, job["protection"])
        pictures = degrade.jpeg(sent.expand(len(qualities), -1, -1, -1).contiguous(), qualities, subsampling=job["subsampling"])
        floor = job["protection"] == "clean"  # the seed floor: the clean picture once more, under another seed
        noise = ["same"] * (len(qualities) + 1) + ["other"] * floor
        batch = torch.cat([clean, pictures] + [clean] * floor)
        done = self._run(job, batch, known.people[i : i + 1].expand(len(batch), -1, -1, -1), noise)
        reference, results = done[:1], done[1:]
        count = len(results)
        against = compare(results, reference.expand(count, -1, -1, -1), MEASURES)
        photo = compare(results, clean.expand(count, -1, -1, -1), ("ssim", "psnr"))
        latents = self._moved(torch.cat([pictures] + [clean] * floor), clean)
        rows = [
            dict(
                quality=(qualities + [None])[k],
                seed="other" if k == len(qualities) else "same",
                latents_moved=latents[k].item(),
                **_one(against, k),
                **{f"{name}_to_photo": value[k].item() for name, value in photo.items()},
            )
            for k in range(count)
        ]
        return Result(rows, {"sent": pictures, "edit": results[: len(qualities)], "clean edit": reference})

    def _run(self, job, images, people, noise):
        generators = [rng.generator(self.study.seed, "edit", job["edit"], which, job["prompt"], job["image"]) for which in noise]
        prompts = [job["prompt"]] * len(images)
        if job["edit"] == "variation":
            settings = dataclasses.replace(paper.PHOTOGUARD_EDIT["released variation"], steps=self.scale.variation_steps)
            return edit.vary(images, prompts, self.study.model, settings=settings, generator=generators)
        settings = dataclasses.replace(paper.PHOTOGUARD_EDIT["released inpainting"], steps=self.scale.inpainting_steps)
        return edit.inpaint(images, 1 - people, prompts, self.study.model, settings=settings, generator=generators)

    def _moved(self, images, clean):
        """How far latents are from the clean picture's, in units of its distance to a grey picture's: (N,)."""
        model = self.study.model
        with torch.no_grad():
            at, home, grey = (model.encode(x).mean.flatten(1) for x in (images, clean, torch.full_like(clean, 0.5)))
        return (at - home).norm(dim=1).cpu() / (home - grey).norm(dim=1).cpu()


def _one(table, i):
    return {name: values[i].item() for name, values in table.items()}


def _made(bypass, edit, group):
    return any((job["edit"], job["group"]) == (edit, group) for job in bypass.edited.jobs)


def _instead(bypass, edit, group):
    """What to show where a profile has no such edits: the pictures, and why."""
    why = f"no {edit} of {group}: " + (
        "a folder of pictures was given instead" if group not in bypass.sets else f"{bypass.study.model.name} has no denoiser for it"
    )
    return dict(images=[list(bypass.sets["people"].images[:4].numpy())], title=why)


def picture_rows(bypass, edit="variation", group="people", subject=0, prompt=0):
    """What report.picture_grid needs: over quality, the protected picture as sent and the edits of clean, noised and protected."""
    if not _made(bypass, edit, group):
        return _instead(bypass, edit, group)
    wanted = bypass.sets[group].prompts[subject][prompt]
    at = [k for k, q in enumerate(bypass.scale.qualities) if q in SHOWN]
    look = lambda protection, what: bypass.edited.images(  # noqa: E731
        dict(edit=edit, group=group, subject=subject, prompt=wanted, protection=protection), what
    )[at].numpy()
    rows = {
        "protected and compressed": look("photoguard-encoder", "sent"),
        "edit of it": look("photoguard-encoder", "edit"),
        "edit of noised picture": look("noise", "edit"),
        "edit of clean picture": look("clean", "edit"),
    }
    columns = ["no JPEG" if bypass.scale.qualities[k] is None else f"quality {bypass.scale.qualities[k]}" for k in at]
    return dict(
        images=[list(pictures) for pictures in rows.values()],
        row_labels=list(rows),
        column_labels=columns,
        title=f"“{wanted}”, {edit}",
    )


def side_by_side(bypass, edit="variation", group="people", quality=75, count=4):
    """Original, protected, and edits of clean, protected, and protected after JPEG: one row a picture."""
    if not _made(bypass, edit, group):
        return _instead(bypass, edit, group)
    known, k = bypass.sets[group], bypass.scale.qualities.index(quality)
    rows = []
    for i in range(min(count, len(known.names))):
        job = dict(edit=edit, group=group, subject=i, prompt=known.prompts[i][0])
        look = lambda protection, what, k, job=job: bypass.edited.images(job | {"protection": protection}, what)[k].numpy()  # noqa: E731
        sent = bypass.picture(group, i, "photoguard-encoder")[0].numpy()
        rows.append(
            [
                known.images[i].numpy(),
                sent,
                look("clean", "edit", 0),
                look("photoguard-encoder", "edit", 0),
                look("noise", "edit", 0),
                look("photoguard-encoder", "edit", k),
            ]
        )
    columns = [
        "original",
        "protected",
        "edit of clean",
        "edit of protected",
        "edit of noised",
        f"edit of protected, JPEG {quality}",
    ]
    labels = [f"{name}: {asked[0].removeprefix('a photo of ')}" for name, asked in zip(known.names, known.prompts, strict=True)][:count]
    return dict(images=rows, row_labels=labels, column_labels=columns, title=f"Before and after JPEG, {edit}")
