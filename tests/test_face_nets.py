"""The face networks: alignment and losses against closed forms, the bundled weights against their floors, a training of seconds."""

import json
import math
import shutil

import numpy as np
import pytest
import torch

from reproduce import rng
from reproduce.diffusion.profiles import BUNDLE
from reproduce.measure import face_align, face_bundled
from reproduce.measure import face_nets as nets
from reproduce.measure.face_kind import Face
from reproduce.method import Unavailable
from reproduce.world import FRAMINGS, SCENES, Spec, render, sample_specs
from reproduce.world.train import face_batches, face_quality, faces, patches, portraits, spoil, stages


@pytest.fixture(scope="module")
def opened():
    return face_bundled.bundled("cpu")


@pytest.fixture(scope="module")
def shown():
    """100 renders of strangers, 20 people in 5 scenes and both framings each, and 40 renders without people."""
    each = [(i, k) for i in range(20) for k in range(5)]
    specs = [Spec(240_000 + i, SCENES[(i + 3 * k) % len(SCENES)], framing=FRAMINGS[k % 2], seed=7000 + 10 * i + k) for i, k in each]
    return render(specs), render(sample_specs(52, 40, people=0, styles=["photo"])).images


def turned(points, grow, degrees, shift):
    """Points (K, 2) grown, turned and shifted."""
    turn = math.radians(degrees)
    matrix = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]], dtype=torch.float64) * grow
    return points.double() @ matrix.T + torch.tensor(shift, dtype=torch.float64)


def picture(places):
    """A smooth picture as a function of places (..., 2) in pixels."""
    x, y = places.unbind(-1)
    return torch.stack([0.5 + 0.4 * (x / 9).sin(), 0.5 + 0.4 * (y / 11).cos(), 0.5 + 0.3 * ((x + y) / 13).sin()], -1)


def grid(height, width):
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack([x, y], -1).double()


TURNS = [(64, 0, (40.0, 40.0)), (60, 25, (52.0, 38.0)), (75, -40, (30.0, 66.0)), (64, 180, (110.0, 105.0))]


@pytest.mark.parametrize("grow, degrees, shift", TURNS)
def test_a_turned_and_scaled_picture_comes_back(grow, degrees, shift):
    image = picture(grid(136, 144)).permute(2, 0, 1)[None].float()
    points = turned(torch.tensor(face_align.TEMPLATE), grow, degrees, shift)
    crop = face_align.align(image, points[None].float(), 64)
    expected = picture(turned(grid(64, 64).view(-1, 2) / 64, grow, degrees, shift)).view(64, 64, 3).permute(2, 0, 1)
    inside = (turned(grid(64, 64).view(-1, 2) / 64, grow, degrees, shift).view(64, 64, 2) > 1).all(-1)
    assert inside.float().mean() > 0.95
    assert ((crop[0].double() - expected).abs() * inside).max() < 0.004


def test_the_similarity_is_least_squares():
    generator = rng.generator(0, "similarity")
    points = torch.rand(6, 5, 2, generator=generator) * 100
    template = np.array(face_align.TEMPLATE)
    rows = np.zeros((10, 4))
    for k, (u, v) in enumerate(template):
        rows[2 * k], rows[2 * k + 1] = [u, -v, 1, 0], [v, u, 0, 1]
    for got, five in zip(face_align.similarity(points), points, strict=True):
        a, b, dx, dy = np.linalg.lstsq(rows, five.double().numpy().reshape(-1), rcond=None)[0]
        np.testing.assert_allclose(got.numpy(), [[a, -b, dx], [b, a, dy]], atol=1e-9)


def test_a_large_face_is_averaged_and_not_picked_from():
    stripes = (torch.arange(512) % 2).float().expand(1, 3, 512, 512)
    points = turned(torch.tensor(face_align.TEMPLATE), 256, 0, (120.0, 120.0))
    assert (face_align.align(stripes, points[None].float(), 64) - 0.5).abs().max() < 0.02


def test_alignment_refuses_points_in_shares():
    with pytest.raises(ValueError, match="points: expected faces of some pixels"):
        face_align.align(torch.zeros(1, 3, 64, 64), torch.tensor([face_align.TEMPLATE]), 64)
    with pytest.raises(ValueError, match=r"expected \(2, 5, 2\), one face per image, got \(1, 5, 2\)"):
        face_align.align(torch.zeros(2, 3, 64, 64), torch.rand(1, 5, 2) * 64, 64)


