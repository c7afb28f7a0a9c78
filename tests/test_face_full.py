"""The border to libraries of face networks: OpenCV itself with tiny networks, uniface by a stand-in and, where it is installed, itself."""

import dataclasses
import functools
import hashlib
import math
import os
import sys
import types
from enum import Enum

import facekit
import numpy as np
import onnxkit
import pytest
import torch

from reproduce.diffusion import judges
from reproduce.measure import face, face_full
from reproduce.measure.face_kind import Face
from reproduce.method import Unavailable

# Where the five points of an aligned face lie in 112 x 112 pixels: insightface's template.
TEMPLATE = (38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)
HUES = torch.tensor([[250, 20, 10], [5, 240, 30], [40, 15, 230]]) / 255  # red, green, blue; brightest in their own channel
KNOWN = face_full.RETINAFACE, face_full.ARCFACE, face_full.YUNET, face_full.SFACE


def even(hues, size=128):
    return hues[:, :, None, None].expand(-1, -1, size, size).contiguous()


def refusal(call, said, kind=Unavailable):
    with pytest.raises(kind, match=said) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


def write(folder, monkeypatch, **files):
    """Files in place of the known ones, with their own hashes; files: name in face_full -> bytes."""
    for name, content in files.items():
        known = getattr(face_full, name)
        (folder / known.name).write_bytes(content)
        monkeypatch.setattr(face_full, name, dataclasses.replace(known, sha256=hashlib.sha256(content).hexdigest()))
    monkeypatch.setenv(face_full.FOLDER, str(folder))


ONE = (((5, 6), (0.5, 0.25, math.log(4), math.log(5)), 1.0),)  # row and column, box, score


def yunet(size=128, cells=ONE):
    """A YuNet that finds, where a picture is blue, a face per cell of the first scale."""
    outputs = []
    for stride in (8, 16, 32):
        side = size // stride
        table = {name: np.zeros((side * side, width), np.float32) for name, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))}
        for (row, column), box, score in cells if stride == 8 else ():
            at = row * side + column
            table["cls"][at], table["obj"][at], table["bbox"][at] = 1, score**2, box
            table["kps"][at] = [0.5, 0.5, 2.5, 0.75, 1.5, 2, 0.75, 3, 2.25, 3.25]
        outputs += [(f"{name}_{stride}", (1, *values.shape), values.ravel().tolist(), name == "cls") for name, values in table.items()]
    return onnxkit.says(size, outputs, weights=(1 / 230, 0, 0))  # the mean of the first channel, 1 in HUES' blue


@pytest.fixture
def opencv(tmp_path, monkeypatch):
    write(tmp_path, monkeypatch, YUNET=yunet(), SFACE=onnxkit.mean_colour())
    return face.faces(judges.Judges("bundled", "bundled", "bundled", "yunet+sface"), "cpu")


def test_yunet_gets_blue_first_and_its_boxes_and_points_are_pixels(opencv):
    red, green, [one] = opencv.detect(even(HUES))
    assert red == green == []  # were red first, the red picture would have the face
    assert one.score == pytest.approx(1, abs=1e-3)
    assert one.box == pytest.approx((36, 22, 68, 62), abs=1e-3)  # middle (6.5, 5.25) cells of 8, sides 4 and 5 cells
    assert np.ravel(one.points) == pytest.approx([52, 44, 68, 46, 60, 56, 54, 64, 66, 66], abs=1e-3)


def test_faces_below_the_papers_score_are_none_and_the_largest_stands_first(tmp_path, monkeypatch):
    two, four = (0, 0, math.log(2), math.log(2)), (0, 0, math.log(4), math.log(4))
    cells = ((2, 2), two, 0.99), ((10, 10), four, 0.91), ((5, 12), (0, 0, 1, 1), 0.88)
    write(tmp_path, monkeypatch, YUNET=yunet(cells=cells), SFACE=onnxkit.mean_colour())
    [listed] = face_full.yunet_sface().detect(even(HUES[2:]))
    assert [round(one.score, 2) for one in listed] == [0.91, 0.99]
    assert listed[0].box == pytest.approx((64, 64, 96, 96), abs=1e-3)


