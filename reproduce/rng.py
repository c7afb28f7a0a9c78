"""Random numbers named by what they are for.

`generator(seed, "photoguard", "start", 3)` is the same stream whatever else is drawn, in which order, in
which batch. Streams live on the CPU: draw there, then move, so that every device sees the same numbers. The
seed of a stream is the SHA-256 of the run's seed and the purpose; torch's CPU generator uses the lower 32
bits of it.
"""

import hashlib
import json


def child(seed, *purpose):
    """An int in [0, 2**63) made from the seed and the purpose (words and whole numbers) alone."""
    for part in (seed, *purpose):
        if isinstance(part, bool) or not isinstance(part, (int, str)):
            raise ValueError(
                f"random purpose: expected words and whole numbers, got {part!r}; name it with a string"
            )
    if isinstance(seed, str):
        raise ValueError(f"seed: expected a whole number, got {seed!r}")
    digest = hashlib.sha256(json.dumps([seed, *purpose]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed, *purpose, device="cpu"):
    """A fresh torch.Generator for this seed and purpose. On another device than the CPU it is another stream: for training alone."""
    import torch  # late, so that `child` serves code that has no other need of torch

    return torch.Generator(device).manual_seed(child(seed, *purpose))


def each(generator, count):
    """`generator` as a list of `count`, one per image: given such a list, or one generator for one image."""
    listed = list(generator) if isinstance(generator, (list, tuple)) else [generator]
    if generator is None or len(listed) != count:
        got = "none" if generator is None else len(listed)
        raise ValueError(
            f"generator: expected one per image ({count}), got {got}; "
            f"pass [rng.generator(seed, purpose, i) for i in range({count})]"
        )
    return listed


def draw(kind, images, generator):
    """A tensor like `images`, "uniform" on [-1, 1) or "normal"; image i is drawn from generator i alone."""
    import torch

    parts = []
    for one in each(generator, len(images)):
        if kind == "uniform":
            parts.append(torch.rand(images.shape[1:], generator=one) * 2 - 1)
        elif kind == "normal":
            parts.append(torch.randn(images.shape[1:], generator=one))
        else:
            raise ValueError(f"kind: expected uniform or normal, got {kind!r}")
    return torch.stack(parts).to(images)
