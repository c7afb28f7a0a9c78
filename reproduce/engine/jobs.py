"""A job: plain values, pictures, weights, and the name of the function that makes more of them. It says all its result depends on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Result:
    """What a job hands back: `rows` of plain values, `images` name -> float tensor (N, 3, H, W) in [0, 1], `weights` name -> tensor."""

    rows: list[dict]
    images: dict = field(default_factory=dict)
    weights: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Stored:
    """Pictures that an earlier job made, by the key of its entry: those called `name`, of them the numbers `rows` (None: all).

    As a job's `weights`: all that the earlier job's entry has, whatever the name.
    """

    key: str
    name: str
    rows: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Job:
    """A call of `work` ("module:function" below the package) as work(profile, values, pictures) -> Result.

    values: plain values. pictures: name -> 8-bit array (N, H, W, C) or Stored, or a list of these, which are put one after the other;
    the function gets them as float tensors (N, C, H, W). weights: those that an earlier job made, which the function gets as a fourth
    argument, name -> tensor. uses: places of further functions that it runs, by their names in `values`.
    told: plain values that stand in front of its rows; at: others by which it is found again. Neither changes anything.
    """

    work: str
    values: dict
    pictures: dict = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    told: dict = field(default_factory=dict)
    at: dict = field(default_factory=dict)
    weights: Stored | None = None


def levels(images) -> np.ndarray:
    """Float pictures or masks (N, C, H, W) in [0, 1] as 8-bit arrays (N, H, W, C), rounded."""
    return (images.detach().float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()


def tensor(stored: np.ndarray):
    """8-bit arrays (N, H, W, C) as float32 tensors (N, C, H, W) in [0, 1]."""
    import torch

    return torch.from_numpy(stored).permute(0, 3, 1, 2).float() / 255
