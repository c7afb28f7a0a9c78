"""Protected people purified and edited (notebooks 03 and 04): what a purifier leaves of the protection, and of the picture.

Every edit is compared with the edit of the clean picture, as it came, under the same seed. Two controls: the clean picture purified
likewise, which says what purification alone does to an edit, and IMPRESS's start noise alone.
"""

import dataclasses

from ..measure.perceptual import label
from ..papers import photoguard as paper
from . import arms, scales, subjects
from .arms import CLEAN, UNTREATED
from .cells import Cell, Misuse
from .grid import Grid

PROTECTED = ("noise", "encoder", "encoder, through JPEG", "diffusion", "diffusion, adaptive")
RELEASED = "diffusion, released"  # what the adaptive protection is without its consistency
IMPRESSES = ("IMPRESS, noise only", "IMPRESS, released in half", "IMPRESS, released", "IMPRESS, fp32", "IMPRESS")
STEPS = (0, 10, 30, 100, 300, 1000)  # of IMPRESS, after which its picture is taken where it is followed
TURNED = {  # IMPRESS's settings that are turned one at a time; steps as shares of those at the scale
    "alpha": (0.0, 0.01, 0.1),
    "budget": (0.02, 0.1, 0.3),
    "rate": (1e-3, 5e-3, 2e-2),
    "noise": (0.0, 0.05 * 127.5, 0.1 * 127.5),
    "steps": (0.1, 0.3, 1, 3),
    "norm": ("mean", "sum"),
}
TURNED_PROTECTION = "encoder"
MEASURES = ["ssim", "psnr", "vifp", "fsim", "ssim-sewar"]
INDEX = ("subject", "protection", "purifier", "changed")  # which picture
PURIFIED = [
    ["picture_{}", "purified", "photo", ["ssim", "psnr"]],
    ["{}", "purified", "photo", ["perceptual"]],
    ["from_protected", "purified", "sent", ["perceptual"]],
    ["{}", "purified", "photo", ["latent_shift"]],
    ["{}", "purified", "sent", ["change"]],
]
EDITED = [["{}", "edit", "reference", MEASURES]]


def editing_table():
    """Notebook 03's cells: every protection as it is, through IMPRESS and through JPEG 75; two of them also through other purifiers."""
    cells = [Cell(name, purified) for name in (CLEAN, *PROTECTED, RELEASED) for purified in (UNTREATED, "IMPRESS", "JPEG 75")]
    others = [arm for arm in (*IMPRESSES, "AdverseCleaner", "autoencoder") if arm != "IMPRESS"]
    cells += [Cell(name, other) for name in (CLEAN, TURNED_PROTECTION) for other in others]
    scripts = [Cell("diffusion, adaptive", arm) for arm in ("IMPRESS, released", "IMPRESS, released in half")]  # what IMPRESS's own run
    return [*cells, *scripts]


def every_pair(study):
    """Notebook 04's cells: everything against everything that the profile has; at the smoke scale against one attack.

    Of IMPRESS's arms the two in between, whose place is notebook 03, stay out.
    """
    between = ("IMPRESS, released", "IMPRESS, fp32")
    known = [name for name in arms.PURIFIERS if name not in between and (study.name, name) != ("bundled", "Noisy Upscaling")]
    protections = [name for name in (CLEAN, *PROTECTED) if study.scale != "smoke" or name in (CLEAN, "encoder")]
    return [Cell(name, purified) for name in protections for purified in known]


def turned(study):
    """IMPRESS's settings turned one at a time, the others as they are at this scale: name -> list of (value, cell)."""
    own = arms.purifier("IMPRESS", impress_steps=scales.counts("purification", study.scale).impress_steps).record
    steps = list(dict.fromkeys(max(1, round(share * own.steps)) for share in TURNED["steps"]))
    return {name: [(value, _turned(own, name, value)) for value in values] for name, values in (TURNED | {"steps": steps}).items()}


def _turned(own, name, value):
    return Cell(TURNED_PROTECTION, "IMPRESS", () if value == getattr(own, name) else ((name, value),))


def turned_settings(turned):
    """What the manifest says of `turned`: name -> value and change in words."""
    return {"turned": {name: [[value, cell.changed] for value, cell in values] for name, values in turned.items()}}


def turned_cells(turned):
    """The cells of `turned`, each once, and the picture as it is."""
    return list(dict.fromkeys([Cell(TURNED_PROTECTION), *(cell for values in turned.values() for _, cell in values)]))


