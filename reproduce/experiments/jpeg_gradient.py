"""Differentiable JPEG (notebook 05): how true each formulation is, what its gradient foresees, and what an attack gains by it."""

import dataclasses
import functools

import torch

from .. import degrade, jpeg, rng
from ..engine.jobs import Job, Result, levels
from ..jpeg import surrogates
from ..measure import latents as reading
from ..measure import spectrum
from ..measure.latents import to_grey
from ..papers import photoguard as paper
from ..places import resolve
from ..protect import photoguard
from . import arms, jpeg_bypass, scales, subjects
from .cells import Cell
from .grid import GROUP, Grid

FORMS = ("exact", "straight-through", "polynomial", "cubic", "mask", "none")  # how each formulation models a file
EPS = 8  # levels, of the attacks through each surrogate
SCALE = EPS / 2  # levels, of the Cauchy weight everywhere in here
PUSHES = (1, 2, 8)  # levels, of the directions that gradients should foresee; none is the Cauchy weight's own
SURROGATES = (  # what an attack may differentiate through
    "none", "mask", "cubic", "polynomial", "straight-through", "exact, identity", "exact, polynomial", "exact, straight-through",
    "exact, Cauchy",
)  # fmt: skip
ANY_QUALITY = ("none", "mask")  # they know none
COMPARED = ("encoder", "encoder, through JPEG")
SPECTRA = ("noise", *COMPARED)
EDITED = (*COMPARED, "encoder, equal norm", "encoder, through JPEG, equal norm")


def through(name, images, quality):
    """Images after a file of that quality, as the formulation or surrogate called `name` has it."""
    if name == "none":
        return images
    if name == "mask":
        return jpeg.jpeg_mask(images)
    if name.startswith("exact, "):
        backward = name.removeprefix("exact, ").lower()
        return jpeg.jpeg(images, quality, surrogate=backward, scale=SCALE)
    if name == "exact":
        return jpeg.jpeg(images, quality)
    modelled = surrogates.soft_jpeg(images, quality, name)
    return modelled + (modelled.clamp(0, 1) - modelled).detach()  # an encoder takes pictures; the release's slope stays


class Gradients:
    """The four experiments over one study."""

    def __init__(self, study):
        self.study, self.counts = study, scales.counts("jpeg_gradient", study.scale)
        self.bypass = jpeg_bypass.Bypass(study, compared=EDITED, counts=scales.counts("jpeg_gradient/edits", study.scale))
        self.pictures = subjects.people(study, self.counts.pictures)
        self.photographs = None if study.images else subjects.photographs(study, min(3, self.counts.pictures))

    def agreement(self):
        """Every formulation beside the real file, over quality; rows one a picture, quality and formulation."""
        known = {"people": self.pictures} | ({"photographs": self.photographs} if self.photographs else {})
        jobs = []
        for role, some in known.items():
            for q in self.counts.qualities:
                values, pictures = dict(names=some.names, quality=q), {"images": levels(some.images)}
                jobs.append(Job("experiments.jpeg_gradient:agree", values, pictures, told=dict(role=role, quality=q)))
        return _ordered(self.study.sweep("agreement", jobs).rows, "subject", "role", "quality")

    def foresight(self):
        """Does the gradient foresee what the real file does to the encoder's reading? Rows one a picture, quality, surrogate and push."""
        jobs = []
        for q in self.counts.qualities:
            for i, name in enumerate(self.pictures.names):
                values = dict(quality=q, directions=self.counts.directions, pushes=PUSHES, seed=self.study.seed, number=i)
                images = {"images": levels(self.pictures.images[i : i + 1])}
                jobs.append(Job("experiments.jpeg_gradient:foresee", values, images, told=dict(subject=name, quality=q)))
        return self.study.sweep("foresight", jobs).rows

    def attacks(self):
        """The encoder attack through each surrogate, scored on real files; rows one a picture, surrogate, quality and file."""
        jobs = []
        for name in SURROGATES:
            for q in (None,) if name in ANY_QUALITY else self.counts.through:
                jobs += [self._attack(name, q, i) for i in range(0, len(self.pictures.names), GROUP)]
        rows = _ordered(self.study.sweep("attacks through files", jobs).rows, "subject", "surrogate", "through")
        return [row | dict(through=q) for q in self.counts.through for row in rows if row["through"] in (None, q)]

    def _attack(self, name, quality, first):
        steps, some = self.counts.steps, slice(first, first + GROUP)
        settings = dataclasses.replace(paper.PHOTOGUARD_ENCODER["equal"], eps=EPS, start="zero", steps=steps, step=2.5 * EPS / steps)
        values = dict(settings=arms.plain(settings), surrogate=name, through=quality)
        values |= dict(names=self.pictures.names[some], files=self.counts.qualities)
        told = dict(surrogate=name, through=quality)
        uses = ("protect.photoguard:encoder", values["settings"]["kind"])
        return Job("experiments.jpeg_gradient:attack", values, {"images": levels(self.pictures.images[some])}, uses=uses, told=told)

    @functools.cached_property
    def perturbed(self):
        """The grid of the people whose perturbations are taken apart: more than are edited, since they need no edits."""
        some = subjects.people(self.study, self.counts.perturbed)
        return Grid(self.study, some, region="whole", protections=self.bypass.protections)

    def spectra(self):
        """Where the energy of each perturbation lies, and what is left of it over quality; rows one a picture, quality, kind and band."""
        grid, jobs = self.perturbed, []
        grid.protect(dict.fromkeys(COMPARED))
        noise = self._noise(grid)
        for name in SPECTRA:
            for q in self.bypass.counts.qualities:
                for some in grid.groups():
                    made = noise.stored(dict(first=some.start), "image") if name == "noise" else grid.pictures(Cell(name), some)
                    pictures = {"made": made, "images": grid.pictures(Cell(), some)}
                    values = dict(names=grid.names(some), quality=q)
                    jobs.append(Job("experiments.jpeg_gradient:spectra", values, pictures, told=dict(protection=name, quality=q)))
        return _ordered(self.study.sweep("spectra", jobs).rows, "subject", "protection", "quality")

    def _noise(self, grid):
        arm, jobs = arms.protection("noise", "paper"), []
        for some in grid.groups():
            values = dict(place=arm.row.place, settings=arm.settings, takes=arm.row.takes, seed=self.study.seed, stream=arm.method)
            values["first"] = some.start
            given = {"images": grid.pictures(Cell(), some)}
            jobs.append(Job("experiments.stages:protect", values, given, uses=arm.uses, at=dict(first=some.start)))
        return self.study.sweep("noise", jobs)

    @property
    def settings(self):
        """What the manifest says of the rows: the bypass's settings, and the counts beside its."""
        return self.bypass.settings | dict(counts=vars(self.bypass.counts) | vars(self.counts))


