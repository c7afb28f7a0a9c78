"""Rows and manifest in; figures, tables, the ledger out. Nothing live, no torch."""

from .figures import curve, hline, look, picture_grid, pixels, style, use_style
from .statistics import Table, effect, read_rows, summarise, table_markdown

__all__ = [
    "Table",
    "curve",
    "effect",
    "hline",
    "look",
    "picture_grid",
    "pixels",
    "read_rows",
    "style",
    "summarise",
    "table_markdown",
    "use_style",
]
