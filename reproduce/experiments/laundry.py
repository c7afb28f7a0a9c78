"""Protected people washed and edited (notebooks 03 and 04): what a launderer leaves of the protection, and of the picture.

Every edit is compared with the edit of the clean picture, as it came, under the same seed. Two controls: the clean picture washed
likewise, which says what washing alone does to an edit, and IMPRESS's start noise alone.
"""

import dataclasses
from dataclasses import dataclass

import torch

from .. import purify, rng
from ..engine import keys
from ..engine.study import Result
from ..measure import compare
from ..measure.perceptual import perceptual
from ..method import changed
from ..misuse import edit
from ..papers import photoguard as paper
from ..protect import photoguard
from . import subjects
from .protections import GROUP, Protected, plain

CLEAN, UNWASHED = "clean", "none"
LAUNDERERS = {  # what tables and figures call it -> method, settings; None: the picture as it is
    UNWASHED: None,
    "JPEG 90": ("jpeg", "quality 90"),
    "JPEG 75": ("jpeg", "quality 75"),
    "JPEG 50": ("jpeg", "quality 50"),
    "JPEG 15": ("jpeg", "quality 15"),
    "noise 0.05": ("noise", "sigma 0.05"),
    "noise 0.1": ("noise", "sigma 0.1"),
    "blur, released": ("blur", "released"),
    "blur, as named": ("blur", "named"),
    "blur, training": ("blur", "training"),
    "quantise": ("quantise", "released"),
    "resize, released": ("resize", "released"),
    "resize, antialiased": ("resize", "antialiased"),
    "crop": ("crop", "middle"),
    "AdverseCleaner": ("adverse-cleaner", "released"),
    "autoencoder": ("autoencoder", "once"),
    "DiffPure": ("diffpure", "released"),
    "GrIDPure": ("gridpure", "released"),
    "IMPRESS": ("impress", "paper"),
    "IMPRESS, released": ("impress", "released"),
    "IMPRESS, fp32": ("impress", "fp32"),
    "IMPRESS, noise only": ("impress", "noise only"),
    "Noisy Upscaling": ("noisy-upscaling", "paper"),
}
PROTECTED = ("noise", "encoder", "encoder, through JPEG", "diffusion", "diffusion, adaptive")
RELEASED = "diffusion, released"  # what the adaptive protection is without its consistency
ARMS = ("IMPRESS, noise only", "IMPRESS, released", "IMPRESS, fp32", "IMPRESS")
KNOBS = {  # IMPRESS's settings that are turned one at a time; steps as shares of those at the scale
    "alpha": (0.0, 0.01, 0.1),
    "budget": (0.02, 0.1, 0.3),
    "rate": (1e-3, 5e-3, 2e-2),
    "noise": (0.0, 0.05 * 127.5, 0.1 * 127.5),
    "steps": (0.1, 0.3, 1, 3),
    "norm": ("mean", "sum"),
}
KNOB_PROTECTION = "encoder"
MEASURES = ("ssim", "psnr", "vifp", "fsim", "ssim-sewar")


@dataclass(frozen=True)
class Scale:
    """How much is run: people, prompts each, steps of an edit, steps of IMPRESS (None: its settings' own), people for the knobs."""

    people: int
    prompts: int
    edit_steps: int
    impress_steps: int | None
    knob_people: int


SCALES = {"smoke": Scale(2, 1, 4, 3, 1), "standard": Scale(4, 1, 20, 50, 2), "paper": Scale(20, 3, 100, None, 4)}


@dataclass(frozen=True)
class Wash:
    """One cell of a table: a protection (or "clean"), a launderer, and changes to its settings (pairs of name and value)."""

    protection: str
    launderer: str
    changes: tuple = ()

    @property
    def told(self):
        """The changes in words, for rows."""
        return ", ".join(f"{name} {value if isinstance(value, str) else f'{value:g}'}" for name, value in self.changes)


def editing_table():
    """Notebook 03's pairs: every protection as it is, through IMPRESS and through JPEG 75; two of them also through other washers."""
    pairs = [Wash(name, washed) for name in (CLEAN, *PROTECTED, RELEASED) for washed in (UNWASHED, "IMPRESS", "JPEG 75")]
    others = [arm for arm in (*ARMS, "AdverseCleaner", "autoencoder") if arm != "IMPRESS"]
    pairs += [Wash(name, other) for name in (CLEAN, KNOB_PROTECTION) for other in others]
    return [*pairs, Wash("diffusion, adaptive", "IMPRESS, released")]  # what IMPRESS's own scripts run


