"""Face networks for photographs, from ONNX files that lie here already: RetinaFace and ArcFace through uniface, YuNet and SFace by OpenCV.

Nothing is downloaded. A file is counted and held against its published SHA-256 before any library reads it. The libraries take pictures
as OpenCV has them: (H, W, 3), uint8, blue first; what they are handed is rounded to 8 bits.
"""

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..images import levels
from ..method import Unavailable
from ..papers.faces import NETWORKS
from .face_kind import Face

FOLDER = "REPRODUCE_FACES"  # an environment variable: the folder with the files below
THRESHOLD, OVERLAP = NETWORKS["paper"].threshold, NETWORKS["paper"].overlap
NO_DROPOUT = "SER-FIQ is left out: the file has no dropout, where the papers' ArcFace R100 (mxnet) has"


@dataclass(frozen=True)
class File:
    """A file of weights: its name, its SHA-256, about how many megabytes, at most how many it may have, where it is from."""

    name: str
    sha256: str
    megabytes: float
    most: float
    source: str


_UNIFACE, _ZOO = "github.com/yakhyo/uniface/releases/tag/weights", "github.com/opencv/opencv_zoo"
RETINAFACE = File(
    "retinaface_r50.onnx", "905eac744dc165dbcd62960938a191de3fecea6bef198fb1c5e13e690bc6a828", 110, 200, f"{_UNIFACE}, retinaface_r50.onnx"
)
ARCFACE = File(
    "arcface_resnet.onnx", "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43", 174, 200, f"{_UNIFACE}, w600k_r50.onnx"
)
YUNET = File(
    "face_detection_yunet_2023mar.onnx", "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4", 0.23, 1,
    f"{_ZOO}, models/face_detection_yunet",
)  # fmt: skip
SFACE = File(
    "face_recognition_sface_2021dec.onnx", "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79", 38.7, 50,
    f"{_ZOO}, models/face_recognition_sface",
)  # fmt: skip


def _fingerprint(*files):
    return hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()[:12]


KNOWN = {  # as judges name them -> name, fingerprint
    "retinaface+arcface": ("RetinaFace and ArcFace (uniface)", _fingerprint(RETINAFACE, ARCFACE)),
    "yunet+sface": ("YuNet and SFace (OpenCV)", _fingerprint(YUNET, SFACE)),
}


class Pair:
    """A detector and an embedder that a library runs, picture by picture.

    find(picture) -> list of Face; read(picture, face) -> (D,): functions of a picture (H, W, 3), uint8, blue first.
    """

    def __init__(self, name, fingerprint, differs, find, read):
        self.name, self.fingerprint, self.differs, self._find, self._read = name, fingerprint, differs, find, read

    def detect(self, images):
        """Images (N, 3, H, W) -> N lists of Face, largest first; those of score 0.9 and more, as in the papers."""
        return [sorted(self._find(picture), key=_area, reverse=True) for picture in pictures(images)]

    def embed(self, images, faces):
        """The embedding of one Face in each of images (N, 3, H, W): (N, D) float32, as the network gives it."""
        if len(faces) != len(images):
            raise ValueError(f"faces: expected one for each of {len(images)} images, got {len(faces)}; leave out pictures without a face")
        made = [self._read(picture, face) for picture, face in zip(pictures(images), faces, strict=True)]
        return torch.from_numpy(np.stack([np.asarray(one, np.float32).reshape(-1) for one in made]))

    def passes(self, images, faces, count, generator):
        """Unavailable: these files have no dropout."""
        raise Unavailable(f"{self.name}: {NO_DROPOUT}; take the bundled networks for it")


def pictures(images):
    """Images (N, 3, H, W) one by one as OpenCV has them: (H, W, 3), uint8, blue first, contiguous."""
    for one in levels(images.detach().cpu()):
        yield np.ascontiguousarray(one.permute(1, 2, 0).numpy()[:, :, ::-1])


