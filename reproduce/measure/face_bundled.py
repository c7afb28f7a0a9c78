"""The bundled face networks, opened: faces found, embedded, and embedded again and again with dropout."""

import torch
import torch.nn.functional as F

from ..diffusion.model import fingerprint
from ..diffusion.profiles import BUNDLE
from ..images import check
from ..method import Unavailable
from ..rng import each
from . import face_nets as nets
from .face_align import align
from .face_kind import Face

OVERLAP = 0.4  # of two boxes, of which the surer one then stays; intersection over union
BATCH = 32  # images at a time


def decode(out, threshold, overlap=OVERLAP):
    """The detector's map (N, 15, h, w) -> for each image its faces with score >= threshold, the largest first."""
    out = out.float().cpu()
    scores = out[:, 0].sigmoid()
    peaks = (scores == F.max_pool2d(scores[:, None], 3, 1, 1)[:, 0]) & (scores >= threshold)
    found = []
    for here, score, peak in zip(out, scores, peaks, strict=True):
        rows, columns = peak.nonzero(as_tuple=True)
        centre = (torch.stack([columns, rows], 1) + 0.5) * nets.STRIDE
        sides = here[1:5, rows, columns].T * nets.REACH
        boxes = torch.cat([centre - sides[:, :2], centre + sides[:, 2:]], 1)
        points = here[5:, rows, columns].T.reshape(-1, 5, 2) * nets.SPREAD + centre[:, None]
        values = score[rows, columns]
        kept = []
        for i in values.argsort(descending=True, stable=True).tolist():
            if all(iou(boxes[i], boxes[j]) <= overlap for j in kept):
                kept.append(i)
        faces = [Face(tuple(boxes[i].tolist()), float(values[i]), tuple(map(tuple, points[i].tolist()))) for i in kept]
        found.append(sorted(faces, key=lambda face: -_area(face.box)))
    return found


def iou(a, b):
    """Intersection over union of two boxes (x0, y0, x1, y1)."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, float(width)) * max(0.0, float(height))
    return both / max(float(_area(a)) + float(_area(b)) - both, 1e-9)


def _area(box):
    return max(0.0, float(box[2] - box[0])) * max(0.0, float(box[3] - box[1]))


class BundledFaces:
    """Detector and embedder, frozen, in float32; threshold: the score from which on something is a face, fixed on validation renders."""

    name = "bundled face networks"

    def __init__(self, detector, embedder, *, threshold, fingerprint="", device="cpu"):
        self.device = torch.device(device)
        self.detector, self.embedder = detector.to(self.device), embedder.to(self.device)
        self.threshold, self.fingerprint = threshold, fingerprint

    @torch.no_grad()
    def detect(self, images):
        """Images (N, 3, H, W), sides multiples of 8 -> N lists of Face, the largest first. It knows heads 40 to 110 pixels high."""
        check(images)
        return [faces for x in images.split(BATCH) for faces in decode(self.detector(x.float().to(self.device)), self.threshold)]

    @torch.no_grad()
    def embed(self, images, faces):
        """Embeddings (N, 128) float32, not of unit length, of one face of each image. faces: a list of N."""
        crops = self._crops(images, faces)
        return torch.cat([self.embedder(x.to(self.device)).cpu() for x in crops.split(BATCH)])

    @torch.no_grad()
    def passes(self, images, faces, count, generator):
        """(N, count, 128): `count` embeddings of each face with dropout on, not of unit length.

        generator: a list of N; the masks of image i are drawn from generator i alone, on the CPU.
        """
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"count: expected a whole number, 1 or more, got {count!r}")
        crops, net = self._crops(images, faces), self.embedder
        features = torch.cat([net.features(x.to(self.device)) for x in crops.split(BATCH)])
        found = []
        for one, source in zip(features, each(generator, len(crops)), strict=True):
            keep = torch.rand(count, features.shape[1], generator=source) >= net.dropout
            found.append(net.out(one * keep.to(one) / (1 - net.dropout)).cpu())
        return torch.stack(found)

    def _crops(self, images, faces):
        check(images)
        if not isinstance(faces, (list, tuple)) or len(faces) != len(images) or not all(isinstance(face, Face) for face in faces):
            got = len(faces) if isinstance(faces, (list, tuple)) else type(faces).__name__
            raise ValueError(f"faces: expected a list of {len(images)} Face, one per image, got {got}; drop images where none was found")
        return align(images.detach().float().cpu(), torch.tensor([face.points for face in faces]), nets.CROP)


def bundled(device=None):
    """The BundledFaces of reproduce/bundle/faces. device: "cpu", "cuda"; by default CUDA where there is one.

    Unavailable, a ValueError, one line: not there, damaged.
    """
    return opened(BUNDLE / "faces", device)


def opened(folder, device=None):
    """The BundledFaces of a folder that the face stages of `reproduce.world.train` wrote; Unavailable as in `bundled`."""
    from safetensors import SafetensorError

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        (detector, told), (embedder, _) = nets.load(folder, "detector"), nets.load(folder, "embedder")
        threshold = float(told["threshold"])
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unavailable(f"face networks {folder}: could not be read ({first}); reinstall the package") from error
    return BundledFaces(detector, embedder, threshold=threshold, fingerprint=fingerprint(folder), device=device)