def test_sface_is_aligned_by_the_five_points_at_112_and_rounds(opencv):
    inside = torch.rand(3, 112, 112, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 0.8, 0.5]).view(3, 1, 1)
    image = torch.zeros(1, 3, 160, 160)
    image[0, :, 24:136, 40:152] = inside
    moved = tuple((x + 40, y + 24) for x, y in TEMPLATE)
    got = opencv.embed(image, [Face((40.0, 24.0, 152.0, 136.0), 0.95, moved)])
    assert got.shape == (1, 3) and got.dtype == torch.float32
    want = inside.mul(255).round().mean((1, 2))  # SFace itself takes red first, 0 to 255
    torch.testing.assert_close(got[0], want, atol=0.05, rtol=0)
    assert (want[0] - want[2]).abs() > 50


def test_a_face_half_the_size_is_enlarged_onto_the_template(opencv):
    image = torch.zeros(1, 3, 128, 128)
    image[0, 0, 30:86, 20:76] = 1
    points = tuple((x / 2 + 20, y / 2 + 30) for x, y in TEMPLATE)
    [[red, green, blue]] = opencv.embed(image, [Face((20.0, 30.0, 76.0, 86.0), 0.95, points)]).tolist()
    assert red > 250 and green == blue == 0


def test_embeddings_do_not_share_memory(opencv):
    whole = Face((0.0, 0.0, 112.0, 112.0), 0.95, TEMPLATE)
    got = opencv.embed(even(HUES, 112), [whole] * 3)
    torch.testing.assert_close(got, HUES * 255, atol=0.01, rtol=0)
    assert torch.equal(opencv.embed(even(HUES[:1], 112), [whole]), got[:1])


def test_the_measures_run_on_them_and_serfiq_is_not_measured(opencv):
    found = face.find(even(HUES), opencv)
    assert found.detected.tolist() == [False, False, True]
    own = face.reference(even(HUES[2:]), opencv)
    assert face.ism(even(HUES), own, opencv)[2] == pytest.approx(1, abs=1e-6)
    refusal(lambda: opencv.passes(even(HUES[2:]), [found.faces[2]], 10, [None]), "no dropout.*take the bundled networks")
    assert face.serfiq(even(HUES), opencv).isnan().all()
    assert "no dropout" in opencv.differs and "RetinaFace" in opencv.differs and len(opencv.fingerprint) == 12


def test_what_is_not_here_is_one_line_and_nothing_is_fetched(tmp_path, monkeypatch):
    monkeypatch.delenv(face_full.FOLDER, raising=False)
    told = refusal(face_full.yunet_sface, "REPRODUCE_FACES is not set; put face_detection_yunet_2023mar.onnx")
    assert "opencv_zoo" in told and "38.7 MB" in told
    monkeypatch.setenv(face_full.FOLDER, str(tmp_path))
    refusal(face_full.yunet_sface, r"no face_detection_yunet_2023mar.onnx \(0.23 MB\) in .*opencv_zoo")
    monkeypatch.setitem(sys.modules, "cv2", None)
    refusal(face_full.yunet_sface, "OpenCV could not be imported .*pip install 'reproduce.faces.'")
    monkeypatch.setitem(sys.modules, "uniface", None)
    refusal(lambda: face.faces(judges.FULL), "uniface could not be imported .*pip install 'reproduce.faces.'")


def test_another_file_is_refused_before_a_library_reads_it(tmp_path, monkeypatch):
    good = onnxkit.mean_colour()
    write(tmp_path, monkeypatch, YUNET=good, SFACE=good)
    monkeypatch.setattr("cv2.FaceDetectorYN.create", lambda *_: pytest.fail("it was read"))
    (tmp_path / face_full.SFACE.name).write_bytes(good + b" ")
    refusal(face_full.yunet_sface, "face_recognition_sface_2021dec.onnx has the SHA-256 [0-9a-f]{12}, expected [0-9a-f]{12}; remove it")
    with open(tmp_path / face_full.YUNET.name, "wb") as file:
        file.truncate(2_000_000)
    monkeypatch.setattr(face_full.hashlib, "sha256", lambda *_: pytest.fail("it was hashed"))
    refusal(face_full.yunet_sface, "face_detection_yunet_2023mar.onnx has 2 MB, expected about 0.23")


def test_a_file_that_no_library_can_read_is_one_line(tmp_path, monkeypatch):
    write(tmp_path, monkeypatch, YUNET=b"no network at all", SFACE=b"neither")
    refusal(face_full.yunet_sface, "YuNet and SFace could not be opened")


