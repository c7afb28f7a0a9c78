"""Differentiable JPEG (notebook 05): how true each formulation is, what its gradient foresees, and what an attack gains by it."""

import dataclasses
from dataclasses import dataclass

import torch

from .. import degrade, jpeg, protect, rng
from ..engine.study import Result
from ..jpeg import surrogates
from ..measure import spectrum
from ..papers import photoguard as paper
from ..protect import photoguard
from . import jpeg_bypass, subjects

FILES = {  # how each formulation models a file: images, quality -> images
    "exact": lambda x, q: jpeg.jpeg(x, q),
    "straight-through": lambda x, q: surrogates.soft_jpeg(x, q, "straight-through"),
    "polynomial": lambda x, q: surrogates.soft_jpeg(x, q, "polynomial"),
    "cubic": lambda x, q: surrogates.soft_jpeg(x, q, "cubic"),
    "mask": lambda x, q: jpeg.jpeg_mask(x),
    "none": lambda x, q: x,
}
EPS = 8  # levels, of the attacks through each surrogate and of the directions their gradients should foresee
SURROGATES = {  # what an attack may differentiate through
    "none": FILES["none"],
    "mask": FILES["mask"],
    "cubic": FILES["cubic"],
    "polynomial": FILES["polynomial"],
    "straight-through": FILES["straight-through"],
    "exact, identity": lambda x, q: jpeg.jpeg(x, q, surrogate="identity"),
    "exact, polynomial": lambda x, q: jpeg.jpeg(x, q, surrogate="polynomial"),
    "exact, straight-through": lambda x, q: jpeg.jpeg(x, q, surrogate="straight-through"),
    "exact, Cauchy": lambda x, q: jpeg.jpeg(x, q, scale=EPS / 2),
}
COMPARED = {"photoguard-encoder": ("photoguard-encoder", "paper"), "photoguard-encoder-jpeg": ("photoguard-encoder", "jpeg")}
SPECTRA = {"noise": ("noise", "paper"), **COMPARED}


@dataclass(frozen=True)
class Scale:
    """How much is run: pictures, qualities of files, directions, attack steps, qualities attacked through, and the edits."""

    pictures: int
    qualities: tuple
    directions: int
    steps: int
    through: tuple
    edits: jpeg_bypass.Scale


QUALITIES = (None, 95, 85, 75, 65, 50, 40, 30, 15, 5)
SCALES = {
    "smoke": Scale(1, (75, 30), 8, 4, (75,), jpeg_bypass.Scale(1, 0, 1, 8, None, 6, (None, 75, 30))),
    "standard": Scale(4, (95, 90, 75, 50, 30, 10), 64, 60, (75, 30), jpeg_bypass.Scale(6, 0, 1, 50, None, None, QUALITIES)),
    "paper": Scale(30, (95, 90, 75, 50, 30, 10), 96, 200, (90, 75, 50, 30), jpeg_bypass.Scale(30, 0, 3, 50, None, None, QUALITIES)),
}