def retinaface_arcface(device=None):
    """RetinaFace (ResNet-50) and ArcFace (ResNet-50) through uniface; device: "cpu", "cuda", by default CUDA where there is one.

    The files are read from the folder in REPRODUCE_FACES, else from uniface's own cache. Unavailable, one line: no library, no file,
    another file.
    """
    try:
        import uniface
        from uniface import constants
    except ImportError as error:
        raise _no_library("uniface", "uniface[cpu]", error) from error
    folder = Path(os.environ.get(FOLDER) or uniface.get_cache_dir())
    kinds = (constants.RetinaFaceWeights.RESNET50, RETINAFACE), (constants.ArcFaceWeights.RESNET, ARCFACE)
    fetch = "import uniface as u, uniface.constants as c; u.download_models([c.RetinaFaceWeights.RESNET50, c.ArcFaceWeights.RESNET])"
    for kind, file in kinds:
        _check(folder, file, f'fetch it once ({file.source}): python -c "{fetch}"')
        if constants.MODEL_REGISTRY[kind].sha256 != file.sha256:  # or it would remove the file and fetch its own
            raise Unavailable(f"faces: this uniface, {uniface.__version__}, knows another {file.name}; pip install 'reproduce[faces]'")
    cuda = str(device or ("cuda" if torch.cuda.is_available() else "cpu")).startswith("cuda")
    run = dict(providers=["CUDAExecutionProvider"] * cuda + ["CPUExecutionProvider"])
    with _cache(folder), _one_line("RetinaFace and ArcFace"):
        detector = uniface.RetinaFace(model_name=kinds[0][0], confidence_threshold=THRESHOLD, nms_threshold=OVERLAP, **run)
        embedder = uniface.ArcFace(model_name=kinds[1][0], **run)

    def find(picture):
        found = detector.detect(picture)
        return [Face(_numbers(one.bbox[:4]), float(one.confidence), tuple(map(_numbers, one.landmarks))) for one in found]

    def read(picture, face):
        return embedder.get_embedding(picture, np.array(face.points, np.float32))

    differs = (
        "RetinaFace by uniface at 640 x 640 with bars, where the papers' (deepface's) enlarges the shorter side to 1024; ArcFace is a"
        " ResNet-50 of WebFace600K, aligned by five points at 112 x 112 on [-1, 1], where theirs is a ResNet-34, turned by the eyes, cut"
        f" out by the box, on [0, 1], with bars; a score above, not at, 0.9; weights for non-commercial research; {NO_DROPOUT}"
    )
    return Pair(*KNOWN["retinaface+arcface"], differs, find, read)


def yunet_sface(device=None):
    """YuNet and SFace, 39 MB, by OpenCV's own classes on the CPU; the files are read from the folder in REPRODUCE_FACES.

    Unavailable, one line: no library, no folder, no file, another file.
    """
    try:
        import cv2
    except ImportError as error:
        raise _no_library("OpenCV", "opencv-python-headless", error) from error
    folder = os.environ.get(FOLDER)
    if not folder:
        raise Unavailable(
            f"faces: {FOLDER} is not set; put {YUNET.name} ({YUNET.megabytes} MB from {YUNET.source}) and {SFACE.name}"
            f" ({SFACE.megabytes} MB from {SFACE.source}) into a folder and name it there"
        )
    for file in (YUNET, SFACE):
        _check(Path(folder), file, f"put it there ({file.source})")
    with _one_line("YuNet and SFace"):
        where = [str(Path(folder) / file.name) for file in (YUNET, SFACE)]
        detector = cv2.FaceDetectorYN.create(where[0], "", (320, 320), THRESHOLD, OVERLAP)
        embedder = cv2.FaceRecognizerSF.create(where[1], "")

    def find(picture):
        detector.setInputSize((picture.shape[1], picture.shape[0]))
        _, rows = detector.detect(picture)  # x, y, width, height, five points, score
        return [_from_yunet(row) for row in (() if rows is None else rows)]

    def read(picture, face):
        x0, y0, x1, y1 = face.box
        row = np.array([x0, y0, x1 - x0, y1 - y0, *np.ravel(face.points), face.score], np.float32)
        return embedder.feature(embedder.alignCrop(picture, row)).copy()  # it hands out the same memory every time

    differs = f"YuNet and SFace (OpenCV's model zoo) where the papers have RetinaFace and ArcFace; {NO_DROPOUT}"
    return Pair(*KNOWN["yunet+sface"], differs, find, read)


def _from_yunet(row):
    x, y, width, height = _numbers(row[:4])
    return Face((x, y, x + width, y + height), float(row[14]), tuple(map(_numbers, row[4:14].reshape(5, 2))))


def _numbers(values):
    return tuple(float(value) for value in values)


def _area(face):
    x0, y0, x1, y1 = face.box
    return (x1 - x0) * (y1 - y0)


def _check(folder, file, remedy):
    """Unavailable unless the file is in the folder, of its size at most, and has its SHA-256."""
    path = folder / file.name
    if not path.is_file():
        raise Unavailable(f"faces: no {file.name} ({file.megabytes} MB) in {folder}; {remedy}")
    if path.stat().st_size > file.most * 1e6:
        raise Unavailable(f"faces: {path} has {path.stat().st_size / 1e6:.0f} MB, expected about {file.megabytes}; {remedy}")
    with open(path, "rb") as opened:
        found = hashlib.sha256(opened.read()).hexdigest()
    if found != file.sha256:
        raise Unavailable(f"faces: {path} has the SHA-256 {found[:12]}, expected {file.sha256[:12]}; remove it and {remedy}")


def _no_library(name, package, error):
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return Unavailable(f"faces: {name} could not be imported ({first}); pip install 'reproduce[faces]', or {package}")


@contextlib.contextmanager
def _cache(folder):
    """uniface reads its files from `folder`."""
    before = os.environ.get("UNIFACE_CACHE_DIR")
    os.environ["UNIFACE_CACHE_DIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("UNIFACE_CACHE_DIR")
        else:
            os.environ["UNIFACE_CACHE_DIR"] = before


@contextlib.contextmanager
def _one_line(what):
    try:
        yield
    except Exception as error:  # what a library raises on a file it cannot read is its own
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unavailable(f"faces: {what} could not be opened ({first}); pip install 'reproduce[faces]'") from error