def test_the_hashes_are_written_in_full():
    for file in KNOWN:
        assert len(file.sha256) == 64 and not set(file.sha256) - set("0123456789abcdef") and file.megabytes < file.most
    assert len({file.sha256 for file in KNOWN}) == 4


class RetinaFaceWeights(str, Enum):
    RESNET50 = "retinaface_r50"


class ArcFaceWeights(str, Enum):
    RESNET = "arcface_resnet"


@pytest.fixture
def stand(tmp_path, monkeypatch):
    """A stand-in for uniface: finds the squares of facekit, twice the same, smallest first; embeds the colour as it gets it."""
    write(tmp_path, monkeypatch, RETINAFACE=b"detector", ARCFACE=b"embedder")
    monkeypatch.delenv("UNIFACE_CACHE_DIR", raising=False)
    tell = functools.partial(np.array, dtype=np.float32)
    asked, uniface, constants = [], types.ModuleType("uniface"), types.ModuleType("uniface.constants")
    constants.RetinaFaceWeights, constants.ArcFaceWeights = RetinaFaceWeights, ArcFaceWeights
    kinds = (RetinaFaceWeights.RESNET50, face_full.RETINAFACE), (ArcFaceWeights.RESNET, face_full.ARCFACE)
    constants.MODEL_REGISTRY = {kind: types.SimpleNamespace(sha256=file.sha256) for kind, file in kinds}

    class RetinaFace:
        def __init__(self, **given):
            asked.append(given | dict(folder=os.environ["UNIFACE_CACHE_DIR"]))

        def detect(self, picture):
            assert picture.dtype == np.uint8 and picture.flags["C_CONTIGUOUS"]
            asked.append(picture)
            squares = facekit.Squares()._boxes(torch.from_numpy(picture.copy()).permute(2, 0, 1) / 255)
            told = types.SimpleNamespace
            return [told(bbox=tell(one.box), confidence=tell(0.97), landmarks=tell(one.points)) for one in reversed(squares)]

    class ArcFace:
        def __init__(self, **given):
            asked.append(given | dict(folder=os.environ["UNIFACE_CACHE_DIR"]))

        def get_embedding(self, picture, landmarks):
            assert landmarks.shape == (5, 2) and landmarks.dtype == np.float32
            x, y = landmarks[2].astype(int)
            return picture[y, x][None].astype(np.float32)  # (1, D), as a network's batch of one

    uniface.RetinaFace, uniface.ArcFace, uniface.constants, uniface.__version__ = RetinaFace, ArcFace, constants, "4.2.1"
    uniface.get_cache_dir = lambda: str(tmp_path / "cache")
    monkeypatch.setitem(sys.modules, "uniface", uniface)
    monkeypatch.setitem(sys.modules, "uniface.constants", constants)
    return types.SimpleNamespace(asked=asked, folder=tmp_path, uniface=uniface)


def test_uniface_is_asked_for_the_papers_networks_at_the_papers_score(stand):
    face_full.retinaface_arcface("cpu")
    detector, embedder = stand.asked
    assert (detector["confidence_threshold"], detector["nms_threshold"]) == (0.9, 0.4)
    assert (detector["model_name"], embedder["model_name"]) == (RetinaFaceWeights.RESNET50, ArcFaceWeights.RESNET)
    assert detector["providers"] == embedder["providers"] == ["CPUExecutionProvider"]
    assert detector["folder"] == embedder["folder"] == str(stand.folder) and "UNIFACE_CACHE_DIR" not in os.environ
    face_full.retinaface_arcface("cuda")
    assert stand.asked[2]["providers"] == ["CUDAExecutionProvider", "CPUExecutionProvider"]


def test_uniface_gets_8_bit_pictures_blue_first_and_gives_the_largest_first(stand):
    image = facekit.picture(((2, 2), 6, facekit.GREEN), ((14, 12), 10, facekit.PINK))[None]
    opened = face.faces(judges.FULL, "cpu")
    [listed] = opened.detect(image)
    picture = stand.asked[-1]
    assert picture.shape == (32, 32, 3) and picture[15, 17].tolist() == [round(0.9 * 255), 128, 255]
    assert [one.box for one in listed] == [(14, 12, 24, 22), (2, 2, 8, 8)] and listed[0].score == pytest.approx(0.97)
    assert np.ravel(listed[0].points) == pytest.approx(np.ravel([(14 + 10 * a, 12 + 10 * b) for a, b in facekit.POINTS]))
    got = opened.embed(image.repeat(2, 1, 1, 1), listed)
    assert got.tolist() == [[round(0.9 * 255), 128, 255], [128, round(0.9 * 255), 128]] and got.dtype == torch.float32
    refusal(lambda: opened.embed(image, listed), "expected one for each of 1 images, got 2", ValueError)
    assert face.serfiq(image, opened).isnan().all()


