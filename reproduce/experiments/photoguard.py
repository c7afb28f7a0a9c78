"""PhotoGuard's evaluation (notebook 02): edits of immunised pictures beside edits of the clean ones, with the controls it lacks.

Every edit is an inpainting that keeps the person and repaints the rest, compared with the edit of the clean picture under the same
seed. Controls: the clean picture under another seed, under the same seed once more, through the autoencoder, and with noise of the
attack's bound and of its norm.
"""

import dataclasses

from .. import rng
from ..engine.jobs import Job, Result
from ..measure import MEASURES
from ..measure.clip import identify
from ..papers import photoguard as paper
from ..papers.measures import TABLE6, TABLE10
from ..protect import noise
from . import arms, identity, scales, subjects
from .arms import CLEAN
from .cells import AGAIN, OTHER, Cell, Misuse
from .grid import Grid, together

TARGETS = ("noise", "encoder", "diffusion")
STRONG, EQUAL = ("encoder, strong", "diffusion, strong"), ("encoder, equal norm", "diffusion, equal norm")
DECIDING = (*TARGETS, *STRONG, *EQUAL)  # what claims are judged on: all people, prompts and seeds
SIDE = ("encoder, released", "encoder, equal", "encoder, noise target", "diffusion, released", "diffusion, equal")  # on some of the people
MATCHED, ENCODED = "noise of the encoder attack's norm", "encode-decode"  # the other pictures that are edited
PROMPTED = "diffusion, prompted"  # the diffusion attack through guidance, with the prompt that is asked of the edit
PRINTED = [*TABLE6, *TABLE10, "ssim-sewar", "ssim_person"]  # named one by one: a measure that is added is not asked of them
BRIEF = ["ssim", "psnr", "ssim-sewar", "ssim_person"]  # of edits that no line of Tables 6 and 10 is about
PASTED, EDITED = ["ssim", "psnr"], ["ssim_edited", "psnr_edited"]


