"""Every table and figure that needs no pixels, made again of the rows in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..artefacts.manifest import NotRun
from ..artefacts.rows import Damaged
from . import pages

WORDS = {"table": "tables", "figure": "figures", "text": "texts"}


@dataclass(frozen=True)
class Rebuilt:
    """What came of it: artefact names made, and artefact -> why of those whose rows are missing or damaged."""

    made: list
    missing: dict
    damaged: dict

    def lines(self, folder) -> list[str]:
        """One line a notebook with what was made, one a skipped artefact with why."""
        said = []
        for book in dict.fromkeys(name[:2] for name in self.made):
            kinds = [pages.PAGES[name].kind for name in self.made if name.startswith(book)]
            said.append(f"{book}: " + ", ".join(f"{kinds.count(kind)} {words}" for kind, words in WORDS.items()))
        said += [f"skipped {name}: {why}" for name, why in (self.missing | self.damaged).items()]
        return [*said, f"{len(self.made)} artefacts in {folder}"]


def rebuild(folder) -> Rebuilt:
    """Make every page of the rows in `folder`; a page whose rows are missing or damaged keeps none of the others from being made."""
    made, missing, damaged = [], {}, {}
    for name in pages.PAGES:
        try:
            pages.publish(Path(folder), name)
            made.append(name)
        except NotRun as error:
            missing[name] = str(error)
        except Damaged as error:
            damaged[name] = str(error)
    return Rebuilt(made, missing, damaged)