def test_maps_are_read_as_they_are_written():
    """A map made by hand: two faces apart, one cell beside the first that says the same face less surely."""
    out = torch.zeros(1, 15, 16, 16)
    out[:, 0] = -9
    for row, column, logit, side in ((6, 4, 3.0, 20), (6, 6, 2.0, 20), (9, 12, 1.0, 30)):
        shift = 36 - (column + 0.5) * 8 if column == 6 else 0
        out[0, 0, row, column] = logit
        out[0, 1:5, row, column] = torch.tensor([side - shift, side, side + shift, side]) / nets.REACH
        out[0, 5:, row, column] = torch.tensor([-8.0, -4, 8, -4, 0, 2, -6, 8, 6, 8]) / nets.SPREAD
    (large, small), = face_bundled.decode(out, 0.5)
    assert large.box == pytest.approx((70, 46, 130, 106)) and small.box == pytest.approx((16, 32, 56, 72))
    assert small.score == pytest.approx(1 / (1 + math.exp(-3))) and large.score == pytest.approx(1 / (1 + math.exp(-1)))
    assert small.points[0] == pytest.approx((28, 48)) and small.points[4] == pytest.approx((42, 60))
    assert [len(found) for found in face_bundled.decode(out, 0.9)] == [1]
    assert face_bundled.iou((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / 7) and face_bundled.iou((0, 0, 1, 1), (2, 2, 3, 3)) == 0


def test_any_size_in_eights_will_do():
    net = nets.Detector().eval()
    for height, width in ((72, 88), (128, 128), (64, 200)):
        assert net(torch.rand(1, 3, height, width)).shape == (1, 15, height // 8, width // 8)


def truth():
    boxes = torch.tensor([[[20.0, 30.0, 60.0, 86.0], [math.nan] * 4]])
    points = torch.full((1, 2, 5, 2), math.nan)
    points[0, 0] = torch.tensor([[30.0, 55], [50, 55], [41, 62], [33, 70], [47, 71]])
    return boxes, points


def perfect():
    """The map that says exactly `truth`."""
    boxes, points = truth()
    cells = grid(16, 16).float() * 8
    out = torch.full((1, 15, 16, 16), -12.0)
    near = (cells - torch.tensor([40.0, 58.0])).norm(dim=-1) <= faces.CORE * 8
    out[0, 0][near] = 12.0
    out[0, 1:3] = (cells - boxes[0, 0, :2]).permute(2, 0, 1) / nets.REACH
    out[0, 3:5] = (boxes[0, 0, 2:] - cells).permute(2, 0, 1) / nets.REACH
    out[0, 5:] = (points[0, 0].view(5, 2, 1, 1) - cells.permute(2, 0, 1)).flatten(0, 1) / nets.SPREAD
    return out


def test_the_detectors_loss_is_nothing_for_the_truth_and_counts_what_it_should():
    boxes, points = truth()
    none, whole, ruined, either = torch.full((1, 4), math.nan), *(torch.tensor([[status, 1]]) for status in (1, 0, -1))
    out = perfect()
    assert faces.detection_loss(out, boxes, points, whole, none) < 1e-4
    assert faces.detection_loss(out, boxes, points, ruined, none) == pytest.approx(12.0, abs=1e-3), "each cell at the middle is wrong by 12"
    assert faces.detection_loss(out, boxes, points, either, none) < 1e-4
    far = out.clone()
    far[0, 0, 2, 13] = 12.0
    assert faces.detection_loss(far, boxes, points, whole, none) > 5
    assert faces.detection_loss(far, boxes, points, whole, torch.tensor([[100.0, 10.0, 124.0, 60.0]])) < 1e-4, "behind glass"
    off = out.clone()
    off[0, 5] += 8 / nets.SPREAD
    moved = faces.detection_loss(off, boxes, points, whole, none)
    assert moved == pytest.approx(4 * (8 / nets.SPREAD - 0.025) / 14, rel=1e-2), "one number of fourteen is off by a cell"


def test_boxes_and_points_move_with_the_picture():
    """White dots at the points of black pictures are where the moved points say."""
    points = torch.full((8, 2, 5, 2), math.nan)
    points[:, 0] = torch.tensor([[50.0, 55], [74, 57], [61, 68], [54, 78], [70, 80]])
    boxes = torch.full((8, 2, 4), math.nan)
    boxes[:, 0] = torch.tensor([40.0, 35, 84, 95])
    images = torch.zeros(8, 3, 128, 128)
    for channel, (x, y) in enumerate(points[0, 0, [0, 2, 4]].tolist()):
        images[:, channel] = (-(grid(128, 128) - torch.tensor([x, y])).norm(dim=-1) ** 2 / 8).exp().float()
    glass = torch.full((8, 4), math.nan)
    out, box, five, _ = face_batches.moved(images, boxes, points, glass, rng.generator(1, "moved"))
    at = torch.arange(128) + 0.5
    mirrored = 0
    for i in range(8):
        flipped = bool(out[i, 0].sum(0).argmax() > out[i, 2].sum(0).argmax())
        mirrored += flipped
        for channel, which in enumerate([1, 2, 3] if flipped else [0, 2, 4]):
            weight = out[i, channel]
            seen = torch.stack([(weight.sum(0) * at).sum(), (weight.sum(1) * at).sum()]) / weight.sum()
            assert (seen - five[i, 0, which]).norm() < 0.1
        assert (box[i, 0, :2] < five[i, 0]).all() and (five[i, 0] < box[i, 0, 2:]).all()
    assert 0 < mirrored < 8 and five[:, 1].isnan().all()


def test_spoils_stay_in_their_place_and_grow(shown):
    alone, _ = shown
    images = alone.images[:4]
    boxes = torch.tensor([told["box"] for told in alone.attributes[:4]]) * 128
    points = torch.tensor([told["points"] for told in alone.attributes[:4]]) * 128
    outside = patches.head(128, boxes, 1.5) == 0
    for name, row in spoil.SPOILS.items():

        def spoiled(degree, function=row.function, name=name):
            out = function(images, boxes, points, torch.full((4,), degree), images.roll(1, 0), rng.generator(3, name))
            return (out.clamp(0, 1) - images).abs()

        assert row.mild < row.strong <= 1 and spoiled(1.0).mean() > 2 * spoiled(max(0.02, row.mild * 0.3)).mean(), name
        if not row.whole and name not in ("displace", "extra"):
            assert (spoiled(1.0) * outside).max() < 0.02, name


def test_the_equal_error_rate_has_closed_forms():
    generator = rng.generator(2, "scores")
    assert face_quality.equal_error(torch.rand(50) + 2, torch.rand(70)) == 0
    assert face_quality.equal_error(torch.rand(50), torch.rand(70) + 2) == 1
    same = torch.rand(4000, generator=generator)
    assert face_quality.equal_error(same[:2000], same[2000:]) == pytest.approx(0.5, abs=0.03)
    noise = torch.randn(40_000, generator=generator)
    expected = 0.5 * math.erfc(1.0 / math.sqrt(2))  # two normal distributions two deviations apart meet one deviation from each
    assert face_quality.equal_error(noise[:20_000] + 2, noise[20_000:]) == pytest.approx(expected, abs=0.005)
    assert face_quality.equal_error(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0])) == 0.5
    with pytest.raises(ValueError, match="expected some of both kinds, got 0 genuine and 1 impostors"):
        face_quality.equal_error(torch.zeros(0), torch.zeros(1))


