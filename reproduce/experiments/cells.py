"""What a row of the grid is about: what was done to a picture, and how it was misused."""

from __future__ import annotations

from dataclasses import dataclass

from . import arms
from .arms import CLEAN, UNTREATED

AGAIN = "same seed again"  # what a cell once more is called in rows
OTHER = "another seed"  # and the clean picture's edit, held against that under another seed


@dataclass(frozen=True)
class Cell:
    """What is done to a picture before it is misused: a protection, a purifier with changes to its settings, its JPEG quality."""

    protection: str = CLEAN
    purifier: str = UNTREATED
    changes: tuple = ()
    quality: int | None = None
    step: int | None = None  # of the purifier's, after which the picture is taken; None: after all
    again: bool = False  # the same once more: computed anew, not taken from the store

    @property
    def changed(self) -> str:
        """The changes in words, for rows."""
        return arms.told(self.changes)


@dataclass(frozen=True)
class Misuse:
    """How pictures are edited: a misuse's key in its table, settings as they are run, and the first words of each random stream."""

    kind: str
    settings: object
    stream: tuple = ("edit",)