class Edits:
    """The experiment over one study: `protect`, then `edits`, then what is computed from both."""

    def __init__(self, study, *, clip=""):
        source = clip or study.judges.clip
        self.clip_name, mark = identify(source)
        self.clip = [source, mark]
        self.study, self.counts = study, scales.counts("photoguard", study.scale)
        self.people = subjects.people(study, self.counts.people)
        self.side = min(self.counts.side, len(self.people.names))
        known = {key: arms.protection(key, study.scale) for key in (*DECIDING, *SIDE)}
        self.grid = Grid(study, self.people, protections=known, clip=self.clip)
        self.misuse = Misuse("inpainting", dataclasses.replace(paper.PHOTOGUARD_EDIT["paper"], steps=self.counts.edit_steps))
        self.wanted = dict.fromkeys(DECIDING) | dict.fromkeys(SIDE, self.side)

    def protect(self):
        """Every person's kept region under every protection; rows one a picture, with what of the clean picture's aims is left."""
        self.grid.protect(self.wanted)
        aims, rows = self._aims(), []
        for row in self.grid.sizes(self.wanted):
            after, before = aims[row["protection"], row["subject"]], aims[CLEAN, row["subject"]]
            remaining = {column: after[key] / before[key] for column, key in AIMS.items()}
            rows.append({key: row[key] for key in ("subject", "protection", "levels", "rms", "used")} | remaining)
        return rows

    def _aims(self):
        """(protection, subject) -> distances to grey of what the encoder reads and the inpainting model paints."""
        settings = arms.plain(paper.PHOTOGUARD_DIFFUSION["paper"])
        common = dict(seed=self.study.seed, settings=settings, together=together(self.people.images))
        jobs = []
        for key, count in {CLEAN: None, **self.wanted}.items():
            for some in self.grid.groups(count):
                pictures = {"images": self.grid.pictures(Cell(key), some), "mask": self.grid.masks(some)}
                values = dict(names=self.grid.names(some), **common)
                jobs.append(Job("experiments.stages:aims", values, pictures, uses=(settings["kind"],), told=dict(protection=key)))
        return {(row["protection"], row["subject"]): row for row in self.study.sweep("aims", jobs).rows}

    def controls(self):
        """The clean pictures through the autoencoder, and with noise of the encoder attack's norm."""
        trips, matched = [], []
        for some in self.grid.groups():
            clean, names = {"images": self.grid.pictures(Cell(), some)}, self.grid.names(some)
            trips.append(Job("experiments.stages:encode_decode", {}, clean, at=dict(first=some.start)))
            given = clean | {"reference": self.grid.pictures(Cell("encoder"), some), "mask": self.grid.masks(some)}
            values = dict(names=names, seed=self.study.seed)
            matched.append(Job("experiments.photoguard:matched", values, given, at=dict(first=some.start)))
        self.grid.add(ENCODED, self.study.sweep("encode-decode", trips))
        self.grid.add(MATCHED, self.study.sweep("matched noise", matched))

    def edits(self):
        """Every picture edited after every prompt; rows one per picture, prompt, seed and rule of choosing the seed."""
        self.controls()
        self.edited = self.grid.edit(self.misuse, [one for k in range(self.counts.prompts) for one in self._asked(k)])
        held = [(cell, k, seed, (Cell(), k, seed), count) for k in range(self.counts.prompts) for cell, k, seed, count in self._asked(k)]
        held += [(Cell(), k, 1, (Cell(), k, 0), None) for k in range(self.counts.prompts)]
        whole = [one for one in held if one[0].protection in DECIDING]
        rest = [one for one in held if one not in whole]
        known = {}
        for row in self._compared(whole, PRINTED) + self._compared(rest, BRIEF):
            known[row["subject"], row["prompt"], row["protection"], row["seed"]] = row
        self.chosen = Chosen(known, [CLEAN, *DECIDING], range(self.counts.seeds))
        photographs, rows = self._photographs(), []
        for i, name in enumerate(self.people.names):
            arms_of = [arm for arm, count in self._first().items() if count is None or i < count]
            for prompt in self.people.prompts[i][: self.counts.prompts]:
                rows += self.chosen.rows(name, prompt, arms_of)
                rows.append(dict(subject=name, protection="photograph", prompt=prompt, rule="none", fit=photographs[name, prompt]))
        return rows

    def _first(self):
        """Protection -> of how many people, of the edits under the first seed."""
        return {CLEAN: None, **self.wanted, MATCHED: None, ENCODED: None}

    def _asked(self, number):
        """The edits after one prompt: (cell, prompt's number, seed, of how many people)."""
        asked = [(Cell(key), number, 0, count) for key, count in self._first().items()]
        asked += [(Cell(key), number, seed, None) for seed in range(1, self.counts.seeds) for key in (CLEAN, *DECIDING)]
        return [*asked, (Cell(again=True), number, 0, None)]

    def _compared(self, held, names):
        compared = [
            ["{}", "edit", "reference", names], ["{}_pasted", "edit, pasted", "reference, pasted", PASTED],
            ["{}", "edit", "reference", EDITED], ["{}", "edit", None, ["fit"]], *identity.compared(self.study),
        ]  # fmt: skip
        return self.grid.compare(self.edited, held, compared, pasted=["edit", "reference"])

    def _photographs(self):
        """(subject, prompt) -> how well the photograph itself fits."""
        compared, listed = [["{}", "photo", None, ["fit"]]], []
        for number in range(self.counts.prompts):
            for some in self.grid.groups():
                pictures = {"photo": self.grid.pictures(Cell(), some)}
                more = dict(prompts=[self.people.prompts[i][number] for i in some], clip=self.clip)
                listed.append((dict(number=number), some, pictures, compared, more))
        rows = self.grid.measure(listed)
        return {(row["subject"], self.grid.prompt(row["subject"], row["number"])): row["fit"] for row in rows}

    def distances(self):
        """FID, precision and recall of every set of edits to the clean edits under the same seeds: a row a set."""
        sets = [("fixed", arm, self._edits(arm, None)) for arm in (*DECIDING, MATCHED, ENCODED, OTHER, AGAIN)]
        sets += [("best", arm, self._edits(arm, self.chosen.best)) for arm in TARGETS]
        clean = {"fixed": self._edits(CLEAN, None), "best": self._edits(CLEAN, self.chosen.best)}
        values, jobs = dict(clip=self.clip, features=self.study.judges.features), []
        for rule, arm, found in sets:
            pictures, told = {"x": found, "y": clean[rule]}, dict(rule=rule, protection=arm)
            jobs.append(Job("experiments.stages:apart", values, pictures, uses=MEASURED, told=told))
        return self.study.sweep("distances", jobs).rows

    def _edits(self, arm, best):
        """Where the edits under an arm are stored, under the first seed or each under the `best` for its (subject, prompt)."""
        cell, seed = {OTHER: (Cell(), 1), AGAIN: (Cell(again=True), 0)}.get(arm, (Cell(arm), 0))
        found = []
        for number in range(self.counts.prompts):
            for some in self.grid.groups():
                for i, name in zip(range(len(some)), self.grid.names(some), strict=True):
                    chosen = seed if best is None else best[name, self.grid.prompt(name, number)]
                    found.append(dataclasses.replace(self.edited.stored(cell, number, chosen, some), rows=(i,)))
        return found

    @property
    def settings(self):
        """What the manifest says of the rows: counts, every arm's settings with their source, how edits are made and judged."""
        return dict(
            counts=vars(self.counts),
            protections={key: dataclasses.asdict(arm.record) for key, arm in self.grid.protections.items()},
            edits=dict(inpainting=dataclasses.asdict(self.misuse.settings)),
            clip=dict(name=self.clip_name, fingerprint=self.clip[1]),
            faces=identity.name(self.study),
        )