def test_the_bundled_detector_meets_its_floors(opened, shown):
    alone, free = shown
    got = opened.detect(alone.images)
    assert sum(map(bool, got)) >= 99
    off = []
    for told, found in zip(alone.attributes, got, strict=True):
        if found:
            off.append((torch.tensor(found[0].points) / 128 - torch.tensor(told["points"])).norm(dim=1).mean() / (2 * told["head"][2]))
            assert face_bundled.iou(found[0].box, [v * 128 for v in told["box"]]) > 0.6
    assert torch.stack(off).mean() < 0.03, "of the height of a head"
    assert sum(map(bool, opened.detect(free))) == 0
    noise = torch.rand(8, 3, 128, 128, generator=rng.generator(4, "noise"))
    assert not any(opened.detect(noise)) and not any(opened.detect(torch.full((1, 3, 128, 128), 0.5)))


def test_faces_without_eyes_or_mouth_are_none(opened, shown):
    alone, _ = shown
    boxes = torch.tensor([told["box"] for told in alone.attributes[:40]]) * 128
    points = torch.tensor([told["points"] for told in alone.attributes[:40]]) * 128
    images = alone.images[:40]
    bare = patches.mix(images, patches.smooth(images, patches.half(boxes) * 0.6), patches.head(128, boxes))
    assert sum(map(bool, opened.detect(bare.clamp(0, 1)))) <= 1
    skin = spoil.skin(images, boxes, points, rng.generator(5, "skin"))
    for which in (0, 1, 2):
        images = patches.mix(images, skin, spoil.spot(images, boxes, points, which, 1.15)[0])
    assert sum(map(bool, opened.detect(images.clamp(0, 1)))) <= 2


