"""Sheets of pictures keep their pixels and their words; words fit where they stand."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from reproduce import report
from reproduce.report import lettering


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def rendered(figure):
    figure.set_dpi(150)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]


def test_pictures_in_a_grid_keep_their_pixels():
    chance = np.random.default_rng(0)
    one = chance.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    two = chance.random((3, 64, 64)).astype(np.float32)
    figure = report.picture_grid(
        [[one, two], [None, one]], ["clean", "protected"], ["quality 5", "none"], "A title"
    )
    sheet = rendered(figure).astype(int)
    big = one.repeat(2, 0).repeat(2, 1).astype(int)
    found = [
        (y, x)
        for y in range(0, sheet.shape[0] - 128)
        for x in range(0, sheet.shape[1] - 128)
        if (abs(sheet[y, x] - big[0, 0]) <= 1).all() and abs(sheet[y : y + 128, x : x + 128] - big).max() <= 1
    ]
    assert len(found) == 2, "each picture stands there, pixel for pixel"
    (y0, x0), (y1, x1) = found
    assert y1 - y0 == x1 - x0 == 132
    box = [text.get_window_extent() for ax in figure.axes for text in ax.texts] + [
        t.get_window_extent() for t in figure.texts
    ]
    assert len(box) == 5 and all(b.x0 >= 0 and b.y0 >= 0 for b in box)
    assert all(b.x1 <= sheet.shape[1] and b.y1 <= sheet.shape[0] for b in box)
    assert not any(a.overlaps(b) for i, a in enumerate(box) for b in box[:i])


def test_pictures_that_do_not_fit_are_refused():
    one = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="one size"):
        report.picture_grid([[one, np.zeros((9, 8, 3), np.uint8)]])
    with pytest.raises(ValueError, match="expected a picture"):
        report.picture_grid([[np.zeros((8, 8))]])
    with pytest.raises(ValueError, match="got none"):
        report.picture_grid([[None]])


def test_pixels_round_and_take_tensors():
    import torch

    values = torch.tensor([0.0, 0.499 / 255, 0.501 / 255, 1.0]).expand(3, 1, 4)
    np.testing.assert_array_equal(report.pixels(values)[0, :, 0], [0, 0, 1, 255])
    np.testing.assert_array_equal(report.pixels(values[None]), report.pixels(values))


def words(figure):
    """What stands on a sheet, with its place in pixels."""
    found = [text for ax in figure.axes for text in ax.texts] + list(figure.texts)
    return [(text.get_text(), text.get_window_extent()) for text in found if text.get_text()]


def test_words_stand_over_and_under_their_picture_and_meet_nothing():
    dark = np.zeros((64, 64, 3), np.uint8)
    above = [["eiffel", "stained glass (held out)"], ["x", None]]
    below = [[None, "SSIM 0.9"], ["SSIM 0.8", "SSIM 0.7"]]
    figure = report.picture_grid([[dark, dark], [dark, dark]], title="A title", above=above, below=below, note="a note")
    sheet, found = rendered(figure), words(figure)
    assert len(found) == 8 and not any(a.overlaps(b) for i, (_, a) in enumerate(found) for _, b in found[:i])
    ink = (sheet < 8).all(-1)
    columns, rows = np.flatnonzero(ink.sum(0) >= 250), np.flatnonzero(ink.sum(1) >= 250)  # of two pictures of 128 pixels each way
    assert len(columns) == len(rows) == 256
    at = {text: box for text, box in found}
    tall = sheet.shape[0]
    for text, column, row, over in (("eiffel", 0, 0, True), ("SSIM 0.9", 1, 0, False), ("x", 0, 1, True), ("SSIM 0.7", 1, 1, False)):
        box, top = at[text], rows[128 * row]
        assert abs((box.x0 + box.x1) / 2 - columns[128 * column : 128 * column + 128].mean()) < 3
        edge = tall - box.y0 if over else tall - box.y1  # from the top of the page
        assert 0 <= (top - edge if over else edge - (top + 128)) <= 8, text
    assert "stained\nglass (held\nout)" in at


def test_an_empty_row_is_a_wider_gap():
    dark = np.zeros((64, 64, 3), np.uint8)
    near, apart = ((rendered(report.picture_grid(rows)) < 8).all(-1) for rows in ([[dark], [dark]], [[dark], [], [dark]]))
    gaps = [np.diff(np.flatnonzero(ink.sum(1) >= 64)).max() - 1 for ink in (near, apart)]
    assert gaps == [4, 16]


@pytest.mark.parametrize("columns", [1, 3, 5])
def test_no_title_is_cut(columns):
    dark = np.zeros((32, 32, 3), np.uint8)
    title = "“a photo of a person in a city at night”, inpainting, PhotoGuard, encoder attack, through JPEG"
    figure = report.picture_grid([[dark] * columns], ["a label"], ["JPEG quality 75"] * columns, title, note=f"{title}. {title}")
    wide, tall = figure.get_size_inches() * figure.dpi
    for text, box in words(figure):
        assert box.x0 >= 0 and box.x1 <= wide and box.y0 >= 0 and box.y1 <= tall, text
    assert title in [text.replace("\n", " ") for text, _ in words(figure)]


def test_lines_are_as_wide_as_they_are_drawn():
    figure, line = plt.figure(), "AdverseCleaner, 26 levels"
    drawn = figure.text(0, 0, line, fontsize=11, weight="bold").get_window_extent().width / figure.dpi
    assert lettering.width(line, 11, "bold") == pytest.approx(drawn, rel=0.03)
    lines = lettering.wrapped(f"{line} and\nmore", 1.6, 11).split("\n")
    assert " ".join(lines) == f"{line} and more" and lines[-1] == "more" and all(lettering.width(one, 11) <= 1.6 for one in lines)
    assert lettering.wrapped("AdverseCleaner", 0.1, 11) == "AdverseCleaner" and lettering.width(" ", 11) == 0


def test_labels_beside_points_meet_neither_each_other_nor_a_point():
    """A dozen points, most of them on one spot."""
    _, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    points = [(0.5 + 0.002 * i, 0.5) for i in range(10)] + [(0.0, 0.0), (1.0, 1.0)]
    ax.plot(*zip(*points, strict=True), "o", markersize=4)
    labels = [f"purifier, number {i}" for i in range(len(points))]
    made = lettering.beside(ax, points, labels, ["black"] * len(points))
    ax.figure.draw_without_rendering()
    assert [one.get_text() for one in made] == labels and [one.xy for one in made] == points
    frame, spots = ax.get_window_extent(), ax.transData.transform(points)
    for i, box in enumerate(bare(one) for one in made):
        assert not any(box.overlaps(bare(other)) for other in made[:i])
        assert not any(box.contains(*spot) for spot in spots)
        assert frame.x0 <= box.x0 + 2 and box.x1 <= frame.x1 + 2 and frame.y0 <= box.y0 + 2 and box.y1 <= frame.y1 + 2


def bare(annotation):
    """Where the words of an annotation stand, without its line."""
    return plt.Text.get_window_extent(annotation)
