"""Where the renderer says that a face is: against what it paints there, feature by feature; and what a disguise changes."""

import dataclasses

import pytest
import torch

from reproduce.world import Spec, render, sample_specs
from reproduce.world.draw import face

SPECS = sample_specs(41, 24, people=1, styles=["photo"], scenes=["studio", "eiffel"], identities=range(230_000, 231_000))


@pytest.fixture(scope="module")
def made():
    return render(SPECS)


def painted(monkeypatch, name, made):
    """Where leaving a feature out changes a picture, (n, 128, 128)."""
    with monkeypatch.context() as patch:
        patch.setattr(face, name, lambda *_: None)
        return (render(SPECS).images - made.images).abs().mean(1)


def middle(weight):
    at = torch.arange(128) + 0.5
    total = weight.sum((1, 2))
    return torch.stack([(weight.sum(1) * at).sum(1) / total, (weight.sum(2) * at).sum(1) / total], 1)


def points(made):
    return torch.tensor([told["points"] for told in made.attributes]) * 128


def test_the_eyes_are_where_eyes_are_painted(monkeypatch, made):
    change = painted(monkeypatch, "eyes", made)
    five = points(made)
    bare = torch.tensor([told["glasses"] == "none" for told in made.attributes])
    for side in (0, 1):
        between = five[:, :2, 0].mean(1)[:, None, None]
        own = ((torch.arange(128) + 0.5)[None, None] < between) == (side == 0)
        off = (middle(change * own) - five[:, side]).norm(dim=1)
        assert off[bare].max() < 1.3, "pixels; an eye is 8 to 16 of them wide"


def test_the_corners_of_the_mouth_are_its_ends(monkeypatch, made):
    change = painted(monkeypatch, "mouth", made)
    five = points(made)
    shaven = [i for i, told in enumerate(made.attributes) if told["beard"] == "none"]
    assert len(shaven) > 10
    columns = (change > 0.02).any(1)
    first, last = columns.float().argmax(1), 127 - columns.flip(1).float().argmax(1)
    for i in shaven:
        assert abs(first[i] + 0.5 - five[i, 3, 0]) < 2 and abs(last[i] + 0.5 - five[i, 4, 0]) < 2
        column = slice(int(five[i, 3, 0]), int(five[i, 3, 0]) + 3)
        row = middle(change[i : i + 1, :, column].expand(-1, -1, 3).repeat(1, 1, 43)[:, :, :128])[0, 1]
        assert abs(row - five[i, 3, 1]) < 2.5


def test_the_tip_of_the_nose_is_on_it_and_turns_with_the_head(monkeypatch, made):
    change = painted(monkeypatch, "nose", made)
    five = points(made)
    height = torch.tensor([told["head"][2] for told in made.attributes]) * 128
    off = (middle(change) - five[:, 2]).norm(dim=1) / height
    shaven = torch.tensor([told["beard"] == "none" for told in made.attributes])
    assert off[shaven].max() < 0.06, "the paint is heaviest at the tip; a nose is about 0.38 long"
    turned = torch.tensor([told["yaw"] for told in made.attributes])
    tilt = torch.tensor([told["tilt"] for told in made.attributes])
    away = five[:, 2] - five[:, :2].mean(1)
    aside = (away[:, 0] * tilt.cos() + away[:, 1] * tilt.sin()) / height
    assert torch.corrcoef(torch.stack([turned, aside]))[0, 1] > 0.9


def test_the_box_is_the_heads_outline(made):
    for told, mask in zip(made.attributes, made.masks["face"][:, 0], strict=True):
        rows, columns = (mask > 0.5).any(1).nonzero().flatten(), (mask > 0.5).any(0).nonzero().flatten()
        x0, y0, x1, y1 = (v * 128 for v in told["box"])
        assert x0 - 1 <= columns.min() and columns.max() + 1 <= x1 + 1 and rows.min() + 1 >= y0
        assert abs(rows.max() + 1 - y1) < 2.5, "the chin"
        assert all(x0 < x * 128 < x1 and y0 < y * 128 < y1 for x, y in told["points"])


def test_left_is_left_as_seen_and_everybody_has_points():
    out = render(sample_specs(42, 12, people=2, identities=range(230_000, 231_000)), size=64)
    for told in out.attributes:
        assert len(told["persons"]) == 2 and told["points"] == told["persons"][0]["points"]
        for somebody in told["persons"]:
            left, right, nose, low, high = somebody["points"]
            assert left[0] < right[0] and low[0] < high[0] and left[1] < nose[1] < low[1]
    assert "points" not in render(sample_specs(42, 1, people=0, scenes=["beach"]), size=64).attributes[0]


def test_a_disguise_changes_hair_glasses_and_beard_and_leaves_the_face():
    plain = Spec(identity=230_001, scene="studio", seed=5)
    for other in (230_010, 230_011, 230_012, 230_013):
        own, worn, theirs = render([plain, dataclasses.replace(plain, disguise=other), Spec(identity=other, seed=9)]).attributes
        for kept in ("woman", "points", "box", "yaw", "garment", "head"):
            assert own[kept] == worn[kept]
        for taken in ("cut", "hair_colour", "glasses", "beard"):
            assert worn[taken] == theirs[taken]
    out = render([plain, dataclasses.replace(plain, disguise=230_010)])
    x, y = (int(v * 128) for v in out.attributes[0]["points"][2])
    torch.testing.assert_close(out.images[0, :, y, x], out.images[1, :, y, x])
    assert (out.images[0] - out.images[1]).abs().max() > 0.1


def test_ones_own_looks_are_no_disguise():
    plain = [Spec(identity=230_001 + i, scene="garden", seed=i) for i in range(6)]
    own = [dataclasses.replace(spec, disguise=spec.identity) for spec in plain]
    assert torch.equal(render(plain).images, render(own).images)
    mixed = render([plain[0], dataclasses.replace(plain[1], disguise=230_050), plain[2]]).images
    assert torch.equal(mixed[[0, 2]], render([plain[0], plain[2]]).images), "a neighbour's disguise is nobody else's"


def test_a_disguise_that_is_nobody_is_refused():
    with pytest.raises(ValueError, match="disguise must be a number from 0 on, or -1 for none, got -2"):
        Spec(disguise=-2)