def test_the_bundled_embedder_meets_its_floor(opened, shown):
    got = opened.detect(shown[0].images)
    rows = [i for i, found in enumerate(got) if found]
    who = torch.tensor(rows) // 5
    found = torch.nn.functional.normalize(opened.embed(shown[0].images[rows], [got[i][0] for i in rows]), dim=1)
    cosine, same = (found @ found.T), who[:, None] == who
    upper = torch.ones_like(same).triu(1)
    assert face_quality.equal_error(cosine[same & upper], cosine[~same & upper]) < 0.05


def test_the_right_person_is_the_nearest():
    reference = torch.eye(20)
    assert face_quality._right(reference[:, None], reference) == 1
    assert face_quality._right(reference[:, None].roll(1, 0), reference) == 0
    assert face_quality._right(torch.ones(20, 3, 20), reference) == 0, "what says the same of everybody knows nobody"
    assert face_quality._right(reference[:, None].roll(-1, 0), reference, among=2) == 0
    assert face_quality._right(reference[:, None].roll(-3, 0), reference, among=2) == 0
    assert face_quality._right(torch.full((20, 1, 20), math.nan), reference) == 0, "a face that was not found is nobody's"


def test_embeddings_are_of_the_face_alone_and_of_each_image_alone(opened, shown):
    images = shown[0].images[:6]
    found = [faces[0] for faces in opened.detect(images)]
    together = opened.embed(images, found)
    assert together.shape == (6, nets.WIDTH) and together.dtype == torch.float32
    for i in (0, 4):
        torch.testing.assert_close(opened.embed(images[i : i + 1], found[i : i + 1])[0], together[i], atol=1e-4, rtol=1e-4)
        alone = opened.detect(images[i : i + 1])[0][0]
        assert alone.box == pytest.approx(found[i].box, abs=1e-3) and alone.score == pytest.approx(found[i].score, abs=1e-5)
    x0, y0, x1, y1 = (int(v) for v in found[0].box)
    elsewhere = torch.ones(1, 1, 128, 128)
    elsewhere[..., max(0, y0 - 12) : y1 + 12, max(0, x0 - 24) : x1 + 24] = 0
    other = images[:1] * (1 - elsewhere)
    torch.testing.assert_close(opened.embed(other, found[:1])[0], together[0], atol=1e-4, rtol=1e-4)


def test_passes_are_dropout_around_the_embedding(opened, shown):
    images = shown[0].images[:2]
    found = [faces[0] for faces in opened.detect(images)]

    def sources():
        return [rng.generator(0, "passes", i) for i in range(2)]

    few = opened.passes(images, found, 5, sources())
    assert few.shape == (2, 5, nets.WIDTH) and torch.equal(few, opened.passes(images, found, 5, sources()))
    alone = opened.passes(images[1:], found[1:], 5, sources()[1:])
    torch.testing.assert_close(alone[0], few[1], atol=1e-4, rtol=1e-4)
    many, whole = opened.passes(images, found, 4000, sources()), opened.embed(images, found)
    assert (many.std(1) > 0).all()
    error = (many.mean(1) - whole).abs() / (many.std(1) / 4000**0.5)
    assert error.max() < 5, "the last layer is linear, so that the passes' mean is the embedding"


def test_what_is_not_a_face_is_refused_in_one_line(opened, tmp_path):
    images = torch.zeros(1, 3, 64, 64)
    face = Face((0.0, 0.0, 40.0, 40.0), 0.9, ((10.0, 10.0), (30.0, 10.0), (20.0, 20.0), (12.0, 30.0), (28.0, 30.0)))
    for call, words in (
        (lambda: opened.detect(torch.zeros(1, 3, 60, 64)), "sides that are multiples of 8, got (60, 64)"),
        (lambda: opened.detect(images[0]), "add the batch dimension"),
        (lambda: opened.embed(images, []), "faces: expected a list of 1 Face, one per image, got 0"),
        (lambda: opened.embed(images, [[face]]), "faces: expected a list of 1 Face"),
        (lambda: opened.passes(images, [face], 0, [rng.generator(0, "x")]), "count: expected a whole number, 1 or more, got 0"),
        (lambda: opened.passes(images, [face], 3, None), "generator: expected one per image (1), got none"),
        (lambda: face_bundled.opened(tmp_path), "could not be read"),
    ):
        with pytest.raises(ValueError) as told:
            call()
        assert words in str(told.value) and "\n" not in str(told.value)


