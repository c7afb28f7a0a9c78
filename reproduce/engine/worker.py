"""What happens in a worker: it opens a profile of its own, computes one job on one thread, and hands back rows, pictures, weights.

One thread on a CPU, whatever the machine has: sums are then taken in one order, and rows do not depend on the number of cores.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from dataclasses import dataclass

import numpy as np

from ..places import resolve
from .jobs import Result, levels, tensor
from .keys import plain

LIBRARIES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Call:
    """A job as it travels: its function by name, plain values, pictures as 8-bit arrays (N, H, W, C), weights, whose profile it wants."""

    work: str
    values: dict
    pictures: dict[str, np.ndarray]
    profile: str
    device: str | None
    precision: str | None
    fingerprint: str | None = None  # of the model: another one behind the same name is opened anew
    weights: bytes | None = None  # as safetensors


def compute(call: Call, profile=None) -> tuple[list[dict], dict[str, np.ndarray], bytes | None, float]:
    """(rows, pictures, weights as safetensors, seconds) of a job. profile: an opened one; by default the worker's own, opened once.

    ValueError: the function returned something else than a Result, or pictures that are none.
    """
    profile = profile or opened(call.profile, call.device, call.precision, call.fingerprint)
    from safetensors.torch import load, save

    function = resolve(call.work)
    with _threads(1 if str(getattr(profile.model, "device", "cpu")) == "cpu" else None):
        begun = time.perf_counter()
        given = [{name: tensor(array) for name, array in call.pictures.items()}]
        given += [load(call.weights)] if call.weights else []
        result = function(profile, call.values, *given)
        seconds = time.perf_counter() - begun
    rows, images = _checked(call.work, result)
    weights = {name: part.detach().cpu().contiguous() for name, part in result.weights.items()}
    return rows, images, save(weights) if weights else None, seconds


@functools.lru_cache(1)
def opened(name, device, precision, fingerprint=None):
    """A worker's profile, kept while its fingerprint is the same; the bars of its weights being read are nobody's to see."""
    from transformers.utils import logging

    from ..diffusion import profiles

    logging.disable_progress_bar()
    return profiles.open(name, device=device, precision=precision)


def begin() -> None:
    """What a process of a pool does first: leave Ctrl-C to its parent, and keep every library to one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in LIBRARIES:
        os.environ[name] = "1"
    import torch

    torch.set_num_threads(1)


@contextlib.contextmanager
def _threads(count):
    if count is None:
        yield
        return
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


def _checked(work, result) -> tuple[list[dict], dict[str, np.ndarray]]:
    if not isinstance(result, Result):
        raise ValueError(f"{work}: expected a Result, got {type(result).__name__}")
    for what, images in result.images.items():
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise ValueError(f"{work}: expected float pictures (N, 3, H, W), got {what!r} {tuple(images.shape)} {images.dtype}")
    return plain(result.rows), {what: levels(images) for what, images in result.images.items()}
