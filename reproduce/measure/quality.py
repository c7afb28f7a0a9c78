"""How natural a picture looks by itself: BRISQUE (Mittal et al. 2012) by the package `brisque`, which GAP-Diff's evaluation calls.

Higher is worse, about 0 to 100; 155.8 is the model's constant, of pictures that are like nothing it was fitted to. That were photographs
of some 768 x 512 pixels (LIVE): of drawn pictures at 128 px it says how far they are from those and little of quality (clean renders of
the small world have -12 to 63), so there only differences between pictures of one kind count.
The package hands out what the release calls: `BRISQUE(url=False).score` of an 8-bit RGB picture, which it turns to grey by scikit-image.
"""

import functools
import math
import pickletools
import warnings
from pathlib import Path

import numpy as np
import torch

from ..images import levels
from ..method import Unavailable

FEATURES = 36  # 18 at full size, 18 at half
LEAST = 32  # pixels a side
NUMBERS = "BINFLOAT", "BININT", "BININT1", "BININT2", "LONG1"  # what a pickle has numbers as


def brisque(x):
    """BRISQUE of each of pictures x (N, 3, H, W): (N,) float64, higher is worse; nan where a picture has no texture, as an even one has.

    Unavailable, a ValueError: the package is not here. ValueError: a picture smaller than 32 pixels.
    """
    shown = levels(x.detach().cpu() if isinstance(x, torch.Tensor) else x)
    if min(shown.shape[2:]) < LEAST:
        raise ValueError(f"brisque: expected pictures of {LEAST} x {LEAST} pixels or more, got {tuple(shown.shape[2:])}; enlarge them")
    scorer = _scorer()
    return torch.tensor([_score(scorer, one.permute(1, 2, 0).contiguous().numpy()) for one in shown], dtype=torch.float64)


def _score(scorer, picture):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of the fit, where there is no texture
        value = float(scorer.score(picture)) if picture.min() < picture.max() else math.nan
    return value if math.isfinite(value) else math.nan


@functools.cache
def _scorer():
    """The package's scorer with its own model; not by its constructor, which unpickles a file."""
    try:
        from brisque import BRISQUE
        from brisque.models import MODEL_PATH
        from libsvm import svmutil
    except ImportError as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unavailable(f"brisque: the package could not be imported ({first}); pip install 'reproduce[faces]'") from error

    class Scorer(BRISQUE):
        def __init__(self):
            self.url = False
            self.model = svmutil.svm_load_model(str(Path(MODEL_PATH) / "svm.txt"))
            self.scale_params = _ranges(Path(MODEL_PATH) / "normalize.pickle")

        def scale_features(self, features):
            """Some are arrays of one number, which numpy 2.4 no longer turns into a float."""
            return super().scale_features([np.asarray(one, float).item() for one in features])

    return Scorer()


def _ranges(path):
    """{"min_": 36 numbers, "max_": 36 numbers} from the pickle of a dict of lists, read as words and numbers: nothing in it is run."""
    found, name = {}, None
    for code, value, _ in pickletools.genops(path.read_bytes()):
        if isinstance(value, str):
            name = value
            found[name] = []
        elif code.name in NUMBERS:
            found.setdefault(name, []).append(value)
    if {key: len(values) for key, values in found.items()} != {"min_": FEATURES, "max_": FEATURES}:
        raise Unavailable(f"brisque: {path.name} has not the ranges of {FEATURES} features; pip install 'reproduce[faces]'")
    return found