def test_the_bundle_is_small_whole_and_noticed_when_damaged(opened, tmp_path):
    place = BUNDLE / "faces"
    assert sum(file.stat().st_size for file in place.iterdir()) <= 3_000_000
    assert len(opened.fingerprint) == 12 and 0 < opened.threshold < 1
    copy = shutil.copytree(place, tmp_path / "faces")
    assert face_bundled.opened(copy).fingerprint == opened.fingerprint
    told = json.loads((copy / "config.json").read_text())
    told["detector"]["threshold"] = 0.9
    (copy / "config.json").write_text(json.dumps(told))
    changed = face_bundled.opened(copy)
    assert changed.threshold == 0.9 and changed.fingerprint != opened.fingerprint
    (copy / "embedder.safetensors").write_bytes((copy / "detector.safetensors").read_bytes())
    with pytest.raises(Unavailable, match="embedder.safetensors: [0-9]+ weights are missing, unknown or of another shape"):
        face_bundled.opened(copy)
    (copy / "detector.safetensors").write_bytes(b"nothing")
    with pytest.raises(Unavailable, match="could not be read"):
        face_bundled.opened(copy)


def test_both_networks_train_resume_and_are_published(tmp_path, monkeypatch):
    monkeypatch.setitem(stages.SIZES, "tiny", dict(stages.SIZES["tiny"], portraits=(1, 1, 12), detector=(3, 4), embedder=(3, 6), judged=16))
    out = tmp_path / "bundle"
    out.mkdir()
    (out / "training.json").write_text('{"clip": 1}')
    common = ["--size", "tiny", "--work", str(tmp_path / "work"), "--start", str(BUNDLE), "--device", "cpu", "--out", str(out)]
    with pytest.raises(ValueError, match="lacks config.json; run the stages"):
        stages.main(["faces", *common])
    for stage in ("portraits", "detector", "embedder", "faces"):
        stages.main([stage, *common])
    assert (out / "training.json").read_text() == '{"clip": 1}', "the model's own log, which its fingerprint covers, is left alone"
    told = [json.loads(line) for line in (out / "faces" / "training.jsonl").read_text().splitlines()]
    assert [(one["stage"], one["step"]) for one in told] == [("detector", 3), ("embedder", 3)]
    first = face_bundled.opened(out / "faces", "cpu")
    stages.main(["embedder", *common])  # the checkpoint is whole: nothing more is trained
    again, _ = nets.load(tmp_path / "work" / "faces", "embedder")
    for a, b in zip(first.embedder.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_training_pictures_are_nobodys_the_study_shows():
    specs = portraits.specs(3, 200)
    people = {n for spec in specs for n in (spec.identity, spec.partner, spec.disguise) if n >= 0}
    assert max(people) < 4000 and min(face_quality.STRANGERS) >= 200_000
    assert 0.08 < sum(spec.people == 0 for spec in specs) / 200 < 0.24
    assert 0.15 < sum(spec.disguise >= 0 for spec in specs) / 200 < 0.4
    assert all(spec.style == "photo" for spec in specs if spec.people)
    firsts = [spec.identity for spec in specs if spec.people]
    assert len(set(firsts)) == len(firsts), "no identity again before each has been shown"


def test_the_margin_makes_the_own_class_harder():
    torch.manual_seed(0)
    net = faces.Classifier(torch.nn.Identity(), 7)
    found, labels = torch.randn(20, nets.WIDTH), torch.arange(20) % 7
    with torch.no_grad():
        cosine = torch.nn.functional.normalize(found) @ torch.nn.functional.normalize(net.class_embedding).T
        plain = torch.nn.functional.cross_entropy(faces.SCALE * cosine, labels)
        assert net.loss(found, labels, 0.0) == pytest.approx(plain.item(), rel=1e-4)
        own = cosine[torch.arange(20), labels]
        shifted = cosine.clone()
        shifted[torch.arange(20), labels] = (own.acos() + 0.3).cos()
        expected = torch.nn.functional.cross_entropy(faces.SCALE * shifted, labels)
        assert net.loss(found, labels, 0.3) == pytest.approx(expected.item(), rel=1e-4) and expected > plain
