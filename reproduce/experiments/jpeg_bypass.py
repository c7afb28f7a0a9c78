"""JPEG against PhotoGuard (notebook 01; arXiv 2304.02234): edits of clean, noised and protected pictures, over quality.

Each edit is compared with the edit of the clean, uncompressed picture under the same seed, and with that of the clean picture under
the same compression, so that what JPEG alone does to an edit is not taken for protection. A control the note lacks: the clean picture
under another seed (the seed floor).
"""

import dataclasses

from .. import degrade, protect
from ..diffusion import profiles
from ..papers import photoguard as paper
from ..papers.purifiers import JpegSettings
from . import arms, identity, scales, subjects
from .arms import CLEAN
from .cells import Cell, Misuse
from .grid import Grid

MEASURES = ["ssim", "psnr", "vifp", "fsim", "ssim-sewar", "ssim_person"]
LIKEWISE = ["ssim", "psnr", "vifp", "fsim", "ssim_person"]  # of the edit to that of the clean picture under the same file
COMPARISONS = [
    ["{}", "sent", "photo", ["latent_shift"]],
    ["{}", "edit", "reference", MEASURES],
    ["{}_to_photo", "edit", "photo", ["ssim", "psnr"]],
    ["{}_likewise", "edit", "likewise", LIKEWISE],
]
DECIDING = (None, 75)  # qualities at which the claim is judged, on all people and seeds


class Bypass:
    """The experiment over one study: pictures, their protections (keys of arms), and the edits.

    settings: of PhotoGuard's encoder attack and, where it has such, of the noise beside it. compared: other arms in place of these two.
    """

    def __init__(self, study, settings="paper", subsampling="4:2:0", *, compared=None, counts=None):
        profiles.one_of("settings", settings, list(protect.PROTECTIONS["photoguard-encoder"].settings))
        profiles.one_of("subsampling", subsampling, degrade.SUBSAMPLING)
        self.study, self.subsampling = study, subsampling
        self.counts = counts or scales.counts("jpeg_bypass", study.scale)
        self.attack = next(key for key, arm in arms.PROTECTIONS.items() if arm == ("photoguard-encoder", settings))
        beside = ("encoder, strong",) if settings == "paper" else ()
        self.protections = {key: self._arm(key, settings) for key in compared or ("noise", self.attack, *beside)}
        self.files = {q: Cell(purifier=f"JPEG {q}", quality=q) if q else Cell() for q in self.counts.qualities}
        known = {"people": subjects.people(study, self.counts.people)}
        if self.counts.photographs and not study.images:
            known["photographs"] = subjects.photographs(study, self.counts.photographs)
        self.grids = {role: self._grid(role, some) for role, some in known.items()}

    def _arm(self, key, settings):
        arm = arms.protection(key, "paper", settings=settings if key == "noise" else None)  # the attack's steps are counted here
        return dataclasses.replace(arm, record=protect.record(arm.method, arm.record, steps=self.counts.attack_steps))

    def _grid(self, role, some):
        purifiers = {(cell.purifier, ""): self._file(q) for q, cell in self.files.items() if q}
        return Grid(self.study, some, role=role, region="whole", protections=self.protections, purifiers=purifiers)

    def _file(self, quality):
        arm = arms.purifier("JPEG 75")
        return dataclasses.replace(arm, record=JpegSettings(quality, self.subsampling, source="Pillow", differs=""))

    def protect(self):
        """Every picture under every protection; rows one a picture."""
        rows = []
        for role, grid in self.grids.items():
            wanted = dict.fromkeys(self.protections)
            grid.protect(wanted)
            rows += [row | dict(role=role) for row in grid.sizes(wanted, ["psnr", "ssim"])]
        return [{key: row[key] for key in ("subject", "role", "protection", "levels", "rms", "psnr", "ssim")} for row in rows]

    @property
    def misuses(self):
        """The edits that the profile's model can make, as they are run."""
        known = self.study.identity
        wanted = (
            ("variation", known.varies, self.counts.variation_steps, "released variation"),
            ("inpainting", known.inpaints, self.counts.inpainting_steps, "released inpainting"),
        )
        return [
            Misuse(kind, dataclasses.replace(paper.PHOTOGUARD_EDIT[name], steps=steps), ("edit", kind))
            for kind, able, steps, name in wanted
            if able and steps
        ]

    def edits(self):
        """Every picture, prompt and protection edited at every quality; rows one an edit."""
        self.edited, rows = {}, []
        for misuse in self.misuses:
            for role, grid in self.grids.items():
                if (misuse.kind, role) != ("inpainting", "photographs"):
                    rows += self._edits(misuse, grid)
        return rows

    def _cells(self):
        return [
            dataclasses.replace(sent, protection=protection)
            for protection in (CLEAN, *self.protections)
            for sent in self.files.values()
        ]

    def _edits(self, misuse, grid):
        numbers = range(self.counts.prompts if misuse.kind == "variation" else 1)
        asked = [one for k in numbers for one in self._asked(grid, k)]
        grid.purify({cell: count for cell, _, seed, count in asked if seed == 0})
        made = self.edited[misuse.kind, grid.role] = grid.edit(misuse, asked)
        held = [(cell, k, seed, (Cell(), k, seed), count) for cell, k, seed, count in asked if seed < self._seeds(grid)]
        held += [(Cell(), k, 1, (Cell(), k, 0), None) for k in numbers]
        rows = grid.compare(made, held, COMPARISONS + (identity.compared(self.study) if grid.role == "people" else []))
        return [{key: value for key, value in row.items() if key != "changed"} for row in rows]

    def _seeds(self, grid):
        """Under how many seeds a grid's pictures are edited; photographs, who are few, under one."""
        return self.counts.seeds if grid.role == "people" else 1

    def _asked(self, grid, number):
        """The edits after one prompt: (cell, prompt's number, seed, of how many); the clean picture under a second seed, too."""
        people, seeds = grid.role == "people", self._seeds(grid)
        asked = [(cell, number, 0, None if cell.quality in DECIDING or not people else self.counts.curve) for cell in self._cells()]
        asked += [(cell, number, seed, None) for seed in range(1, seeds) for cell in self._cells() if cell.quality in DECIDING]
        return asked if seeds > 1 else [*asked, (Cell(), number, 1, None)]

    @property
    def settings(self):
        """What the manifest says of the rows: counts, and every arm's settings with their source."""
        return dict(
            counts=vars(self.counts),
            protections={key: dataclasses.asdict(arm.record) for key, arm in self.protections.items()},
            edits={misuse.kind: dataclasses.asdict(misuse.settings) for misuse in self.misuses},
            subsampling=self.subsampling,
            faces=identity.name(self.study),
        )

    def sent(self, role, subject, protection, quality):
        """One picture as it is sent to the editor, float (3, H, W)."""
        cell = dataclasses.replace(self.files[quality], protection=protection)
        return self.grids[role].shown(cell, subject)[0]

    def edit(self, misuse, role, subject, protection, quality, prompt=0):
        """Its edit, float (3, H, W)."""
        cell = dataclasses.replace(self.files[quality], protection=protection)
        return self.edited[misuse, role].shown(cell, subject, prompt)


