"""One derived artefact: what kind it is, which rows it reads, and the function that makes it of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

KINDS = {"table": ".md", "text": ".md", "figure": ".png"}  # kind -> how its file ends


@dataclass(frozen=True)
class Page:
    """A record: kind ("table" | "figure" | "text"), names of the rows it is made from, and the function.

    make: (rows: dict name -> list of rows, about: artefacts.about.About) -> a Table (of tables and texts) or a matplotlib figure.
    """

    kind: str
    rows: tuple
    make: Callable
