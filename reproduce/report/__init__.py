"""Rows and manifest in; figures, tables, the ledger out. Nothing live, no torch."""

from .figures import curve, hline, picture_grid, pixels, style, use_style
from .statistics import Table, effect, summarise, table_markdown

__all__ = [
    "Table",
    "curve",
    "effect",
    "hline",
    "picture_grid",
    "pixels",
    "style",
    "summarise",
    "table_markdown",
    "use_style",
]
