"""The border: what comes in from files and tensors, what goes out, and what is said when it cannot."""

import io
import os

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from reproduce import images

RAMP = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3  # height 4, width 6: no symmetry


def as_levels(tensor):
    return images.levels(tensor)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (np.zeros((1, 3, 4, 4)), "got ndarray"),
        (torch.zeros(3, 4, 4), "batch dimension"),
        (torch.zeros(2, 4, 4, 3), "permute"),
        (torch.zeros(2, 1, 4, 4), "expand"),
        (torch.zeros(0, 3, 4, 4), "none of it 0"),
        (torch.zeros(1, 3, 0, 4), "none of it 0"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), "from_levels"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.float16), "float"),
        (torch.stack([torch.zeros(3, 4, 4), torch.full((3, 4, 4), -0.5)]), r"photos\[1\].*-0.5"),
        (torch.full((1, 3, 4, 4), 1.001), r"photos\[0\].*1.001"),
        (torch.full((1, 3, 4, 4), float("nan")), "NaN"),
        (torch.full((1, 3, 4, 4), float("inf")), "inf"),
    ],
)
def test_check_refuses_in_one_line(broken, said):
    with pytest.raises(ValueError, match=said) as error:
        images.check(broken, "photos")
    assert "\n" not in str(error.value) and str(error.value).startswith("photos")


def test_check_and_check_mask_return_what_is_fine():
    photos = torch.rand(2, 3, 4, 5)
    mask = torch.ones(2, 1, 4, 5)
    assert images.check(photos) is photos and images.check_mask(mask, photos) is mask
    wrong = [mask[:1], mask[:, 0], mask.expand(-1, 3, -1, -1), mask[..., :4]]
    for bad in (*wrong, mask.bool(), mask * 2, mask * float("nan"), None):
        with pytest.raises(ValueError, match="mask.*expected") as error:
            images.check_mask(bad, photos)
        assert "\n" not in str(error.value)


@given(st.floats(0, 1, width=32))
def test_rounding_is_to_the_nearest_level(value):
    pixel = torch.full((1, 3, 1, 1), value)
    stored = images.levels(pixel)
    assert stored.dtype == torch.uint8
    assert abs(int(stored[0, 0, 0, 0]) - value * 255) <= 0.5 + 1e-4  # truncation would be off by up to 1
    assert torch.equal(images.quantise(pixel), images.from_levels(stored))


def test_all_levels_survive_the_round_trip():
    stored = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert torch.equal(images.levels(images.from_levels(stored)), stored)
    with pytest.raises(ValueError, match="uint8"):
        images.from_levels(stored.float())


def test_png_round_trip_is_exact_and_rounded(tmp_path):
    photo = torch.rand(1, 3, 7, 5)
    images.save(photo[0], tmp_path / "new" / "folder" / "a.png")
    images.save(photo, tmp_path / "b.png")
    assert torch.equal(images.load(tmp_path / "new" / "folder" / "a.png"), images.quantise(photo))
    oracle = np.asarray(Image.open(tmp_path / "b.png"))
    assert np.array_equal(oracle, np.rint(photo[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8))


def test_save_leaves_the_old_file_and_no_half_file_when_it_fails(tmp_path, monkeypatch):
    target = tmp_path / "a.png"
    images.save(torch.zeros(3, 4, 4), target)
    before = target.read_bytes()

    def full(self, file, format):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError):
        images.save(torch.ones(3, 4, 4), target)
    assert target.read_bytes() == before and os.listdir(tmp_path) == ["a.png"]
    monkeypatch.undo()
    monkeypatch.setattr(os, "replace", lambda source, to: full(None, io.BytesIO(), None))
    with pytest.raises(OSError):
        images.save(torch.ones(3, 4, 4), target)
    assert target.read_bytes() == before and os.listdir(tmp_path) == ["a.png"]


