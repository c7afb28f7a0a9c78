"""The protected people that notebooks 02 to 04 share: each kept region under any protection of a table, some people a job.

Whichever notebook comes first makes a picture; the others find it stored.
"""

import dataclasses

import torch

from .. import passes, protect, rng
from ..diffusion import chain
from ..engine.study import Result
from ..papers import photoguard as paper
from ..protect import photoguard

PROTECTIONS = {  # what tables and figures call it -> method, settings
    "noise": ("noise", "paper"),
    "encoder": ("photoguard-encoder", "paper"),
    "diffusion": ("photoguard-diffusion", "paper"),
    "encoder, released": ("photoguard-encoder", "released"),
    "diffusion, released": ("photoguard-diffusion", "released"),
    "encoder, equal": ("photoguard-encoder", "equal"),
    "diffusion, equal": ("photoguard-diffusion", "equal"),
    "encoder, through JPEG": ("photoguard-encoder", "jpeg"),
    "diffusion, adaptive": ("photoguard-diffusion", "adaptive"),
}
AT_MOST = {  # method -> what its settings' counts are cut to at a scale
    "smoke": {"photoguard-encoder": dict(steps=6), "photoguard-diffusion": dict(steps=3, draws=1)},
    "standard": {"photoguard-encoder": dict(steps=200), "photoguard-diffusion": dict(steps=25, draws=1)},
    "paper": {},
}
GROUP = 4  # people a job: a step of four costs less than four steps of one
DRAWS = 4  # of the noise, over which what four steps paint is averaged


def record(name, scale):
    """The settings of a protection as they are run at a scale; what was cut stands in their `differs`."""
    method, settings = PROTECTIONS[name]
    whole, most = protect.record(method, settings), AT_MOST[scale].get(method, {})
    return protect.record(method, settings, **{count: min(limit, getattr(whole, count)) for count, limit in most.items()})


def plain(settings):
    """A settings record as a list of plain values, for jobs that depend on it."""
    return [list(value) if isinstance(value, tuple) else value for value in dataclasses.astuple(settings)]


def together(pictures):
    """How many pictures of this size an attack through the whole model takes at once."""
    return max(1, min(GROUP, passes.PIXELS // pictures[0, 0].numel()))


class Protected:
    """Protections of the first people of a subjects.Subjects; `wanted`: name of the protection -> how many people.

    rows: one a picture; settings: name -> record as it was run.
    """

    def __init__(self, study, people, wanted):
        self.study, self.people, self.wanted = study, people, wanted
        self.settings = {name: record(name, study.scale) for name in wanted}
        self._clean = {}
        jobs = [
            dict(protection=name, first=first, pictures=people.names[first : min(first + GROUP, count)], settings=plain(settings))
            for (name, count), settings in zip(wanted.items(), self.settings.values(), strict=True)
            for first in range(0, count, GROUP)
        ]
        self.sweep = study.sweep("protections", jobs, self._protect)
        self.rows = self.sweep.rows

    def picture(self, subject, name):
        """One person under a protection, (1, 3, H, W) on the 8-bit grid; "clean": without."""
        if name == "clean":
            return self.people.images[subject : subject + 1]
        first = subject - subject % GROUP
        return self.sweep.images(dict(protection=name, first=first), "image")[subject - first : subject - first + 1]

    def _protect(self, job):
        name, some = job["protection"], slice(job["first"], job["first"] + len(job["pictures"]))
        origin, kept = self.people.images[some], self.people.people[some]
        method, chosen = PROTECTIONS[name][0], self.settings[name]
        own = rng.child(self.study.seed, "protect", name, *job["pictures"])
        made = protect.apply(origin, self.study.model, method, settings=chosen, seed=own, mask=kept)
        moved, share = (made - origin).mul(255).round(), kept.flatten(1).mean(1).clamp_min(1e-6)
        columns = dict(
            levels=moved.abs().flatten(1).amax(1),
            rms=(moved.square().flatten(1).mean(1) / share).sqrt(),  # over the region that may change
            used=protect.spent(made, origin, chosen),
            **self._aims(made, job["first"], job["pictures"]),
        )
        rows = [
            dict(subject=some.start + i, image=image, eps=chosen.eps, **{key: values[i].item() for key, values in columns.items()})
            for i, image in enumerate(job["pictures"])
        ]
        return Result(rows, {"image": made})

    def _aims(self, made, first, names):
        """What the attacks make small: how far what the encoder reads, and four steps paint, is from grey; 1 for the clean picture."""
        group = (first, len(names))
        if group not in self._clean:  # the same for every protection of the same people
            self._clean[group] = self._from_grey(self.people.images[first : first + len(names)], first, names)
        return {key: values / self._clean[group][key] for key, values in self._from_grey(made, first, names).items()}

    @torch.no_grad()
    def _from_grey(self, pictures, first, names):
        model, kept = self.study.model, self.people.people[first : first + len(names)]
        grey = photoguard.target(pictures.to(model.device), model, "grey image")
        shown = (pictures * kept + photoguard.GREY * (1 - kept)).to(grey)
        reads = (model.encode(shown).mean - grey).flatten(1).norm(dim=1)
        chance = [rng.generator(self.study.seed, "aims", name, draw) for name in names for draw in range(DRAWS)]
        again, masks = (one.repeat_interleave(DRAWS, 0).to(grey) for one in (pictures, 1 - kept))
        rule, part = dict(steps=paper.PHOTOGUARD_DIFFUSION["paper"].chain, eta=1.0), DRAWS * together(pictures)
        paints = [
            (chain.inpaint(x, y, [""] * len(x), model, generator=z, **rule) - photoguard.GREY).flatten(1).norm(dim=1)
            for x, y, z in ((again[i : i + part], masks[i : i + part], chance[i : i + part]) for i in range(0, len(again), part))
        ]
        return dict(reads=reads, paints=torch.cat(paints).view(-1, DRAWS).mean(1))
