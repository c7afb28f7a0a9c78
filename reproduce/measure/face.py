"""What faces tell of pictures: whether there is one, whose it is, how stable its embedding is. One value per picture; nan without a face.

How these become one number per person and per set is report.faces's part: papers differ in what a picture without a face counts. `faces`
is an opened pair of networks, a detector and an embedder: of a picture the largest face is taken, as in GAP-Diff's evaluation. Cosines by
two embedders are not comparable, so a table says `faces.name`, and `faces.differs` how they are not the papers' networks.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ..diffusion.model import fingerprint
from ..diffusion.profiles import BUNDLE
from ..images import check
from ..method import Unavailable
from ..papers.faces import SERFIQ
from ..places import resolve
from ..rng import generator

NETWORKS = {
    "bundled": "measure.face_bundled:bundled",
    "retinaface+arcface": "measure.face_full:retinaface_arcface",
    "yunet+sface": "measure.face_full:yunet_sface",
}
BUNDLED = "bundled face networks"
BATCH = 64  # pictures at a time


@dataclass(frozen=True)
class Found:
    """faces: the largest of each picture, or None. embeddings: (N, D), raw, nan without a face; (N, 0) if no picture has one."""

    faces: tuple
    embeddings: torch.Tensor

    @property
    def detected(self):
        """(N,) bool."""
        return torch.tensor([face is not None for face in self.faces], dtype=torch.bool)


def faces(judges, device=None):
    """The pair of networks that a model's judges name (diffusion.judges.Judges), opened on `device`, "cpu" or "cuda".

    Unavailable, a ValueError, one line: their weights or their library are not here. ValueError: a name that there is not.
    """
    _known(judges)
    return resolve(NETWORKS[judges.faces])(device)


def identify(judges):
    """(name, fingerprint) of the networks that `faces` would open; of those with published hashes nothing is read."""
    if judges.faces == "bundled":
        return BUNDLED, fingerprint(BUNDLE / "faces")
    _known(judges)
    return resolve("measure.face_full:KNOWN")[judges.faces]


@torch.no_grad()
def find(images, faces):
    """The largest face of each of images (N, 3, H, W), and its embedding: Found."""
    check(images)
    largest = [listed[0] if listed else None for part in images.split(BATCH) for listed in faces.detect(part)]
    shown = [i for i, face in enumerate(largest) if face is not None]
    if not shown:
        return Found(tuple(largest), torch.full((len(images), 0), math.nan))
    parts = [shown[i : i + BATCH] for i in range(0, len(shown), BATCH)]
    known = torch.cat([faces.embed(images[part], [largest[i] for i in part]).detach().cpu().float() for part in parts])
    embeddings = torch.full((len(images), known.shape[1]), math.nan)
    embeddings[shown] = known
    return Found(tuple(largest), embeddings)


def reference(images, faces):
    """Who a person is, from clean pictures (N, 3, H, W): the mean of their faces' embeddings as they are, (D,) float32.

    Pictures without a face are passed over. Which pictures they are is the caller's choice: GAP-Diff takes set C, Anti-DreamBooth A and
    B. ValueError: no face in any.
    """
    found = find(images, faces)
    if not found.detected.any():
        raise ValueError(f"reference: {faces.name} found no face in any of {len(images)} clean pictures; give pictures that show the face")
    return found.embeddings[found.detected].double().mean(0).float()


def told(x, references, faces, passes=SERFIQ["paper"].passes):
    """{"face", "ism", "rank", "serfiq": (N,)} of pictures x (N, 3, H, W), each as the function below has it, from one detection."""
    found = find(x, faces)
    cosines = _cosines(found, _references(references, 2))
    return dict(face=found.detected.double(), ism=cosines[:, 0], rank=_place(cosines), serfiq=_stability(x, found, faces, passes))


def seen(x, faces):
    """1 where a face is found in pictures x (N, 3, H, W), 0 where not: (N,) float64. FDFR is the share of 0."""
    check(x)
    return torch.tensor([float(bool(listed)) for part in x.split(BATCH) for listed in faces.detect(part)], dtype=torch.float64)


def ism(x, references, faces):
    """ISM's parts: cosine of the face in each of x (N, 3, H, W) to the person's reference, (D,) or the first of (M, D): (N,), -1 to 1."""
    own = _references(references)[:1]
    return _cosines(find(x, faces), own)[:, 0]


def rank(x, references, faces):
    """Which place the person takes among references (M, D), their own first, by cosine to the face in each of x: (N,), 1 is right.

    Others that are as near stand before, so that a reference that is there twice is no hit.
    """
    return _place(_cosines(find(x, faces), _references(references, 2)))


def among(x, y, others, faces):
    """Which place the person in each of y (N, 3, H, W) takes, among themselves and the people in others (M, 3, H, W), by cosine to the face
    in x: (N,), 1 is right; nan where x or y has no face. Of others those without a face do not count.
    """
    found, own = find(x, faces), find(y, faces)
    rest = find(others, faces) if len(others) else Found((), own.embeddings[:0])  # alone, everybody is the first
    values = torch.full((len(x),), math.nan, dtype=torch.float64)
    for i in (found.detected & own.detected).nonzero().flatten().tolist():
        references = torch.cat([own.embeddings[i : i + 1], rest.embeddings[rest.detected]])
        one = Found(found.faces[i : i + 1], found.embeddings[i : i + 1])
        values[i] = _place(_cosines(one, _references(references)))[0]
    return values


def same(x, y, faces):
    """Cosine of the faces in pictures x and y (N, 3, H, W), pair by pair: (N,), nan where either has none."""
    if len(check(x)) != len(check(y)):
        raise ValueError(f"faces: expected as many pictures in y as in x, {len(x)}, got {len(y)}; pair each edit with its clean picture")
    one, other = find(x, faces), find(y, faces)
    both = one.detected & other.detected
    values = torch.full((len(x),), math.nan, dtype=torch.float64)
    if both.any():
        values[both] = F.cosine_similarity(one.embeddings[both].double(), other.embeddings[both].double(), dim=1)
    return values


def serfiq(x, faces, passes=SERFIQ["paper"].passes):
    """SER-FIQ (Terhorst et al. 2020) of the largest face in x: (N,) in (0, 1], 1 where dropout changes nothing, before the logistic.

    2 / (1 + exp(d)), d the mean Euclidean distance between any two of so many passes' embeddings, at unit length. report.faces.spread
    has the logistic, whose constants are of ArcFace R100. Every picture meets the same masks, so that order and batch change nothing.
    nan, too, by an embedder without dropout: its `differs` says so.
    """
    return _stability(x, find(x, faces), faces, passes)


def _stability(x, found, faces, passes):
    if isinstance(passes, bool) or not isinstance(passes, int) or passes < 2:
        raise ValueError(f"passes: expected a whole number, 2 or more, got {passes!r}")
    values = torch.full((len(x),), math.nan, dtype=torch.float64)
    for i in found.detected.nonzero().flatten().tolist():
        try:
            made = faces.passes(x[i : i + 1], [found.faces[i]], passes, [generator(0, "ser-fiq")])
        except Unavailable:
            return values
        values[i] = 2 / (1 + torch.pdist(F.normalize(made[0].detach().cpu().double(), dim=1)).mean().exp())
    return values


def _place(cosines):
    """(N,): which place the first of (N, M) takes; nan where there are none."""
    place = 1 + (cosines[:, 1:] >= cosines[:, :1]).sum(1).double()
    return place.where(cosines[:, 0].isfinite(), math.nan)


def _cosines(found, references):
    """(N, M) float64, nan without a face."""
    values = torch.full((len(found.faces), len(references)), math.nan, dtype=torch.float64)
    if found.detected.any():
        known = found.embeddings[found.detected].double()
        if known.shape[1] != references.shape[1]:
            raise ValueError(f"reference: expected {known.shape[1]} values, got {references.shape[1]}; make it by the same networks")
        values[found.detected] = F.normalize(known, dim=1) @ F.normalize(references, dim=1).T
    return values


def _known(judges):
    if judges.faces not in NETWORKS:
        raise ValueError(f"faces: no networks called {judges.faces!r}; there is {', '.join(NETWORKS)}")


def _references(references, least=1):
    if not isinstance(references, torch.Tensor) or not references.is_floating_point() or references.ndim not in (1, 2):
        got = tuple(references.shape) if isinstance(references, torch.Tensor) else type(references).__name__
        raise ValueError(f"reference: expected a tensor (D,) or (M, D), got {got}; make one with face.reference")
    references = torch.atleast_2d(references).detach().cpu().double()
    if len(references) < least or not references.isfinite().all():
        raise ValueError(f"reference: expected {least} or more, all of them finite, got {len(references)}; the person's own stands first")
    return references