def followed(study, purifiers=IMPRESSES[1:], protection="encoder"):
    """Notebook 03's cells of IMPRESS over its steps, for a Purification with the scale's `followed_steps`: the protected picture, then
    what each purifier has made of it after every one of STEPS within its run, and at the end.

    The rate falls as a cosine to the end of the run, so a picture at step 100 of 1000 is not the end of a run of 100.
    """
    steps = scales.counts("purification", study.scale).followed_steps
    taken = [step for step in STEPS if step < steps] + [steps]
    return [Cell(protection), *(Cell(protection, purifier, step=step) for purifier in purifiers for step in taken)]


class Purification:
    """People, their protections and a list of cells over one study: `purify`, then `edits`.

    count: of the scale's people, how many are purified. impress_steps: of IMPRESS's runs, the scale's by default.
    """

    def __init__(self, study, cells, *, count=None, impress_steps=None):
        self.study, self.cells, self.count = study, list(cells), count
        self.counts = scales.counts("purification", study.scale)
        people = subjects.people(study, self.counts.people)
        self.names = people.names[:count]
        wanted = dict.fromkeys(cell.protection for cell in self.cells if cell.protection != CLEAN)
        protections = {key: arms.protection(key, study.scale) for key in wanted}
        steps = impress_steps or self.counts.impress_steps
        purifiers = {
            (cell.purifier, cell.changed): arms.purifier(cell.purifier, impress_steps=steps, changes=cell.changes)
            for cell in self.cells
            if cell.purifier != UNTREATED
        }
        self.grid = Grid(study, people, protections=protections, purifiers=purifiers)
        self.grid.protect(wanted)
        self.misuse = Misuse("inpainting", dataclasses.replace(paper.PHOTOGUARD_EDIT["paper"], steps=self.counts.edit_steps))

    def purify(self):
        """Every cell's purified pictures; rows one a picture: subject, protection, purifier, changed, then what came of the picture.

        A picture of a step says in between after which `step` it was taken, `of` how many.
        """
        made, listed = self.grid.purify(self.cells, self.count), []
        own = {}
        for job, rows in made.grouped():
            for row in rows:
                own[_picture(job.at | row)] = {name: value for name, value in row.items() if name != "subject"}
        for cell in self.cells:
            for some in self.grid.groups(self.count):
                pictures = {"purified": self.grid.pictures(cell, some), "photo": self.grid.pictures(Cell(), some)}
                pictures["sent"] = self.grid.pictures(Cell(cell.protection), some)
                told = dict(protection=cell.protection, purifier=cell.purifier, changed=cell.changed)
                if cell.step is not None:
                    told |= dict(step=cell.step, of=self.grid.purifiers[cell.purifier, cell.changed].record.steps)
                listed.append((told, some, pictures, PURIFIED, {}))
        self.purified = []
        for row in self.grid.measure(listed):
            index = {name: row.pop(name) for name in INDEX}
            self.purified.append(index | row | own.get(_picture(index | row), {}))
        return self.purified

    def edits(self):
        """Every purified picture edited, all but the person repainted; rows one an edit, with what `purify` measured of what was edited."""
        asked = [(cell, k, 0, self.count) for k in range(self.counts.prompts) for cell in self.cells]
        clean = [(Cell(), k, 0, self.count) for k in range(self.counts.prompts)]
        self.edited = self.grid.edit(self.misuse, list(dict.fromkeys(asked + clean)))
        held = [(cell, k, seed, (Cell(), k, seed), count) for cell, k, seed, count in asked]
        pictures = {_picture(row): row for row in self.purified}
        rows = []
        for row in self.grid.compare(self.edited, held, EDITED):
            index = {name: row[name] for name in (*INDEX, "misuse", "prompt", "seed")}
            rows.append(index | pictures[_picture(row)] | {name: row[name] for name in MEASURES})
        return rows

    @property
    def settings(self):
        """What the manifest says of the rows: counts, every arm's settings with their source, the perceptual distance's name."""
        return dict(
            counts=vars(self.counts),
            protections={key: dataclasses.asdict(arm.record) for key, arm in self.grid.protections.items()},
            purifiers={key: dataclasses.asdict(arm.record) for (key, changed), arm in self.grid.purifiers.items() if not changed},
            edits=dict(inpainting=dataclasses.asdict(self.misuse.settings)),
            distance=label(self.study.judges),
        )

    def shown(self, subject, protection, purifier):
        """One purified picture (3, H, W), settings as they are."""
        return self.grid.shown(Cell(protection, purifier), subject)[0]

    def edit(self, subject, protection, purifier):
        """Its edit (3, H, W), under the first prompt."""
        return self.edited.shown(Cell(protection, purifier), subject)


def _picture(row):
    """Which picture a row is about."""
    return (*(row[name] for name in INDEX), row.get("step"))
