"""Panels: where the face is, how it is enlarged, how a difference is shown; the pictures of the world have their names."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from reproduce import report
from reproduce.experiments import panels, world_pictures
from reproduce.world import HELD_OUT_STYLES, SCENES, STYLES, Spec, render


def test_the_box_holds_the_head_of_rendered_people():
    """Of each person the head's middle, which the mask's upper third tells roughly, lies in the middle half of the box."""
    made = render([Spec(identity=100_000 + i, scene="snow", seed=i) for i in range(8)], size=64)
    for mask in (made.masks["person"] >= 0.5).float():
        top, left = panels.box(mask)
        rows, columns = np.nonzero(mask[0].numpy())
        head = rows < rows.min() + (rows.max() - rows.min()) / 3
        assert top + 4 <= rows[head].mean() <= top + 28 and left + 8 <= columns[head].mean() <= left + 24
        assert 0 <= top <= 32 and 0 <= left <= 32


@pytest.mark.parametrize(
    "rows, columns, corner", [((0, 8), (0, 4), (0, 0)), ((56, 64), (60, 64), (32, 32)), ((16, 48), (30, 34), (8, 16))]
)
def test_the_box_stays_in_the_picture(rows, columns, corner):
    mask = torch.zeros(1, 64, 64)
    mask[0, slice(*rows), slice(*columns)] = 1
    assert panels.box(mask) == pytest.approx(corner, abs=1)
    assert panels.box(torch.zeros(1, 64, 64)) == (16, 16)


def test_a_face_is_each_pixel_of_its_box_twice_each_way():
    picture = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    face = panels.near(picture, (2, 5)).numpy()
    for y, x in ((0, 0), (3, 8), (15, 15)):
        assert (face[:, y, x] == picture[:, 2 + y // 2, 5 + x // 2].numpy()).all()
    assert face.shape == (3, 16, 16)


def test_a_difference_is_amplified_around_grey_and_cut():
    picture = torch.full((3, 1, 3), 0.5)
    other = picture - torch.tensor([0.0, 0.05, 0.3])
    assert panels.difference(picture, other)[0, 0].tolist() == pytest.approx([0.5, 0.7, 1.0])
    assert panels.difference(other, picture, 6)[0, 0].tolist() == pytest.approx([0.5, 0.2, 0.0])


def test_similarity_is_that_of_scikit_image():
    chance = np.random.default_rng(0)
    one = chance.random((3, 48, 48)).astype(np.float32)
    other = (one + 0.2 * chance.random(one.shape)).clip(0, 1).astype(np.float32)
    how = dict(channel_axis=0, data_range=1, gaussian_weights=True, use_sample_covariance=False)
    _, whole = structural_similarity(one, other, full=True, **how)
    theirs = whole[:, 5:-5, 5:-5].mean()
    assert panels.ssim(torch.from_numpy(one), torch.from_numpy(other)) == f"SSIM {theirs:.3f}"


def test_a_sheet_ends_with_its_last_picture_and_hands_itself_to_the_grid():
    sheet, edits = panels.Sheet(), list(torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    sheet.edits("an edit", edits, edits[0], (0, 0), photograph=torch.zeros(3, 16, 16))
    sheet.gap()
    drawn = sheet.drawn(["clean", "protected"], "A title")
    assert drawn["row_labels"] == ["an edit", "its face ×2", "difference to the clean edit ×4"] and len(drawn["images"]) == 3
    assert drawn["below"][0][0] == "SSIM 1.000" and drawn["below"][2] == ["the photograph", None] and not drawn["images"][2][0].any()
    assert report.picture_grid(**drawn).axes


def test_every_scene_and_style_has_its_name_above_it():
    scenes, styles = world_pictures.scenes(), world_pictures.styles()
    assert [name for row in scenes["above"] for name in row] == list(SCENES)
    assert [len(row) for row in scenes["above"]] == [len(row) for row in scenes["images"]]
    names = [name for row in styles["above"] for name in row]
    assert names == ["photo", *STYLES, *(f"{style}\n(held out)" for style in HELD_OUT_STYLES)]
    assert report.picture_grid(**styles).axes
