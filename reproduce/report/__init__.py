"""Rows and manifest in; figures, tables, the ledger out. Nothing live, no torch."""

from .figures import curve, hline, noted, style, use_style
from .sheet import picture_grid, pixels
from .statistics import Table, effect, summarise, table_markdown

__all__ = [
    "Table",
    "curve",
    "effect",
    "hline",
    "noted",
    "picture_grid",
    "pixels",
    "style",
    "summarise",
    "table_markdown",
    "use_style",
]