class Chosen:
    """Rows of edits by the rule that chose their seed: "fixed" (the first), "list" (the others), "best" (whose clean edit fits best).

    known: (subject, prompt, protection, seed) -> row. listed: arms that every seed was run for.
    best: (subject, prompt) -> the best seed, of those whose rows were asked for.
    """

    def __init__(self, known, listed, seeds):
        self.known, self.listed, self.seeds, self.best = known, listed, seeds, {}

    def rows(self, name, prompt, shown):
        """All rows of one subject and prompt; shown: its arms under the first seed."""
        fits = [self._at(name, prompt, CLEAN, seed)["fit"] for seed in self.seeds]
        best = self.best[name, prompt] = fits.index(max(fits))
        fixed = [self._at(name, prompt, arm, 0) for arm in shown]
        fixed += [self._at(name, prompt, OTHER, 1), self._at(name, prompt, AGAIN, 0)]
        others = [self._at(name, prompt, arm, seed) for seed in self.seeds[1:] for arm in self.listed]
        bests = [self._at(name, prompt, arm, best) for arm in self.listed]
        return [_ruled(row, rule) for rule, found in (("fixed", fixed), ("list", others), ("best", bests)) for row in found]

    def _at(self, name, prompt, arm, seed):
        return self.known[name, prompt, arm, seed]


INDEX = ("subject", "protection", "misuse", "prompt", "seed")
AIMS = {"grey_distance": "reads", "painted_grey_distance": "paints"}  # column -> what of `stages.aims`
MEASURED = tuple(MEASURES[name].whole for name in ("fid", "precision_recall"))


def _ruled(row, rule):
    """A row with its rule behind the index columns, and without those that say nothing here."""
    values = {key: value for key, value in row.items() if key not in (*INDEX, "role", "purifier", "quality", "changed")}
    return {key: row[key] for key in INDEX} | dict(rule=rule) | values


def matched(profile, values, pictures):
    """"images" with noise, on "mask", of the norm of "reference" - "images": pictures called "image". values: names, seed."""
    chance = [rng.generator(values["seed"], "matched", name) for name in values["names"]]
    return Result([], {"image": noise.matched(pictures["images"], pictures["reference"], chance, mask=pictures["mask"])})