class Gradients:
    """The four experiments over one study; `images` is a folder of pictures in place of the profile's own."""

    def __init__(self, study, *, images=""):
        study.images = images or study.images
        self.study, self.scale = study, SCALES[study.scale]
        self.bypass = jpeg_bypass.Bypass(study, compared=COMPARED, scale=self.scale.edits)
        self.pictures = subjects.people(study, self.scale.pictures)
        self.photographs = None if study.images else subjects.photographs(study, min(3, self.scale.pictures))

    def agreement(self):
        """Every formulation beside the real file, over quality; one row a picture, quality and formulation."""
        groups = ["people"] if self.photographs is None else ["people", "photographs"]
        jobs = [dict(group=group, quality=q) for group in groups for q in self.scale.qualities]
        return self.study.sweep("jpeg_gradient/agreement", jobs, self._agree).rows

    def _agree(self, job):
        known, rows = self.photographs if job["group"] == "photographs" else self.pictures, []
        real = degrade.jpeg_file(known.images, job["quality"])
        for form, model in FILES.items():
            off = ((model(known.images, job["quality"]) - real) * 255).round().abs()
            rows += [
                dict(image=name, form=form, mean=d.mean().item(), worst=d.max().item(), equal=(d == 0).float().mean().item())
                for name, d in zip(known.names, off, strict=True)
            ]
        return Result(rows, {})

    def foresight(self):
        """Does the gradient foresee what the real file does to the encoder's reading? One row a picture, quality and surrogate."""
        jobs = [dict(subject=i, image=self.pictures.names[i], quality=q) for q in self.scale.qualities for i in range(self.scale.pictures)]
        return self.study.sweep("jpeg_gradient/foresight", jobs, self._foresee).rows

    def _foresee(self, job):
        """Correlation, over random directions u of EPS / 2 levels, of <gradient, u> with half of L(file(x + u)) - L(file(x - u))."""
        image, q = self.pictures.images[job["subject"]][None], job["quality"]
        moves = _directions(self.scale.directions, image, rng.generator(self.study.seed, "directions", job["subject"])) * (EPS / 2 / 255)
        with torch.no_grad():
            ahead, back = (
                torch.cat([self._distance(degrade.jpeg((image + sign * part).clamp(0, 1), q)) for part in moves.split(16)])
                for sign in (1, -1)
            )
        rows = []
        for name, model in SURROGATES.items():
            x = image.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(self._distance(model(x, q)).sum(), x)
            foreseen, happened = (moves * gradient).sum((1, 2, 3)), (ahead - back) / 2
            rows.append(dict(surrogate=name, correlation=torch.corrcoef(torch.stack([foreseen, happened]))[0, 1].item()))
        return Result(rows, {})

    def attacks(self):
        """The encoder attack through each surrogate, scored on real files; one row a picture, surrogate, quality and file."""
        jobs = [dict(surrogate=name, through=q) for q in self.scale.through for name in SURROGATES]
        return self.study.sweep("jpeg_gradient/attacks", jobs, self._attack).rows

    def _attack(self, job):
        clean, model = self.pictures.images, SURROGATES[job["surrogate"]]
        settings = dataclasses.replace(
            paper.PHOTOGUARD_ENCODER["equal"], eps=EPS, start="zero", steps=self.scale.steps, step=2.5 * EPS / self.scale.steps
        )
        made = photoguard.encoder(clean, self.study.model, settings=settings, through=lambda x: model(x, job["through"]))
        with torch.no_grad():
            reach = self._distance(clean)
            rows = [
                dict(image=name, quality=q, left=left)
                for q in (None, *self.scale.qualities)
                for name, left in zip(
                    self.pictures.names, (self._distance(degrade.jpeg(made, q)) / reach).tolist(), strict=True
                )
            ]
        return Result(rows, {"image": made})

    def _distance(self, images):
        """Distance of latents to those of a grey picture: (N,)."""
        model = self.study.model
        grey = photoguard.target(images, model, "grey image")
        return (model.encode(images.to(grey.device)).mean.float() - grey).flatten(1).norm(dim=1).to(images.device)

    def spectra(self):
        """Where the energy of each perturbation lies, and what is left of it over quality; one row a picture, quality, kind and band."""
        jobs = [dict(protection=name, quality=q) for name in SPECTRA for q in self.scale.edits.qualities]
        return self.study.sweep("jpeg_gradient/spectra", jobs, self._spectrum).rows

    def _spectrum(self, job):
        known, name, q = self.bypass.sets["people"], job["protection"], job["quality"]
        if name in COMPARED:
            made = self.bypass.protected.images(dict(group="people", protection=name), "image")
        else:
            made = protect.apply(known.images, self.study.model, SPECTRA[name][0], settings=SPECTRA[name][1], seed=self.study.seed)
        share, outside = spectrum.energy(made - known.images), spectrum.outside_mask(made - known.images)
        left = spectrum.survival(known.images, made, degrade.jpeg(known.images, q), degrade.jpeg(made, q))
        rows = [
            dict(
                image=image,
                kind=kind,
                band=band,
                share=share[kind, band][i].item() if band != "all" else None,
                outside=outside[i].item(),
                kept=kept[i].item(),
                energy=energy[i].item(),
            )
            for (kind, band), (kept, energy) in left.items()
            for i, image in enumerate(known.names)
        ]
        return Result(rows, {})


def picture_rows(gradients):
    """What report.picture_grid needs: the first person, plain and JPEG-aware, as sent and edited, over quality."""
    bypass = gradients.bypass
    shown = [k for k, q in enumerate(bypass.scale.qualities) if q in (None, 95, 75, 50, 30, 5)]
    rows = {}
    for label, name in (("PhotoGuard", "photoguard-encoder"), ("through JPEG", "photoguard-encoder-jpeg")):
        for what, words in (("sent", "sent"), ("edit", "edit")):
            rows[f"{label}: {words}"] = bypass.edited.images(dict(subject=0, protection=name), what)[shown].numpy()
    rows["clean: edit"] = bypass.edited.images(dict(subject=0, protection="clean"), "edit")[shown].numpy()
    columns = ["no JPEG" if bypass.scale.qualities[k] is None else f"quality {bypass.scale.qualities[k]}" for k in shown]
    title = f"“{bypass.edited.jobs[0]['prompt']}”, variation, {gradients.study.model.name} model"
    return dict(images=[list(pictures) for pictures in rows.values()], row_labels=list(rows), column_labels=columns, title=title)


def _directions(count, image, generator):
    """Signs that are constant on blocks of 1, 2, 4 and 8 pixels in turn, (count, 3, H, W): fine and coarse moves of equal size."""
    height, width = image.shape[2:]
    moves = []
    for i in range(count):
        side = (1, 2, 4, 8)[i % 4]
        signs = torch.randint(2, (1, 3, -(-height // side), -(-width // side)), generator=generator) * 2.0 - 1
        moves.append(torch.nn.functional.interpolate(signs, scale_factor=side)[:, :, :height, :width])
    return torch.cat(moves)
