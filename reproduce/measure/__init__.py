"""The table of measures: name -> function (x, y) -> (N,) float64, its direction, where it comes from.

x is what is judged (the edit of the protected image), y what it is held against (the edit of the clean one).
Functions are imported when they are first used, so that reading the table needs no torch. What does not compare image with image
stands beside the table: sets of edits in distribution.py (FID, precision and recall), an image and its prompt in prompt.py (CLIP),
what depends on the profile in perceptual.py (LPIPS).
"""

import importlib
from dataclasses import dataclass

from ..papers.measures import BETTER


@dataclass(frozen=True)
class Measure:
    """A row: "module:function" in this package; `better`: which values mean similar; where it is from."""

    place: str
    better: str  # "higher" | "lower"
    source: str

    @property
    def function(self):
        module, name = self.place.split(":")
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)


# Table 6 and Table 10 are PhotoGuard's (arXiv 2302.06588).
MEASURES = {
    "ssim": Measure("similarity:ssim", BETTER["ssim"], "piq.ssim; Wang et al. 2004; Table 6"),
    "psnr": Measure("similarity:psnr", BETTER["psnr"], "piq.psnr, dB; Table 6"),
    "vifp": Measure("similarity:vifp", BETTER["vifp"], "piq.vif_p; Sheikh and Bovik 2006; Table 6"),
    "fsim": Measure("similarity:fsim", BETTER["fsim"], "piq.fsim (FSIMc); Zhang et al. 2011; Table 6"),
    "sr-sim": Measure("similarity:srsim", BETTER["sr-sim"], "piq.srsim; Zhang and Li 2012; Table 10"),
    "gmsd": Measure("similarity:gmsd", BETTER["gmsd"], "piq.gmsd; Xue et al. 2013; Table 10"),
    "vsi": Measure("similarity:vsi", BETTER["vsi"], "piq.vsi; Zhang et al. 2014; Table 10"),
    "dss": Measure("similarity:dss", BETTER["dss"], "piq.dss; Balanov et al. 2015; Table 10"),
    "haarpsi": Measure("similarity:haarpsi", BETTER["haarpsi"], "piq.haarpsi; Reisenhofer et al. 2018; Table 10"),
    "ssim-sewar": Measure("similarity:ssim_sewar", BETTER["ssim-sewar"], "sewar 0.4's ssim; IMPRESS's evaluation"),
}


def compare(x, y, names=tuple(MEASURES)):
    """{name: (N,) float64} for each named measure. ValueError: an unknown name, with what there is."""
    for name in names:
        if name not in MEASURES:
            raise ValueError(f"measure: none called {name!r}; there is {', '.join(MEASURES)}")
    return {name: MEASURES[name].function(x, y) for name in names}
