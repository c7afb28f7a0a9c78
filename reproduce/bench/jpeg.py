"""What the differentiable JPEG costs here beside kornia's and beside Pillow's file: `python -m reproduce bench jpeg`."""

from __future__ import annotations

import io
import statistics
import time

from . import cost

CODECS = {
    "cauchy": "this package, cauchy",
    "straight-through": "this package, straight-through",
    "kornia": "kornia.enhance.jpeg_codec_differentiable",
    "pillow": "Pillow, save and open",
}
HEADS = {
    "what": "what", "batch": "batch", "way": "way", "median": "ms per image: median", "least": "minimum", "ratio": "of kornia's",
    "memory": "peak memory over the input", "rate": "images a second", "share": "share of the memory bandwidth",
}  # fmt: skip
FOOTNOTE = "quality 75, 4:2:0; on the CPU one thread, all calls in turn in one process; memory is its growth, 1 = the float32 input"
QUALITY = 75


def rows(size=512, rounds=15, batches=(1, 8)) -> list[dict]:
    """One row per codec, batch and way; those of a GPU at the end, where there is one. size: pixels a side; rounds: timings of each."""
    import torch

    if size < 1 or rounds < 1:
        raise ValueError(f"expected a size and rounds of at least 1, got {size} and {rounds}")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        keys = [(name, batch, way) for batch in batches for name, way in _all()]
        found = _timings({key: prepared(key[0], pictures(size, key[1]), key[2]) for key in keys}, rounds)
    finally:
        torch.set_num_threads(threads)
    for row in found:
        if row["batch"] == batches[-1] and row["name"] != "pillow" and "least" in row:
            row["memory"] = in_a_child(row["name"], size, row["batch"], row["way"])
    return found + (_on_gpu(size, 8 * batches[-1], rounds) if torch.cuda.is_available() else [])


def _all():
    return [(name, way) for name in CODECS for way in ("forward", "forward + backward") if (name, way) != ("pillow", "forward + backward")]


def pictures(size, batch):
    """A photograph (batch, 3, size, size) in [0, 1], every copy shifted differently."""
    import torch
    from skimage import data

    photo = torch.from_numpy(data.astronaut()).permute(2, 0, 1)[None] / 255
    photo = torch.nn.functional.interpolate(photo, (size, size), mode="bilinear", antialias=True)
    return torch.cat([photo.roll(i * size // 8, 3) for i in range(batch)]).clamp(0, 1)


def prepared(name, images, way):
    """The work to be timed as a function without arguments; None where its library is not installed."""
    import torch

    from .. import images as pixels
    from ..jpeg import jpeg

    if name == "pillow":
        from PIL import Image

        opened = [pixels.to_pil(image) for image in images]

        def files():
            for image in opened:
                file = io.BytesIO()
                image.save(file, "JPEG", quality=QUALITY)
                Image.open(file).load()

        return files
    if name == "kornia":
        try:
            from kornia.enhance import jpeg_codec_differentiable as codec
        except ImportError:
            return None
        quality = torch.tensor([float(QUALITY)], device=images.device)
    x, slope, backward = images.clone(), torch.rand_like(images), way != "forward"
    x.requires_grad_(backward)

    def run():
        x.grad = None
        out = codec(x, quality) if name == "kornia" else jpeg(x, QUALITY, surrogate=name)
        if backward:
            out.backward(slope)
        return x.grad

    return run


def _timings(calls, rounds) -> list[dict]:
    """Rows of the calls {(name, batch, way): function}, one round after the other, with their ratio to kornia's."""
    seconds = {key: [] for key in calls}
    for i in range(rounds + 1):
        for key, call in calls.items():
            if call:
                taken = _seconds(call)
                seconds[key] += [taken] if i else []  # the first round warms
    found = []
    for (name, batch, way), taken in seconds.items():
        row = dict(name=name, what=CODECS[name], batch=batch, way=way)
        if taken:
            kornia = seconds.get(("kornia", batch, way))
            median, least = (1000 * pick(taken) / batch for pick in (statistics.median, min))
            row |= dict(median=median, least=least, ratio=median / (1000 * statistics.median(kornia) / batch) if kornia else None)
        found.append(row if taken else row | dict(median="not installed: pip install kornia"))
    return found


def _seconds(call) -> float:
    import torch

    begun = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def in_a_child(*given) -> float:
    """`growth` in a process of its own."""
    return cost.in_a_child("bench.jpeg.growth", *given)


def growth(name, size, batch, way) -> float:
    """How far the process's peak memory grows in one call, as a multiple of the float32 input; warm from a small picture."""
    import torch

    torch.set_num_threads(1)
    prepared(name, pictures(32, 1), way)()
    images = pictures(size, batch)
    return cost.growth(prepared(name, images, way)) / images.nbytes


def _on_gpu(size, batch, rounds) -> list[dict]:
    """Rate, peak memory and, over a measured copy, the share of the bandwidth: input and output moved once each, both ways."""
    import torch

    images = pictures(size, batch).cuda()
    target = torch.empty_like(images)
    bandwidth = 2 * images.nbytes / min(_seconds(lambda: target.copy_(images)) for _ in range(rounds + 3))
    calls = {(name, batch, way): prepared(name, images, way) for name, way in _all() if name != "pillow"}
    found = _timings(calls, rounds)
    for row in found:
        row["what"] += f" on {torch.cuda.get_device_name()}"
        if "least" in row:
            moved = images.nbytes * (2 if row["way"] == "forward" else 4)
            row |= dict(rate=1000 / row["median"], share=moved / batch / (row["median"] / 1000) / bandwidth)
            row["memory"] = cost.growth(calls[row["name"], batch, row["way"]], "cuda") / images.nbytes
    return found
