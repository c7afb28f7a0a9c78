"""The table of measures: name -> what it is of, its function, which values mean similar, what it needs, where it comes from.

Kinds, with the functions' arguments and what they return:

    pair     (x, y) -> (N,)                 x is what is judged (an edit of a protected picture), y what it is held against (the clean's)
    person   (x, y, mask) -> (N,)           the same where mask (N, 1, H, W) is 1: over the person, who is kept
    around   (x, y, mask) -> (N,)           the same over what is repainted: mask is 1 there
    picture  (x, prompts) -> (N,)           a picture by itself, against its prompt
    among    (x, y, others) -> (N,)         a picture against who it is held against, among other people's pictures
    alone    (x,) -> (N,)                   a picture by itself
    identity (x, references) -> (N,)        a picture against people's embeddings (M, D): its own person's first, then others'
    sets     (x, y) -> one or more numbers  two sets of pictures' features

needs names what beside pictures the function takes last, from the opened profile: "model", its perceptual "distance", its "clip", its
"features", its "faces". What could not be measured is nan, and None in rows. Functions are imported when they are first used, so that
reading the table needs no torch.
"""

import math
from dataclasses import dataclass

from ..places import resolve


@dataclass(frozen=True)
class Measure:
    """A row: place of its function, kind, `better`: which values mean similar, what it needs, where it is from."""

    place: str
    kind: str  # "pair" | "person" | "around" | "picture" | "alone" | "among" | "identity" | "sets"
    better: str  # "higher" | "lower"
    source: str
    needs: str = ""  # "" | "model" | "distance" | "clip" | "features" | "faces"

    @property
    def whole(self):
        """Its place below the package."""
        return f"measure.{self.place}"

    @property
    def function(self):
        return resolve(self.whole)


# Table 6 and Table 10 are PhotoGuard's (arXiv 2302.06588).
MEASURES = {
    "ssim": Measure("similarity:ssim", "pair", "higher", "piq.ssim; Wang et al. 2004; Table 6"),
    "psnr": Measure("similarity:psnr", "pair", "higher", "piq.psnr, dB; Table 6"),
    "vifp": Measure("similarity:vifp", "pair", "higher", "piq.vif_p; Sheikh and Bovik 2006; Table 6"),
    "fsim": Measure("similarity:fsim", "pair", "higher", "piq.fsim (FSIMc); Zhang et al. 2011; Table 6"),
    "sr-sim": Measure("similarity:srsim", "pair", "higher", "piq.srsim; Zhang and Li 2012; Table 10"),
    "gmsd": Measure("similarity:gmsd", "pair", "lower", "piq.gmsd; Xue et al. 2013; Table 10"),
    "vsi": Measure("similarity:vsi", "pair", "higher", "piq.vsi; Zhang et al. 2014; Table 10"),
    "dss": Measure("similarity:dss", "pair", "higher", "piq.dss; Balanov et al. 2015; Table 10"),
    "haarpsi": Measure("similarity:haarpsi", "pair", "higher", "piq.haarpsi; Reisenhofer et al. 2018; Table 10"),
    "ssim-sewar": Measure("similarity:ssim_sewar", "pair", "higher", "sewar 0.4's ssim; IMPRESS's evaluation"),
    "change": Measure("similarity:change", "pair", "lower", "mean absolute difference, grey levels"),
    "ssim_person": Measure("similarity:ssim_over", "person", "higher", "scikit-image's map, over the person"),
    "ssim_edited": Measure("similarity:ssim_over", "around", "higher", "scikit-image's map, over the repainted region"),
    "psnr_edited": Measure("similarity:psnr_over", "around", "higher", "over the repainted region, dB"),
    "perceptual": Measure("perceptual:apart", "pair", "lower", "LPIPS (Zhang et al. 2018), or the bundled distance", "distance"),
    "latent_shift": Measure("latents:shift", "pair", "lower", "distance of latents, in units of the way to grey", "model"),
    "latent_shift_person": Measure("latents:shift_within", "person", "lower", "the same over the person", "model"),
    "grey_distance": Measure("latents:grey_distance", "pair", "higher", "distance of latents to grey that remains", "model"),
    "fit": Measure("clip:fit", "picture", "higher", "cosine of CLIP's embeddings; Figure 7", "clip"),
    "same_face": Measure("face:same", "pair", "higher", "cosine of the embeddings of the two faces", "faces"),
    "face_rank": Measure("face:among", "among", "lower", "place of the person among others, 1 is right", "faces"),
    "face": Measure("face:seen", "alone", "higher", "1 where a face is found; GAP-Diff's FDFR is the share of 0", "faces"),
    "serfiq": Measure("face:serfiq", "alone", "higher", "SER-FIQ before its logistic; Terhorst et al. 2020; GAP-Diff", "faces"),
    "ism": Measure("face:ism", "identity", "higher", "cosine to the person's reference; Anti-DreamBooth, GAP-Diff", "faces"),
    "rank": Measure("face:rank", "identity", "lower", "place of the person among references, 1 is right", "faces"),
    "brisque": Measure("quality:brisque", "alone", "lower", "the package brisque; Mittal et al. 2012; GAP-Diff"),
    "fid": Measure("distribution:fid", "sets", "lower", "Heusel et al. 2017; Table 6", "features"),
    "precision_recall": Measure("distribution:precision_recall", "sets", "higher", "Kynkaanniemi et al. 2019; Table 6", "features"),
}
PLAIN = tuple(name for name, row in MEASURES.items() if (row.kind, row.needs) == ("pair", "") and name != "change")  # similarities


def compare(x, y, names=PLAIN):
    """{name: (N,) float64} for each named measure of pairs that needs pictures alone. ValueError: another name, with what there is."""
    for name in names:
        if name not in PLAIN:
            raise ValueError(f"measure: none called {name!r}; there is {', '.join(PLAIN)}")
    return {name: MEASURES[name].function(x, y) for name in names}


def number(value):
    """A measured value as rows hold it: a float, None where it could not be measured."""
    value = float(value)
    return None if math.isnan(value) else value