def _ordered(rows, *first):
    """Rows with these columns in front."""
    return [{name: row[name] for name in first} | row for row in rows]


def agree(profile, values, pictures):
    """Rows: how far each formulation is from the real file, in levels. values: names, quality."""
    images, rows = pictures["images"], []
    real = degrade.jpeg_file(images, values["quality"])
    for form in FORMS:
        off = ((through(form, images, values["quality"]) - real) * 255).round().abs()
        for name, d in zip(values["names"], off, strict=True):
            rows.append(dict(subject=name, form=form, mean=d.mean().item(), worst=d.max().item(), equal=(d == 0).float().mean().item()))
    return Result(rows)


def foresee(profile, values, pictures):
    """Rows: correlation, over random directions u of so many levels, of <gradient, u> with half of L(file(x + u)) - L(file(x - u)).

    L: the latents' distance to grey. values: quality, directions, pushes (levels), seed, number (of the picture).
    """
    image, q = pictures["images"], values["quality"]
    moves = _directions(values["directions"], image, rng.generator(values["seed"], "directions", values["number"]))
    happened = {push: _happened(image, moves * (push / 255), q, profile.model) for push in values["pushes"]}
    rows = []
    for name in SURROGATES:
        x = image.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(to_grey(through(name, x, q), profile.model).sum(), x)
        foreseen = (moves * gradient).sum((1, 2, 3))  # correlation does not ask for its size
        for push, change in happened.items():
            rows.append(dict(surrogate=name, push=push, correlation=torch.corrcoef(torch.stack([foreseen, change]))[0, 1].item()))
    return Result(rows)


@torch.no_grad()
def _happened(image, moves, quality, model):
    """Half the difference in distance to grey of the files of one image with each move added and taken away: (count,)."""
    ahead, back = (
        torch.cat([to_grey(degrade.jpeg((image + sign * part).clamp(0, 1), quality), model).cpu() for part in moves.split(16)])
        for sign in (1, -1)
    )
    return (ahead - back) / 2


def attack(profile, values, pictures):
    """Rows: what an encoder attack through a surrogate leaves of the distance to grey, on real files of each quality of `files`.

    values: settings, surrogate, through (its quality), names, files.
    """
    clean, model = pictures["images"], profile.model
    settings = arms.record(resolve(values["settings"]["kind"]), values["settings"])

    def filed(x):
        return through(values["surrogate"], x, values["through"])

    made, rows = photoguard.encoder(clean.to(model.device), model, settings=settings, through=filed).cpu(), []
    for q in (None, *values["files"]):
        distances = reading.grey_distance(degrade.jpeg(made, q), clean, model).tolist()
        rows += [dict(subject=name, quality=q, grey_distance=one) for name, one in zip(values["names"], distances, strict=True)]
    return Result(rows, {"image": made})


def spectra(profile, values, pictures):
    """Rows: of each kind and band, share of the perturbation's energy, what a file of `quality` leaves of it. values: names, quality."""
    made, clean, q = pictures["made"], pictures["images"], values["quality"]
    share, outside = spectrum.energy(made - clean), spectrum.outside_mask(made - clean)
    left, rows = spectrum.survival(clean, made, degrade.jpeg(clean, q), degrade.jpeg(made, q)), []
    for (kind, band), (kept, kept_energy, energy) in left.items():
        for i, name in enumerate(values["names"]):
            row = dict(subject=name, kind=kind, band=band, share=share[kind, band][i].item(), outside=outside[i].item())
            rows.append(row | dict(kept=kept[i].item(), kept_energy=kept_energy[i].item(), energy=energy[i].item()))
    return Result(rows)


def _directions(count, image, generator):
    """Signs that are constant on blocks of 1, 2, 4 and 8 pixels in turn, (count, 3, H, W): fine and coarse moves of equal size."""
    height, width = image.shape[2:]
    moves = []
    for i in range(count):
        side = (1, 2, 4, 8)[i % 4]
        signs = torch.randint(2, (1, 3, -(-height // side), -(-width // side)), generator=generator) * 2.0 - 1
        moves.append(torch.nn.functional.interpolate(signs, scale_factor=side)[:, :, :height, :width])
    return torch.cat(moves)
