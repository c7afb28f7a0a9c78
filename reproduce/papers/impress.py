"""Settings of IMPRESS, of the paper and of its release, and what tells their parts apart. Needs no torch."""

from dataclasses import dataclass

from .purifiers import IMPRESS, OURS, TRUNCATED, Settings


@dataclass(frozen=True)
class ImpressSettings(Settings):
    """IMPRESS: Adam on consistency + alpha * max(distance - budget, 0), from the picture plus noise.

    noise: standard deviation, levels. rate, floor, adam_eps: the optimiser's, on [-1, 1]; the rate falls to the floor as a cosine.
    norm: whether the squared errors of consistency are averaged ("mean") or summed ("sum"), which decides what alpha weighs.
    precision: of the image and of Adam's state, "single" or "half". networks: of encoder and decoder, "single" or "half", whatever the
    model was opened in; the loss and the perceptual distance are in single precision always. side: the loss is scaled to a picture of so
    many pixels a side, as half precision and adam_eps feel its scale; None leaves it as it is.
    """

    budget: float
    alpha: float
    norm: str
    rate: float
    steps: int
    noise: float
    adam_eps: float
    precision: str
    floor: float = 1e-5
    side: int | None = 512
    networks: str = "single"


_EDITING = dict(budget=0.1, alpha=0.01, norm="mean", rate=5e-3, steps=1000, noise=0.05 * 127.5)
_KNOWN = "the paper is known through a note, which has no start noise and no eps of Adam: the noise is the script's, eps torch's"
_SCALED = "the loss is that of a picture of 512 pixels, the source's size, whatever the picture's own"
_NETWORKS = "only the image and Adam's state are in half precision, where the release has the autoencoder in it too"

PURIFY_IMPRESS = {
    "paper": ImpressSettings(
        **_EDITING, adam_eps=1e-8, precision="single",
        source="IMPRESS, arXiv 2310.19248: constants for malicious editing, on which its note, README and script agree",
        differs=f"{_KNOWN}; squared errors are averaged, as in the script; {_SCALED}",
    ),
    "released": ImpressSettings(
        **_EDITING, adam_eps=1e-5, precision="half",
        source=f"{IMPRESS}, impress.py with the constants of scripts/new/pg_mask_diff_test.sh",
        differs=f"{_NETWORKS}; {_SCALED}; the start is seeded; {TRUNCATED}",
    ),
    "released in half": ImpressSettings(
        **_EDITING, adam_eps=1e-5, precision="half", networks="half",
        source=f"{IMPRESS}, impress.py with the constants of scripts/new/pg_mask_diff_test.sh, its autoencoder in half precision as there",
        differs=f"the squared errors are in single precision; {_SCALED}; the start is seeded; {TRUNCATED}",
    ),
    "fp32": ImpressSettings(
        **_EDITING, adam_eps=1e-5, precision="single", source=f"{IMPRESS}, as `released` but for the precision",
        differs=f"{OURS}: what the released loop does without any half precision; {_SCALED}",
    ),
    "sum": ImpressSettings(
        **_EDITING | {"norm": "sum"}, adam_eps=1e-8, precision="single", side=None,
        source="IMPRESS, arXiv 2310.19248, as `paper`, its squared norm read as the sum over all values",
        differs=f"{_KNOWN}; alpha then weighs the distance against the sum, and it counts for next to nothing",
    ),
    "released mimicry": ImpressSettings(
        budget=0.1, alpha=0.1, norm="mean", rate=1e-2, steps=3000, noise=0.1 * 127.5, adam_eps=1e-5, precision="half",
        source=f"{IMPRESS}, impress.py with the constants of scripts/new/test_all.sh, for style mimicry",
        differs=f"{_NETWORKS}; {_SCALED}; the start is seeded; {TRUNCATED}",
    ),
    "noise only": ImpressSettings(
        **_EDITING | {"steps": 0}, adam_eps=1e-5, precision="half", source=f"{IMPRESS}, the start of impress.py alone",
        differs=f"{OURS}: how much of the purifier is its start noise",
    ),
}  # fmt: skip
