"""What a result is called: a hash of plain values and arrays, the same in every process and on every machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np


def key(*parts) -> str:
    """A 64-digit hexadecimal name for `parts`: plain values, lists, dicts, arrays, tensors, paths.

    Equal parts give equal keys in every process and on every machine; 1 and 1.0 and True differ.
    Raises ValueError for a part that has no canonical form.
    """
    text = json.dumps([_canonical(p) for p in parts], sort_keys=True, ensure_ascii=True, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value):
    """`value` as JSON can hold it: scalars of numpy and torch become Python's own, tuples become lists."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    for kind in (int, float, str):  # numpy.float64 is a float, an enum may be an int or text
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in _text_keys(value).items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return plain(value.item())
    raise ValueError(
        f"expected a number, text, list or dict, got {type(value).__name__}; reduce it to numbers first"
    )


def _canonical(part):
    if hasattr(part, "detach"):  # a tensor, without importing torch
        part = part.detach().cpu().contiguous()
        try:
            data = part.numpy().tobytes()
        except TypeError:  # bfloat16 has no numpy counterpart
            import torch

            data = part.view(torch.uint8).numpy().tobytes()
        kind = str(part.dtype).removeprefix("torch.")
        return {"array": [kind, list(part.shape), hashlib.sha256(data).hexdigest()]}
    if isinstance(part, np.ndarray):
        data = np.ascontiguousarray(part).tobytes()
        return {"array": [str(part.dtype), list(part.shape), hashlib.sha256(data).hexdigest()]}
    if isinstance(part, dict):
        return {k: _canonical(v) for k, v in _text_keys(part).items()}
    if isinstance(part, list | tuple):
        return [_canonical(p) for p in part]
    if isinstance(part, bytes):
        return {"bytes": hashlib.sha256(part).hexdigest()}
    return plain(part)


def _text_keys(part: dict) -> dict:
    """`part` itself; raises ValueError where a name is not text (JSON would turn 1 and "1" into one name)."""
    bad = [k for k in part if not isinstance(k, str)]
    if bad:
        raise ValueError(f"expected text as names, got {bad[0]!r} ({type(bad[0]).__name__})")
    return part
