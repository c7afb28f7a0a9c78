"""Values as JSON can hold them."""

from __future__ import annotations

from pathlib import Path


def plain(value):
    """`value` as JSON can hold it: scalars of numpy and torch become Python's own, tuples become lists."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    for kind in (int, float, str):  # numpy.float64 is a float, an enum may be an int or text
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in text_keys(value).items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return plain(value.item())
    raise ValueError(
        f"expected a number, text, list or dict, got {type(value).__name__}; reduce it to numbers first"
    )


def text_keys(part: dict) -> dict:
    """`part` itself; raises ValueError where a name is not text (JSON would turn 1 and "1" into one name)."""
    bad = [k for k in part if not isinstance(k, str)]
    if bad:
        raise ValueError(f"expected text as names, got {bad[0]!r} ({type(bad[0]).__name__})")
    return part
