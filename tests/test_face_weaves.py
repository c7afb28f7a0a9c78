"""Faces under weaves, with and without features: closed forms of what makes them, and what reaches a batch."""

import types

import pytest
import torch

from reproduce import rng
from reproduce.diffusion.profiles import BUNDLE
from reproduce.world.train import face_batches, face_quality, patches, portraits, woven


@pytest.fixture(scope="module")
def codec():
    return portraits.Codec(types.SimpleNamespace(work=BUNDLE / "nowhere", start=BUNDLE))


@pytest.fixture(scope="module")
def shard():
    return portraits.drawn(portraits.specs(0, 8, face_quality.STRANGERS, 77))


@pytest.mark.parametrize("name", sorted(set(woven.NAMES)))
def test_patterns_have_unit_deviation_and_their_periods(name):
    generator = rng.generator(0, "pattern", name)
    many = torch.stack([woven.pattern(name, 32, generator) for _ in range(40)])
    torch.testing.assert_close(many.flatten(1).std(1), torch.ones(40), atol=1e-4, rtol=0)
    power = torch.fft.fft2(many).abs().square().mean((0, 1))
    frequency = torch.fft.fftfreq(32)
    radius = (frequency[:, None] ** 2 + frequency[None] ** 2).sqrt()
    coarse = power[radius < 0.18].sum() / power.sum()
    if name == "white":
        assert coarse == pytest.approx((radius < 0.18).float().mean().item(), abs=0.03), "white noise is spread evenly"
    else:
        assert coarse < 0.03, "all periods are under 3.6 latents"
    if name == "checks":
        fine = power[(frequency.abs()[:, None] > 0.36) | (frequency.abs()[None] > 0.36)].sum() / power.sum()
        assert fine > 0.95, "period 2 along an axis at least"


def test_loudness_is_a_ratio_of_deviations(shard):
    plain, boxes = shard["images"].float() / 255, shard["boxes"][:, 0]
    rows = ~boxes[:, 0].isnan()
    plain, boxes = plain[rows], boxes[rows]
    torch.testing.assert_close(woven.loudness(plain + 0.7 * plain, plain, boxes), torch.full((len(plain),), 0.7), atol=1e-4, rtol=0)
    assert woven.loudness(plain + 0.3, plain, boxes).max() < 1e-3, "brightness alone hides nothing"
    tint = torch.tensor([0.3, -0.3, 0.0]).view(3, 1, 1)
    assert woven.loudness(plain + tint, plain, boxes).max() < 1e-3, "nor does a tint"
    grey = plain[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(woven.loudness(grey + grey * tint, grey, boxes), torch.full((len(grey),), 0.3 * (2 / 3) ** 0.5))
    elsewhere = plain + 1 - patches.head(128, boxes, 1.0).ceil()
    assert woven.loudness(elsewhere, plain, boxes).max() < 1e-5


def test_damage_is_half_and_stays_on_the_head(shard):
    rows = (~shard["boxes"][:, 0, 0].isnan()).nonzero().flatten().repeat(6)
    images, boxes, points = shard["images"][rows].float() / 255, shard["boxes"][rows, 0], shard["points"][rows, 0]
    out, gone = woven.damaged(images, boxes, points, rng.generator(0, "damage"))
    assert 0.3 < gone.float().mean() < 0.7
    changed = (out - images).abs().amax(1)
    assert (changed[~gone] == 0).all() and (changed[gone].flatten(1).amax(1) > 0.1).all()
    near = patches.head(128, boxes, 2.2)[:, 0] > 0
    assert changed[~near].max() < 0.02
    _, nobody = woven.damaged(images, torch.full_like(boxes, torch.nan), points, rng.generator(0, "damage"))
    assert not nobody.any()


def test_weaves_are_as_loud_as_they_are_told(codec, shard):
    latents = torch.zeros(60, 4, 32, 32)
    boxes = torch.tensor([10.0, 8.0, 22.0, 24.0]).expand(60, 4)
    out = woven.weave(latents, boxes, ["checks"] * 60, torch.full((60,), 0.5), rng.generator(0, "weave"))
    edge = out[:, :, :3].flatten(1)
    alone = (edge == 0).all(1)
    assert 0.05 < alone.float().mean() < 0.4
    torch.testing.assert_close(out[~alone].flatten(1).std(1), torch.full((int((~alone).sum()),), 0.5 * woven.LOUD), atol=1e-3, rtol=0)
    made = woven.woven(codec, shard, rng.generator(0, "woven"))
    assert made["images"].shape == shard["images"].shape and set(made["status"].flatten().tolist()) <= {-1, 0, 1}
    assert (made["status"][shard["boxes"][:, :, 0].isnan()] == -1).all()


def test_a_batch_has_its_share_of_each_kind(monkeypatch):
    """Pools of one colour each: black renders, grey decoded, light woven."""
    box = torch.tensor([40.0, 36.0, 88.0, 96.0])
    data = dict(
        images=torch.zeros(20, 3, 128, 128, dtype=torch.uint8),
        boxes=torch.stack([box, torch.full((4,), torch.nan)]).expand(20, 2, 4).clone(),
        points=torch.full((20, 2, 5, 2), 60.0),
        mirror=torch.full((20, 4), torch.nan),
        decoded=torch.full((8, 3, 128, 128), 80, dtype=torch.uint8),
        kinds=torch.zeros(8, dtype=torch.int64),
        degrees=torch.zeros(8),
        woven=torch.full((8, 3, 128, 128), 160, dtype=torch.uint8),
        woven_status=torch.tensor([[0, -1]]).expand(8, 2).clone(),
    )
    monkeypatch.setattr(portraits, "stored", lambda args: data)
    monkeypatch.setattr(face_batches, "SPOILED", 0.0)
    monkeypatch.setattr(face_batches, "photographed", lambda images, generator: images)
    images, boxes, _, status, _ = face_batches.scenes(None, 400)(rng.generator(0, "batch"))
    pool = (images.mean((1, 2, 3)) * 255 / 80).round()
    shares = [float((pool == k).float().mean()) for k in range(3)]
    assert shares == pytest.approx(face_batches.KINDS, abs=0.08)
    assert (status[pool == 2][:, 0] == 0).all() and (status[pool < 2] == 1).all()
    assert not boxes[:, 0].isnan().any() and boxes[:, 1].isnan().all()