def test_save_refuses_what_would_change_pixels_or_is_not_one_image(tmp_path):
    for path in ("a.jpg", "a"):
        with pytest.raises(ValueError, match=".png"):
            images.save(torch.zeros(3, 4, 4), tmp_path / path)
    with pytest.raises(ValueError, match="one image, got 2"):
        images.save(torch.zeros(2, 3, 4, 4), tmp_path / "a.png")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RAMP).save(tmp_path / "a.png", exif=exif)
    upright = {
        1: RAMP, 2: RAMP[:, ::-1], 3: RAMP[::-1, ::-1], 4: RAMP[::-1], 5: RAMP.transpose(1, 0, 2),
        6: np.rot90(RAMP, -1), 7: RAMP[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(RAMP, 1),
    }[orientation]
    assert np.array_equal(as_levels(images.load(tmp_path / "a.png")), upright)


def test_transparency_is_laid_over_white(tmp_path):
    alpha = np.array([[0, 51, 255, 102]], dtype=np.uint8)
    rgba = np.dstack([np.full((1, 4, 3), 100, dtype=np.uint8), alpha])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    over = as_levels(images.load(tmp_path / "a.png"))[0, :, 0].astype(float)
    assert np.abs(over - (255 - (255 - 100) * (alpha[0] / 255))).max() <= 1
    Image.fromarray(rgba).convert("LA").save(tmp_path / "la.png")
    assert as_levels(images.load(tmp_path / "la.png"))[0, 0].tolist() == [255, 255, 255]
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putdata([0, 1])
    palette.save(tmp_path / "p.png", transparency=0)
    assert as_levels(images.load(tmp_path / "p.png")).tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_grey_8_and_16_bit(tmp_path):
    Image.fromarray(RAMP[..., 0]).save(tmp_path / "grey.png")
    assert np.array_equal(as_levels(images.load(tmp_path / "grey.png")), np.repeat(RAMP[..., :1], 3, 2))
    wide = np.array([[0, 128, 129, 257, 32896, 65535, 65406, 65407]], dtype=np.uint16)
    for name in ("wide.png", "wide.tif"):
        Image.fromarray(wide).save(tmp_path / name)
        got = as_levels(images.load(tmp_path / name))[0, :, 0]
        assert got.tolist() == [0, 0, 1, 1, 128, 255, 254, 255]  # rounded: 128/257 < 1/2 < 129/257


def test_other_modes_and_formats(tmp_path):
    Image.fromarray(RAMP).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    assert images.load(tmp_path / "cmyk.jpg").shape == (1, 3, 4, 6)
    Image.fromarray(RAMP[..., 0] > 20).save(tmp_path / "one.png")
    assert set(np.unique(as_levels(images.load(tmp_path / "one.png")))) == {0, 255}
    for name in ("a.bmp", "a.tif", "a.ppm"):
        Image.fromarray(RAMP).save(tmp_path / name)
        assert np.array_equal(as_levels(images.load(tmp_path / name)), RAMP)
    photo = Image.fromarray(RAMP)
    photo.save(tmp_path / "camera.mpo", save_all=True, append_images=[photo])
    assert images.load(tmp_path / "camera.mpo").shape == (1, 3, 4, 6)
    Image.fromarray(RAMP[:1, :1]).save(tmp_path / "tiny.png")
    assert images.load(tmp_path / "tiny.png").shape == (1, 3, 1, 1)
    assert images.load(tmp_path / "tiny.png", size=8).shape == (1, 3, 8, 8)
    Image.fromarray(RAMP[..., 0].astype(np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ValueError, match="floating-point"):
        images.load(tmp_path / "float.tif")


def test_size_crops_the_middle_square_and_resizes_by_lanczos(tmp_path):
    wide = np.zeros((20, 60, 3), dtype=np.uint8)
    wide[:, 20:40] = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(wide).save(tmp_path / "a.png")
    assert np.array_equal(as_levels(images.load(tmp_path / "a.png", size=20)), wide[:, 20:40])
    oracle = Image.fromarray(wide[:, 20:40]).resize((11, 11), Image.Resampling.LANCZOS)
    assert np.array_equal(as_levels(images.load(tmp_path / "a.png", size=11)), np.asarray(oracle))
    for bad in (0, -1, 2.5, True, "8"):
        with pytest.raises(ValueError, match="size"):
            images.load(tmp_path / "a.png", size=bad)


def bad_files(folder):
    picture = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(picture, format="PNG")
    jpeg = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(jpeg, format="JPEG")
    files = {
        "empty.png": (b"", "empty"),
        "text.jpg": (b"this is a text\nwith two lines\n", "not an image"),
        "truncated.png": (picture.getvalue()[:900], "cannot be decoded"),
        "truncated.jpg": (jpeg.getvalue()[:900], "cannot be decoded"),
        "header.png": (picture.getvalue()[:10], "not an image"),
        "vector.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not an image"),
    }
    flipped = bytearray(picture.getvalue())
    flipped[200] ^= 255
    files["flipped.png"] = (bytes(flipped), "cannot be decoded")
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    (folder / "folder.png").mkdir()
    said = {name: words for name, (_, words) in files.items()}
    return {**said, "folder.png": "folder", "missing.png": "no such file"}


def test_bad_files_give_one_line_that_names_the_file_and_the_remedy(tmp_path):
    for name, words in bad_files(tmp_path).items():
        with pytest.raises(ValueError, match=words) as error:
            images.load(tmp_path / name)
        message = str(error.value)
        assert message.startswith(str(tmp_path / name)) and "\n" not in message and ";" in message


def test_sizes_are_checked_before_decoding(tmp_path, monkeypatch):
    Image.new("L", (9000, 8000)).save(tmp_path / "large.png")  # 72 megapixels in some kilobytes

    def decoded(self):
        raise AssertionError("decoded")

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "load", decoded)
        with pytest.raises(ValueError, match="9000 x 8000 pixels, at most 64 megapixels"):
            images.load(tmp_path / "large.png")
    monkeypatch.setattr(images, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="MiB"):
        images.load(tmp_path / "large.png")