def every_pair(study):
    """Notebook 04's pairs: everything against everything that the profile has; at the smoke scale against one attack.

    Of IMPRESS's arms the one in between, whose place is notebook 03, stays out.
    """
    known = [name for name in LAUNDERERS if name != "IMPRESS, fp32" and (study.name, name) != ("bundled", "Noisy Upscaling")]
    return [Wash(name, washed) for name in (CLEAN, *PROTECTED) if study.scale != "smoke" or name in (CLEAN, "encoder") for washed in known]


def turned(study):
    """IMPRESS's settings turned one at a time, the others as they are at this scale: knob -> list of (value, wash)."""
    own = _impress(study.scale, "paper")
    values = KNOBS | {"steps": list(dict.fromkeys(max(1, round(share * own.steps)) for share in KNOBS["steps"]))}
    return {
        knob: [(value, Wash(KNOB_PROTECTION, "IMPRESS", () if value == getattr(own, knob) else ((knob, value),))) for value in values[knob]]
        for knob in KNOBS
    }


def knob_washes(turned):
    """The washes of `turned`, each once, and the picture as it is."""
    return list(dict.fromkeys([Wash(KNOB_PROTECTION, UNWASHED), *(wash for values in turned.values() for _, wash in values)]))


def _impress(scale, settings):
    """IMPRESS's settings with the scale's steps; noise only stays without."""
    return purify.record("impress", settings, steps=SCALES[scale].impress_steps)


