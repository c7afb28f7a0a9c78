"""How the papers measure faces: detector and embedder, what a picture without a face counts, SER-FIQ's constants. Needs no torch."""

from dataclasses import dataclass

from .purifiers import GAPDIFF, OURS, Settings

ANTI_DREAMBOOTH = "VinAIResearch/Anti-DreamBooth (arXiv 2303.15433)"
MTCNN = "faces are found by the profile's detector, where the release has MTCNN (50 pixels, scores 0.6, 0.7, 0.8; first face)"


@dataclass(frozen=True)
class NetworkSettings(Settings):
    """Which networks find and embed faces. threshold: score of a face that counts. overlap: of two boxes, above which one is left out."""

    detector: str
    embedder: str
    threshold: float
    overlap: float


@dataclass(frozen=True)
class Convention(Settings):
    """How values of pictures become one number.

    without: what a picture without a face counts in its person's mean, "nothing" or "zero". nobody: what a person without any face
    counts in the mean over people, likewise. reference: the sets of clean pictures whose faces' mean embedding is the person.
    """

    without: str
    nobody: str
    reference: str = "C"


@dataclass(frozen=True)
class QualitySettings(Settings):
    """SER-FIQ: passes with dropout; 1 / (1 + exp(-slope (score - centre))) spreads the score."""

    passes: int
    slope: float
    centre: float


NETWORKS = {
    "paper": NetworkSettings(
        "RetinaFace (ResNet-50)", "ArcFace (ResNet-34)", 0.9, 0.4,
        source=f"{GAPDIFF}, evaluations/full_*.py with its copies of deepface 0.0.79 and retinaface 0.0.14",
        differs="ours are the networks that the profile names, whose own differs says the rest",
    ),
}  # fmt: skip

ISM = {
    "gap-diff": Convention(
        without="nothing", nobody="zero",
        source=f"{GAPDIFF}, evaluations/full_*.py, compute_idx_emb.py: mean raw embedding of the clean set C, largest face of a picture",
        differs="in set C the largest face is taken, where the release takes the detector's first",
    ),
    "anti-dreambooth": Convention(
        without="nothing", nobody="nothing", reference="A+B", source=f"{ANTI_DREAMBOOTH}, evaluations",
        differs="the largest face is taken in every picture; a person's pictures are averaged before people are",
    ),
    "all pictures": Convention(
        without="zero", nobody="zero", source="this study: a picture without a face is not the person either",
        differs=f"{OURS}; the published ones average over the pictures whose face survived, few where the protection works",
    ),
}  # fmt: skip

QUALITY = {
    "gap-diff": Convention(
        without="zero", nobody="zero", source=f"{GAPDIFF}, face_image_quality.py, which divides by the count of all pictures",
        differs=MTCNN,
    ),
    "anti-dreambooth": Convention(
        without="nothing", nobody="nothing", reference="A+B", source=f"{ANTI_DREAMBOOTH}, evaluations",
        differs=f"{MTCNN}; a person's pictures are averaged before people are",
    ),
}  # fmt: skip

SERFIQ = {
    "paper": QualitySettings(
        100, 130.0, 0.88, source=f"Terhorst et al. 2020 as in {GAPDIFF}, face_image_quality.py (ArcFace R100, mxnet)",
        differs="slope and centre were fitted to ArcFace R100's scores; on other embedders the score before them is shown beside",
    ),
}  # fmt: skip
