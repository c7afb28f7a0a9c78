"""Protected people washed and edited (notebooks 03 and 04): what a launderer leaves of the protection, and of the picture.

Every edit is compared with the edit of the clean picture, as it came, under the same seed. Two controls: the clean picture washed
likewise, which says what washing alone does to an edit, and IMPRESS's start noise alone.
"""

import dataclasses

from ..measure.perceptual import label
from ..papers import photoguard as paper
from . import arms, scales, subjects
from .arms import CLEAN, UNWASHED
from .cells import Cell, Misuse
from .grid import Grid

PROTECTED = ("noise", "encoder", "encoder, through JPEG", "diffusion", "diffusion, adaptive")
RELEASED = "diffusion, released"  # what the adaptive protection is without its consistency
IMPRESSES = ("IMPRESS, noise only", "IMPRESS, released", "IMPRESS, fp32", "IMPRESS")
KNOBS = {  # IMPRESS's settings that are turned one at a time; steps as shares of those at the scale
    "alpha": (0.0, 0.01, 0.1),
    "budget": (0.02, 0.1, 0.3),
    "rate": (1e-3, 5e-3, 2e-2),
    "noise": (0.0, 0.05 * 127.5, 0.1 * 127.5),
    "steps": (0.1, 0.3, 1, 3),
    "norm": ("mean", "sum"),
}
KNOB_PROTECTION = "encoder"
MEASURES = ["ssim", "psnr", "vifp", "fsim", "ssim-sewar"]
WASHED = [
    ["picture_{}", "washed", "photo", ["ssim", "psnr"]],
    ["{}", "washed", "photo", ["perceptual"]],
    ["from_protected", "washed", "sent", ["perceptual"]],
    ["{}", "washed", "photo", ["latents_moved"]],
    ["{}", "washed", "sent", ["change"]],
]
EDITED = [["{}", "edit", "reference", MEASURES]]


def editing_table():
    """Notebook 03's cells: every protection as it is, through IMPRESS and through JPEG 75; two of them also through other washers."""
    cells = [Cell(name, washed) for name in (CLEAN, *PROTECTED, RELEASED) for washed in (UNWASHED, "IMPRESS", "JPEG 75")]
    others = [arm for arm in (*IMPRESSES, "AdverseCleaner", "autoencoder") if arm != "IMPRESS"]
    cells += [Cell(name, other) for name in (CLEAN, KNOB_PROTECTION) for other in others]
    return [*cells, Cell("diffusion, adaptive", "IMPRESS, released")]  # what IMPRESS's own scripts run


def every_pair(study):
    """Notebook 04's cells: everything against everything that the profile has; at the smoke scale against one attack.

    Of IMPRESS's arms the one in between, whose place is notebook 03, stays out.
    """
    known = [name for name in arms.LAUNDERERS if name != "IMPRESS, fp32" and (study.name, name) != ("bundled", "Noisy Upscaling")]
    protections = [name for name in (CLEAN, *PROTECTED) if study.scale != "smoke" or name in (CLEAN, "encoder")]
    return [Cell(name, washed) for name in protections for washed in known]


def turned(study):
    """IMPRESS's settings turned one at a time, the others as they are at this scale: knob -> list of (value, cell)."""
    own = arms.launderer("IMPRESS", impress_steps=scales.counts("laundry", study.scale).impress_steps).record
    steps = list(dict.fromkeys(max(1, round(share * own.steps)) for share in KNOBS["steps"]))
    return {knob: [(value, _turned(own, knob, value)) for value in values] for knob, values in (KNOBS | {"steps": steps}).items()}


def _turned(own, knob, value):
    return Cell(KNOB_PROTECTION, "IMPRESS", () if value == getattr(own, knob) else ((knob, value),))


def knob_settings(turned):
    """What the manifest says of `turned`: knob -> value and change in words."""
    return {"knobs": {knob: [[value, cell.changed] for value, cell in values] for knob, values in turned.items()}}


def knob_cells(turned):
    """The cells of `turned`, each once, and the picture as it is."""
    return list(dict.fromkeys([Cell(KNOB_PROTECTION), *(cell for values in turned.values() for _, cell in values)]))