class Laundry:
    """People, their protections and a list of washes over one study: `wash`, then `edits`; rows name protection, launderer and changes.

    count: of the scale's people, how many are washed.
    """

    def __init__(self, study, washes, *, images="", count=None):
        study.images = images or study.images
        self.study, self.scale, self.washes = study, SCALES[study.scale], list(washes)
        self.people = subjects.people(study, self.scale.people)
        self.names = self.people.names[:count]
        wanted = dict.fromkeys(one.protection for one in self.washes if one.protection != CLEAN)
        self.protected = Protected(study, self.people, dict.fromkeys(wanted, len(self.people.names)))
        self.distance, self.distance_name = perceptual(study.profile.judges, study.model)

    def record(self, wash):
        """The settings of a wash as they are run at this scale; None for no launderer."""
        if LAUNDERERS[wash.launderer] is None:
            return None
        method, settings = LAUNDERERS[wash.launderer]
        chosen = _impress(self.study.scale, settings) if method == "impress" else purify.record(method, settings)
        return changed(chosen, dict(wash.changes), wash.told) if wash.changes else chosen

    def wash(self):
        """Every wash of every person: the sweep's pictures are called "image"; rows one a picture."""
        jobs = [self._job(one, first) for one in self.washes for first in range(0, len(self.names), GROUP)]
        self.washed = self.study.sweep("laundry/wash", jobs, self._wash)
        return self.washed

    def _job(self, wash, first):
        group = self.names[first : first + GROUP]
        settings = [plain(one) for one in (self.protected.settings.get(wash.protection), self.record(wash)) if one is not None]
        return dataclasses.asdict(wash) | dict(first=first, pictures=group, settings=settings)

    def _wash(self, job):
        first, count = job["first"], len(job["pictures"])
        wash = _of(job)
        chosen = self.record(wash)
        clean = self.people.images[first : first + count]
        sent = torch.cat([self.protected.picture(first + i, job["protection"]) for i in range(count)])
        done, log = sent, []
        if chosen is not None:
            method = LAUNDERERS[wash.launderer][0]
            own = rng.child(self.study.seed, "wash", *job["pictures"])  # the same start noise for all arms and protections
            done = purify.apply(sent, self.study.model, method, settings=chosen, seed=own, log=log, distance=self.distance).cpu()
        columns = {f"picture_{name}": values for name, values in compare(done, clean, ("ssim", "psnr")).items()}
        columns |= dict(
            perceptual=self._far(done, clean), from_protected=self._far(done, sent), reads=self._reads(done, clean),
            levels=(done - sent).mul(255).abs().flatten(1).mean(1),
        )  # fmt: skip
        told = {key: torch.tensor([float("nan") if line[key] is None else line[key] for line in log]) for key in (log[0] if log else ())}
        columns |= {key: values for key, values in told.items() if key not in ("image", "tile", "distance")}
        rows = [
            dict(subject=first + i, image=name, changed=wash.told, **{key: _number(values[i].item()) for key, values in columns.items()})
            for i, name in enumerate(job["pictures"])
        ]
        return Result(rows, {"image": done})

    @torch.no_grad()
    def _far(self, pictures, others):
        device = self.study.model.device
        return self.distance(pictures.to(device), others.to(device)).cpu()

    @torch.no_grad()
    def _reads(self, pictures, clean):
        """How far what the encoder reads is from the clean picture's, in units of the clean one's distance to grey."""
        model = self.study.model
        at, home = (model.encode(one.to(model.device)).mean for one in (pictures, clean))
        grey = photoguard.target(clean.to(model.device), model, "grey image")
        return ((at - home).flatten(1).norm(dim=1) / (grey - home).flatten(1).norm(dim=1)).cpu()

    def picture(self, subject, wash):
        """One washed picture, (1, 3, H, W)."""
        first = subject - subject % GROUP
        job = keys.plain(dataclasses.asdict(wash) | dict(first=first))
        return self.washed.images(job, "image")[subject - first : subject - first + 1]

    def shown(self, subject, protection, launderer):
        """One washed picture (3, H, W), settings as they are."""
        return self.picture(subject, Wash(protection, launderer))[0]

    def edit(self, subject, protection, launderer):
        """Its edit (3, H, W), under the first prompt."""
        first = subject - subject % GROUP
        job = dict(protection=protection, launderer=launderer, changes=[], first=first, prompt=0)
        return self.edited.images(job, "edit")[subject - first]

    def edits(self):
        """Every washed picture edited, all but the person repainted; rows one an edit, beside the edit of the clean picture."""
        asked = [dict(prompt=k) for k in range(self.scale.prompts)]
        groups = [dict(first=first, pictures=self.names[first : first + GROUP], steps=self.scale.edit_steps) | one
                  for first in range(0, len(self.names), GROUP) for one in asked]  # fmt: skip
        self.clean = self.study.sweep("laundry/clean edits", groups, self._clean_edit)
        jobs = [self._job(one, group["first"]) | group for one in self.washes for group in groups]
        self.edited = self.study.sweep("laundry/edits", jobs, self._edit)
        return self.edited

    def _clean_edit(self, job):
        return Result([], {"edit": self._paint(job, self.people.images[job["first"] : job["first"] + len(job["pictures"])])})

    def _edit(self, job):
        wash = _of(job)
        sent = torch.cat([self.picture(job["first"] + i, wash) for i in range(len(job["pictures"]))])
        done = self._paint(job, sent)
        values = compare(done, self.clean.images(dict(first=job["first"], prompt=job["prompt"]), "edit"), MEASURES)
        rows = [
            dict(image=name, changed=wash.told, asked=asked, **{key: column[i].item() for key, column in values.items()})
            for i, (name, asked) in enumerate(zip(job["pictures"], self._asked(job), strict=True))
        ]
        return Result(rows, {"edit": done})

    def _asked(self, job):
        return [self.people.prompts[job["first"] + i][job["prompt"]] for i in range(len(job["pictures"]))]

    def _paint(self, job, pictures):
        asked, some = self._asked(job), slice(job["first"], job["first"] + len(job["pictures"]))
        chance = [rng.generator(self.study.seed, "edit", 0, *pair) for pair in zip(asked, job["pictures"], strict=True)]
        settings = dataclasses.replace(paper.PHOTOGUARD_EDIT["paper"], steps=job["steps"])
        return edit.inpaint(pictures, 1 - self.people.people[some], asked, self.study.model, settings=settings, generator=chance)


def _of(job):
    """The wash that a job is about."""
    return Wash(job["protection"], job["launderer"], tuple((name, value) for name, value in job["changes"]))


def _number(value):
    return None if value != value else value
