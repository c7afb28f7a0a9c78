"""Customisation (notebook 06): models tuned to one person's pictures, what these paint, and whose faces are in it.

Pictures that are held against each other meet the same noise: a sample's random stream is named by person, prompt and number, and no more.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from dataclasses import dataclass

from ..engine.jobs import Job
from ..measure import MEASURES
from ..measure.clip import UNRESOLVED, identify
from ..method import changed
from ..papers import dreambooth as paper
from ..world.draw.scene import TABLE
from . import arms, face_networks, identity, scales, sets
from .cells import Cell
from .grid import Grid

PAINTED = 8  # class pictures a job
AMONG = 16  # people whom a face is told from
SCENES = {"C": "mirror", "D": "eiffel"}  # what a prompt asks for beside the person
PLACES = {name: f"a photo of a person {scene.phrases[0]}".strip() for name, scene in TABLE.items()}
CLASS = "class prompt"
WAYS = {  # what learns -> changes of the settings
    "denoiser": (),
    "denoiser and text tower": (("learn", ("unet", "text_encoder")),),
    "keys and values": (("learn", ("unet.kv",)), ("rate", 1e-3)),
    "adapters of rank 8": (("rank", 8), ("rate", 2e-3)),
}


@dataclass(frozen=True)
class Tuning:
    """One fine-tuning: to whom (a number), on their pictures of which role, after what was done to these; its settings' changes, its seed.

    untuned: none at all, the model as it is.
    """

    who: int
    role: str = "B"
    cell: Cell = Cell()
    changes: tuple = ()
    seed: int = 0
    untuned: bool = False


class Customisation:
    """The experiment over one study. `tune` first; then `rows` of any tunings, prompts and numbers of samples."""

    def __init__(self, study):
        self.study, self.counts = study, scales.counts("customisation", study.scale)
        self.sets = sets.people(study, self.counts.among)
        self.grids = {role: Grid(study, one, role=role, region="whole") for role, one in self.sets.items()}
        self.people = range(min(self.counts.people, len(self.sets["B"].sets())))
        self.settings = self._settings()
        self.sampling = dataclasses.replace(paper.SAMPLING["paper"], steps=self.counts.sampling)
        self.lacks = []  # what is not here, so that it is not measured, and tables say so
        self.faces, self.clip = self._faces(), self._clip()

    def _settings(self):
        """The bundled model's own, others' as the papers have them; with as many steps and class pictures as the scale has."""
        whole = paper.DREAMBOOTH["equal" if self.study.name == "bundled" else "paper"]
        cut = {name: count for name, count in (("steps", self.counts.steps), ("others", self.counts.others)) if count}
        return changed(whole, cut, ", ".join(f"{count} {name} instead of {getattr(whole, name)}" for name, count in cut.items()))

    def _faces(self):
        """The face networks' name and fingerprint; None where they are not here."""
        found, lacking = identity.networks(self.study)
        self.lacks += [f"faces: {lacking}"] if lacking else []
        return found

    def _clip(self):
        """What CLIP to open, its fingerprint and name; None where it is not here."""
        source = self.study.judges.clip
        name, mark = identify(source)
        if mark == UNRESOLVED:
            self.lacks.append(f"scenes and fit: CLIP {source} is not here; fetch it once with network access")
            return None
        return [source, mark, name]

    @property
    def told(self):
        """What the manifest says of the rows."""
        settings = {"tuning": dataclasses.asdict(self.settings), "sampling": dataclasses.asdict(self.sampling)}
        clip = self.clip and dict(name=self.clip[2], fingerprint=self.clip[1])
        judges = dict(clip=clip, faces=self.faces and self.faces[0], lacks=self.lacks)
        return settings | judges | dict(counts=vars(self.counts))

    def networks(self):
        """Rows of how far the face networks are to be trusted."""
        return face_networks.networks(self.study, self.faces, self.counts.judged, self.counts.strangers)

    # --- tuning ------------------------------------------------------------------------------------------------------------

    def others(self):
        """Pictures of the class by the model itself, which every tuning sees beside the person's."""
        numbers = range(self.settings.others)
        jobs = []
        for i in range(0, len(numbers), PAINTED):
            some = numbers[i : i + PAINTED]
            values = dict(sampling=arms.plain(self.sampling), prompts=[self.settings.group] * len(some), seed=self.study.seed)
            jobs.append(Job("experiments.stages:sample", values | dict(streams=[["class", k] for k in some]), at=dict(first=i)))
        return self.study.sweep("class pictures", jobs).stored({}, "image")

    def tune(self, wanted):
        """Every fine-tuning. wanted: Tuning -> the steps after which its weights are kept, () for the last."""
        others, jobs = self.others(), []
        for one, taken in wanted.items():
            settings, name = self._changed(one), self.names[one.who]
            values = dict(settings=arms.plain(settings), seed=self.study.seed, taken=list(taken) or [settings.steps])
            values["stream"] = ["customise", name, one.seed]
            pictures = {"images": self.pictures(one), "others": others}
            way = next((way for way, changes in WAYS.items() if changes == one.changes), "")
            told = dict(subject=name, role=one.role, way=way, changed=arms.told(one.changes), seed=one.seed, steps=max(values["taken"]))
            jobs.append(Job("experiments.stages:tune", values, pictures, uses=(values["settings"]["kind"],), told=told, at=dict(one=one)))
        self.tuned = self.study.sweep("fine-tuning", jobs)
        return [row | dict(seconds=round(took, 1)) for row, took in zip(self.tuned.rows, self.tuned.took, strict=True)]

    @property
    def names(self):
        """The people, in the order of their numbers."""
        return [self.sets["B"].who[some.start] for some in self.sets["B"].sets()]

    def pictures(self, one):
        """A tuning's pictures: an array, or where they are stored."""
        return self.grids[one.role].pictures(one.cell, self._set(one.role, one.who))

    def _set(self, role, who):
        return self.sets[role].sets()[who]

    def _changed(self, one):
        return changed(self.settings, dict(one.changes), arms.told(one.changes)) if one.changes else self.settings

    def wanted(self):
        """All fine-tunings of the notebook: Tuning -> steps after which its weights are kept."""
        own, few = self.settings.steps, self.people[: self.counts.few]
        steps = sorted({own, *self.counts.taken})
        found = {Tuning(i): steps if i in few else () for i in self.people}
        found |= {one: () for i in few for one in (Tuning(i, seed=1), Tuning(i, role="A"))}
        found |= {Tuning(i, changes=changes): () for i in few for changes in WAYS.values() if changes}
        return found | {Tuning(i, changes=self._rate(by)): steps for i in few for by in self.counts.rates}

    def _rate(self, by):
        return (("rate", self.settings.rate * by),)

    # --- samples and rows ------------------------------------------------------------------------------------------------

    def clean(self):
        """Rows of clean customisation and of its controls, by the column `control`, each a person and prompt at a time."""
        asked = []
        for i in self.people:
            asked += [("tuned", Tuning(i), None, letter, self.counts.samples) for letter in paper.PROMPTS]
            controls = [("untuned", Tuning(i, untuned=True))]
            if i < self.counts.few:
                controls += [("another seed", Tuning(i, seed=1)), ("set A", Tuning(i, role="A"))]
            asked += [(control, one, None, letter, self.counts.few_samples) for control, one in controls for letter in paper.PROMPTS]
            for control, one in (("class prompt, tuned", Tuning(i)), ("class prompt, untuned", Tuning(i, untuned=True))):
                asked.append((control, one, None, CLASS, self.counts.samples))
        return self.rows("control", asked)

    def ways(self):
        """Rows of what else may learn, by the column `way`."""
        asked = [(way, Tuning(i, changes=changes), None) for way, changes in WAYS.items() for i in self.people[: self.counts.few]]
        return self.rows("way", self._tried(asked))

    def search(self):
        """Rows over rates and steps, by the column `rate`."""
        asked = []
        for i in self.people[: self.counts.few]:
            for changes in ((), *map(self._rate, self.counts.rates)):
                one = Tuning(i, changes=changes)
                asked += [(self._changed(one).rate, one, step) for step in sorted({self.settings.steps, *self.counts.taken})]
        return self.rows("rate", self._tried(asked))

    def _tried(self, asked):
        return [(*one, letter, self.counts.few_samples) for one in asked for letter in ("A", *SCENES)]

    def rows(self, column, asked):
        """Rows one a picture. asked: (what `column` says, Tuning, step or None for its last, a prompt's letter or CLASS, how many)."""
        sampled = self.study.sweep("customised", [self._sample(*one) for _, *one in dict.fromkeys(asked)])
        jobs = [self._recognise(*one, sampled.stored(dict(one=tuple(one)), "image"), {column: said}) for said, *one in asked]
        self.sampled = sampled
        return self.study.sweep("recognised faces", jobs).rows

    def painted(self, one, letter, count, step=None):
        """The samples of a call of `rows` before: (count, 3, H, W)."""
        return self.sampled.images(dict(one=(one, step, letter, count)), "image")

    def _sample(self, one, step, letter, count):
        prompt, name = self.prompt(letter), self.names[one.who]
        values = dict(sampling=arms.plain(self.sampling), prompts=[prompt] * count, seed=self.study.seed)
        values["streams"] = [["sample", name, prompt, k] for k in range(count)]
        weights = None
        if not one.untuned:
            settings = self._changed(one)
            values |= dict(settings=arms.plain(settings), taken=step or settings.steps)
            weights = self.tuned.stored(dict(one=one), "weights")
        return Job("experiments.stages:sample", values, {}, at=dict(one=(one, step, letter, count)), weights=weights)

    def _recognise(self, one, step, letter, count, stored, said):
        gallery = [one.who, *(k for k in range(len(self.names)) if k != one.who)][:AMONG]
        reference = self.grids["C"]
        pictures = {"image": stored, "gallery": [reference.pictures(Cell(), self._set("C", k)) for k in gallery]}
        measures = {name: [MEASURES[name].whole, MEASURES[name].kind, MEASURES[name].needs] for name in self._measures()}
        values = dict(prompts=[self.prompt(letter)] * count, measures=measures, each=sets.EACH)
        values |= dict(clip=self.clip and self.clip[:2], faces=self.faces)
        if letter in SCENES and self.clip:
            values |= dict(scenes=list(PLACES.values()), scene=list(PLACES).index(SCENES[letter]))
        told = dict(
            subject=self.names[one.who], role="none" if one.untuned else one.role, protection=one.cell.protection,
            purifier=one.cell.purifier, quality=one.cell.quality, changed=arms.told(one.changes), misuse="dreambooth",
            prompt=self.prompt(letter), seed=one.seed, step=0 if one.untuned else step or self._changed(one).steps, **said,
        )  # fmt: skip
        return Job("experiments.stages:recognise", values, pictures, uses=tuple(place for place, *_ in measures.values()), told=told)

    def prompt(self, letter):
        """The words of a prompt."""
        return self.settings.group if letter == CLASS else paper.PROMPTS[letter]

    def _measures(self):
        """Names of the measures of a picture by itself that can be taken here."""
        return [*(["brisque"] if importlib.util.find_spec("brisque") else []), *(["fit"] if self.clip else [])]