def test_uniface_is_never_let_near_the_network(stand, monkeypatch):
    """It would fetch what is missing, and remove and fetch again what has another hash than it knows."""
    (stand.folder / face_full.ARCFACE.name).unlink()
    told = refusal(face_full.retinaface_arcface, r"no arcface_resnet.onnx \(174 MB\) in .*github.com/yakhyo/uniface.*download_models")
    assert str(stand.folder) in told and not stand.asked
    monkeypatch.delenv(face_full.FOLDER)
    assert str(stand.folder / "cache") in refusal(face_full.retinaface_arcface, "no retinaface_r50.onnx")
    write(stand.folder, monkeypatch, ARCFACE=b"embedder")
    stand.uniface.constants.MODEL_REGISTRY[ArcFaceWeights.RESNET] = types.SimpleNamespace(sha256="0" * 64)
    refusal(face_full.retinaface_arcface, "this uniface, 4.2.1, knows another arcface_resnet.onnx")
    assert not stand.asked


def test_uniface_itself_with_tiny_networks(tmp_path, monkeypatch):
    uniface = pytest.importorskip("uniface", reason="uniface is not installed; pip install 'reproduce[faces]'")
    from uniface import constants
    from uniface.common import generate_anchors

    for kind, file in ((constants.RetinaFaceWeights.RESNET50, face_full.RETINAFACE), (constants.ArcFaceWeights.RESNET, face_full.ARCFACE)):
        assert constants.MODEL_REGISTRY[kind].sha256 == file.sha256 and f"{kind.value}.onnx" == file.name
    anchors = generate_anchors()
    boxes, scores, points = (np.zeros((len(anchors), width), np.float32) for width in (4, 2, 10))
    at = int(np.argmin(np.abs(anchors - [0.5, 0.5, 0.4, 0.4]).sum(1)))
    points[at] = [-1, -1, 1, -1, 0, 0, -0.8, 1, 0.8, 1]
    scores[at, 1] = 1
    outputs = [("loc", (1, *boxes.shape), boxes.ravel().tolist(), False), ("conf", (1, *scores.shape), scores.ravel().tolist(), True)]
    outputs.append(("landms", (1, *points.shape), points.ravel().tolist(), False))
    detector = onnxkit.says(640, outputs, weights=(1 / 120, 0, 0))  # 230 less uniface's mean of blue, 104, and a little
    write(tmp_path, monkeypatch, RETINAFACE=detector, ARCFACE=onnxkit.mean_colour())
    for kind, name in ((constants.RetinaFaceWeights.RESNET50, "RETINAFACE"), (constants.ArcFaceWeights.RESNET, "ARCFACE")):
        known = dataclasses.replace(constants.MODEL_REGISTRY[kind], sha256=getattr(face_full, name).sha256)
        monkeypatch.setitem(constants.MODEL_REGISTRY, kind, known)
    monkeypatch.setattr("uniface.model_store.download_file", lambda *_, **__: pytest.fail("it fetched"))
    opened = face_full.retinaface_arcface("cpu")
    red, _, [one] = opened.detect(even(HUES))
    assert red == [] and uniface.__version__.startswith("4.")
    middle, side = anchors[at, :2] * 128, anchors[at, 2:] * 128
    assert one.box == pytest.approx([*(middle - side / 2), *(middle + side / 2)], abs=1e-3)
    assert one.points[0][0] < one.points[1][0] and one.points[0][1] < one.points[3][1] and one.points[3][0] < one.points[4][0]
    got = opened.embed(even(HUES[2:], 112), [Face((0.0, 0.0, 112.0, 112.0), 0.95, TEMPLATE)])
    torch.testing.assert_close(got, (HUES[2:] * 255 - 127.5) / 127.5, atol=1e-3, rtol=0)  # red first, on [-1, 1]
