"""What a result is called: a hash of plain values and arrays, the same in every process and on every machine."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from ..artefacts.plain import plain, text_keys

__all__ = ["key", "plain"]


def key(*parts) -> str:
    """A 64-digit hexadecimal name for `parts`: plain values, lists, dicts, arrays, tensors, paths.

    Equal parts give equal keys in every process and on every machine; 1 and 1.0 and True differ.
    Raises ValueError for a part that has no canonical form.
    """
    text = json.dumps([_canonical(p) for p in parts], sort_keys=True, ensure_ascii=True, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()


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
        return {k: _canonical(v) for k, v in text_keys(part).items()}
    if isinstance(part, list | tuple):
        return [_canonical(p) for p in part]
    if isinstance(part, bytes):
        return {"bytes": hashlib.sha256(part).hexdigest()}
    return plain(part)