class Laundry:
    """People, their protections and a list of cells over one study: `wash`, then `edits`.

    count: of the scale's people, how many are washed.
    """

    def __init__(self, study, cells, *, count=None):
        self.study, self.cells, self.count = study, list(cells), count
        self.counts = scales.counts("laundry", study.scale)
        people = subjects.people(study, self.counts.people)
        self.names = people.names[:count]
        wanted = dict.fromkeys(cell.protection for cell in self.cells if cell.protection != CLEAN)
        protections = {key: arms.protection(key, study.scale) for key in wanted}
        steps = self.counts.impress_steps
        launderers = {
            (cell.launderer, cell.changed): arms.launderer(cell.launderer, impress_steps=steps, changes=cell.changes)
            for cell in self.cells
            if cell.launderer != UNWASHED
        }
        self.grid = Grid(study, people, protections=protections, launderers=launderers)
        self.grid.protect(wanted)
        self.misuse = Misuse("inpainting", dataclasses.replace(paper.PHOTOGUARD_EDIT["paper"], steps=self.counts.edit_steps))

    def wash(self):
        """Every cell's washed pictures; rows one a picture: subject, protection, launderer, changed, then what came of the picture."""
        made, listed = self.grid.launder(self.cells, self.count), []
        own = {}
        for job, rows in made.grouped():
            for row in rows:
                key = tuple(job.at[name] for name in ("protection", "launderer", "changed"))
                own[(*key, row["subject"])] = {name: value for name, value in row.items() if name != "subject"}
        for cell in self.cells:
            for some in self.grid.groups(self.count):
                pictures = {"washed": self.grid.pictures(cell, some), "photo": self.grid.pictures(Cell(), some)}
                pictures["sent"] = self.grid.pictures(Cell(cell.protection), some)
                told = dict(protection=cell.protection, launderer=cell.launderer, changed=cell.changed)
                listed.append((told, some, pictures, WASHED, {}))
        self.washed = []
        for row in self.grid.measure(listed):
            index = {name: row.pop(name) for name in ("subject", "protection", "launderer", "changed")}
            key = (index["protection"], index["launderer"], index["changed"], index["subject"])
            self.washed.append(index | row | own.get(key, {}))
        return self.washed

    def edits(self):
        """Every washed picture edited, all but the person repainted; rows one an edit, with what `wash` measured of what was edited."""
        asked = [(cell, k, 0, self.count) for k in range(self.counts.prompts) for cell in self.cells]
        clean = [(Cell(), k, 0, self.count) for k in range(self.counts.prompts)]
        self.edited = self.grid.edit(self.misuse, list(dict.fromkeys(asked + clean)))
        held = [(cell, k, seed, (Cell(), k, seed), count) for cell, k, seed, count in asked]
        pictures = {tuple(row[name] for name in ("subject", "protection", "launderer", "changed")): row for row in self.washed}
        rows = []
        for row in self.grid.compare(self.edited, held, EDITED):
            index = {name: row[name] for name in ("subject", "protection", "launderer", "changed", "misuse", "prompt", "seed")}
            washed = pictures[index["subject"], index["protection"], index["launderer"], index["changed"]]
            rows.append(index | washed | {name: row[name] for name in MEASURES})
        return rows

    @property
    def settings(self):
        """What the manifest says of the rows: counts, every arm's settings with their source, the perceptual distance's name."""
        return dict(
            counts=vars(self.counts),
            protections={key: dataclasses.asdict(arm.record) for key, arm in self.grid.protections.items()},
            launderers={key: dataclasses.asdict(arm.record) for (key, changed), arm in self.grid.launderers.items() if not changed},
            edits=dict(inpainting=dataclasses.asdict(self.misuse.settings)),
            distance=label(self.study.judges),
        )

    def shown(self, subject, protection, launderer):
        """One washed picture (3, H, W), settings as they are."""
        return self.grid.shown(Cell(protection, launderer), subject)[0]

    def edit(self, subject, protection, launderer):
        """Its edit (3, H, W), under the first prompt."""
        return self.edited.shown(Cell(protection, launderer), subject)
