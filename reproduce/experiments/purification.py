"""Protected people purified and edited (notebooks 03 and 04): what a purifier leaves of the protection, and of the picture.

Every edit is compared with the edit of the clean picture as it came and with that of the clean picture purified likewise, all under the
same seed, so that what purification alone does to an edit is not taken for protection. A control: IMPRESS's start noise alone.
"""

import dataclasses

from ..measure.perceptual import label
from ..papers import photoguard as paper
from . import arms, identity, scales, subjects
from .arms import CLEAN, UNTREATED
from .cells import Cell, Misuse
from .grid import Grid

DECIDING = ("encoder", "diffusion")  # what claims are judged on: all people and seeds
PROTECTED = ("noise", "encoder", "encoder, strong", "encoder, through JPEG", "diffusion", "diffusion, strong", "diffusion, adaptive")
RELEASED = "diffusion, released"  # what the adaptive protection is without its consistency
FILES = ("JPEG 90", "JPEG 75", "JPEG 50", "JPEG 15")
IMPRESSES = ("IMPRESS, noise only", "IMPRESS, released in half", "IMPRESS, released", "IMPRESS, fp32", "IMPRESS")
FOLLOWED = ("IMPRESS, released in half", "IMPRESS")  # the arms that are run whole: as its authors ran it, and repaired
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
MEASURES = ["ssim", "psnr", "vifp", "fsim", "ssim-sewar", "ssim_person"]
LIKEWISE = ["ssim", "psnr", "vifp", "fsim", "ssim_person"]  # of the edit to that of the clean picture, purified likewise
INDEX = ("subject", "protection", "purifier", "changed")  # which picture
PURIFIED = [
    ["picture_{}", "purified", "photo", ["ssim", "psnr"]],
    ["{}", "purified", "photo", ["perceptual"]],
    ["from_protected", "purified", "sent", ["perceptual"]],
    ["{}", "purified", "photo", ["latent_shift"]],
    ["{}", "purified", "sent", ["change"]],
]
EDITED = [["{}", "edit", "reference", MEASURES]]


def editing_table(study):
    """Notebook 03's cells: every protection untreated, through IMPRESS and through JPEG 75; some of them also through other purifiers.

    cell -> (of how many people, seeds): all of both where a claim is judged, few people and one seed where it is not.
    """
    counts = scales.counts("purification", study.scale)
    all_of, few = (counts.people, counts.seeds), (counts.few, 1)
    wanted = {Cell(name, purified): all_of for name in DECIDING for purified in (UNTREATED, "IMPRESS", "JPEG 75")}
    wanted |= {Cell("diffusion", file): all_of for file in FILES}  # beside IMPRESS at equal likeness
    others = [name for name in (*PROTECTED, RELEASED) if name not in DECIDING]
    wanted |= {Cell(name, purified): few for name in others for purified in (UNTREATED, "IMPRESS", "JPEG 75")}
    wanted |= {Cell(TURNED_PROTECTION, other): few for other in (*IMPRESSES[:-1], "AdverseCleaner", "autoencoder")}
    wanted |= {Cell("diffusion, adaptive", own): few for own in ("IMPRESS, released", "IMPRESS, released in half")}  # IMPRESS's scripts
    return _with_clean(wanted)


def every_pair(study):
    """Notebook 04's cells: everything against everything that the profile has, few people and one seed; at smoke against one attack.

    Of IMPRESS's arms those in between, whose place is notebook 03, stay out.
    """
    few = scales.counts("purification", study.scale).few, 1
    between = ("IMPRESS, released in half", "IMPRESS, released", "IMPRESS, fp32")
    known = [name for name in arms.PURIFIERS if name not in between and (study.name, name) != ("bundled", "Noisy Upscaling")]
    protections = [name for name in (CLEAN, *PROTECTED) if study.scale != "smoke" or name in (CLEAN, "encoder")]
    return {Cell(name, purified): few for name in protections for purified in known}


