"""Which networks judge pictures beside a model: what differs by profile and comes with the opened one, so that no measure asks its name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Judges:
    """Names; `measure` opens what they stand for.

    clip: "bundled", or the hub id of a CLIP, for measure.clip.clip. distance: "bundled" or "lpips", for measure.perceptual. features:
    "bundled" or "inception", for measure.distribution. faces: "bundled", "retinaface+arcface" or "yunet+sface", for measure.face.faces.
    offline: nothing is ever fetched beside this model.
    """

    clip: str
    distance: str
    features: str
    faces: str
    offline: bool = False


BUNDLED = Judges("bundled", "bundled", "bundled", "bundled", offline=True)
FULL = Judges("openai/clip-vit-large-patch14", "lpips", "inception", "retinaface+arcface")