def test_load_folder(tmp_path):
    for i, name in enumerate(("b.png", "a.PNG", "c.jpg", ".hidden.png")):
        Image.new("RGB", (10 + i, 9), (50 * i,) * 3).save(tmp_path / name, quality=100)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "d.png").mkdir()
    got = images.load_folder(tmp_path, 8)
    assert got.shape == (3, 3, 8, 8)
    assert images.levels(got)[:, 0, 0, 0].tolist() == [50, 0, 100]
    assert torch.equal(images.load_folder(tmp_path, 8, limit=1), got[:1])
    with pytest.raises(ValueError, match="limit"):
        images.load_folder(tmp_path, 8, limit=0)
    with pytest.raises(ValueError, match="no images"):
        images.load_folder(tmp_path / "d.png", 8)
    with pytest.raises(ValueError, match="folder of images"):
        images.load_folder(tmp_path / "a.PNG", 8)


@settings(max_examples=30)
@given(st.integers(1, 7), st.integers(1, 4), st.integers(0, 3))
def test_grid_places_every_image(count, columns, pad):
    tiles = torch.rand(count, 3, 4, 5) * 0.5
    sheet = images.grid(tiles, columns, pad)
    rows = -(-count // columns)
    assert sheet.shape == (3, rows * (4 + pad) + pad, columns * (5 + pad) + pad)
    white = torch.ones_like(sheet, dtype=torch.bool)
    for i in range(count):
        y, x = pad + (i // columns) * (4 + pad), pad + (i % columns) * (5 + pad)
        assert torch.equal(sheet[:, y : y + 4, x : x + 5], tiles[i])
        white[:, y : y + 4, x : x + 5] = False
    assert (sheet[white] == 1).all()
    with pytest.raises(ValueError, match="columns"):
        images.grid(tiles, 0)