def _with_clean(wanted):
    """The cells, and the clean picture purified likewise, as often as any of them."""
    clean: dict = {}
    for cell, counts in wanted.items():
        own = dataclasses.replace(cell, protection=CLEAN)
        clean[own] = max(counts, clean.get(own, (0, 0)))
    return clean | wanted


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


def turned_cells(study, turned):
    """The cells of `turned`, each once, and the untreated picture; cell -> (of how many people, seeds)."""
    cells = [Cell(TURNED_PROTECTION), *(cell for values in turned.values() for _, cell in values)]
    return dict.fromkeys(cells, (scales.counts("purification", study.scale).setting_people, 1))


def followed(study, purifiers=FOLLOWED, protection="encoder"):
    """Notebook 03's cells of IMPRESS over its steps, for a Purification with the scale's `followed_steps`: the protected picture, then
    what each purifier has made of it after every one of STEPS within its run, and at the end.

    The rate falls as a cosine to the end of the run, so a picture at step 100 of 1000 is not the end of a run of 100.
    """
    counts = scales.counts("purification", study.scale)
    steps = counts.followed_steps
    taken = [step for step in STEPS if step < steps] + [steps]
    cells = [Cell(protection), *(Cell(protection, purifier, step=step) for purifier in purifiers for step in taken)]
    return dict.fromkeys(cells, (counts.followed, 1))


class Purification:
    """People, their protections and cells over one study: `purify`, then `edits`. cells: cell -> (of how many people, seeds).

    impress_steps: of IMPRESS's runs, the scale's by default.
    """

    def __init__(self, study, cells, *, impress_steps=None):
        self.study, self.cells = study, dict(cells)
        self.counts = scales.counts("purification", study.scale)
        people = subjects.people(study, self.counts.people)
        self.names, wanted = people.names[: max(count for count, _ in self.cells.values())], {}
        for cell, (count, _) in self.cells.items():
            if cell.protection != CLEAN:
                wanted[cell.protection] = max(count, wanted.get(cell.protection, 0))
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
        made, listed = self.grid.purify({cell: count for cell, (count, _) in self.cells.items()}), []
        own = {}
        for job, rows in made.grouped():
            for row in rows:
                own[_picture(job.at | row)] = {name: value for name, value in row.items() if name != "subject"}
        for cell, (count, _) in self.cells.items():
            for some in self.grid.groups(count):
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
        self.edited = self.grid.edit(self.misuse, self._asked({Cell(): max(self.cells.values())} | self.cells))
        held = [(cell, number, seed, (Cell(), number, seed), count) for cell, number, seed, count in self._asked(self.cells)]
        likewise = all(dataclasses.replace(cell, protection=CLEAN) in self.cells for cell in self.cells)
        compared = [*EDITED, *([["{}_likewise", "edit", "likewise", LIKEWISE]] if likewise else []), *identity.compared(self.study)]
        told = [column.format(name) for column, *_, names in compared for name in names]
        pictures, rows = {_picture(row): row for row in self.purified}, []
        for row in self.grid.compare(self.edited, held, compared):
            index = {name: row[name] for name in (*INDEX, "misuse", "prompt", "seed")}
            rows.append(index | pictures[_picture(row)] | {name: row[name] for name in told})
        return rows

    def _asked(self, cells):
        """The edits of some cells: (cell, prompt's number, seed, of how many people)."""
        asked = []
        for cell, (count, seeds) in cells.items():
            asked += [(cell, number, seed, count) for number in range(self.counts.prompts) for seed in range(seeds)]
        return asked

    @property
    def settings(self):
        """What the manifest says of the rows: counts, every arm's settings with their source, the perceptual distance's name."""
        return dict(
            counts=vars(self.counts),
            protections={key: dataclasses.asdict(arm.record) for key, arm in self.grid.protections.items()},
            purifiers={key: dataclasses.asdict(arm.record) for (key, changed), arm in self.grid.purifiers.items() if not changed},
            edits=dict(inpainting=dataclasses.asdict(self.misuse.settings)),
            distance=label(self.study.judges),
            faces=identity.name(self.study),
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
