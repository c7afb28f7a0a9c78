"""Every method keeps its budget on the stored file, at any size; and bad requests are refused in one line."""

import itertools

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toymodel import Toy

from reproduce import images as pixels
from reproduce import passes, rng
from reproduce.protect import PROTECTIONS, apply, record


def photos(count, height, width, seed=0):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def moved(a, b):
    return (pixels.levels(a).int() - pixels.levels(b).int()).abs()


EVERY = [(name, which) for name, method in PROTECTIONS.items() for which in method.settings]


@pytest.mark.parametrize(("method", "which"), EVERY)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    kind=st.sampled_from(["random", "black", "white", "two levels"]),
    eps=st.one_of(st.none(), st.integers(1, 255), st.floats(1, 40)),
    steps=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_budget_holds_on_the_file_as_stored(tmp_path, method, which, height, width, kind, eps, steps, seed):
    image = photos(1, height, width, seed)
    image = {"random": image, "black": image * 0, "white": image * 0 + 1, "two levels": image.round()}[kind]
    got = apply(image, Toy(), method, settings=which, eps=eps, steps=steps, seed=seed)
    pixels.save(got, tmp_path / "protected.png")
    stored = pixels.load(tmp_path / "protected.png")
    budget = PROTECTIONS[method].settings[which].eps if eps is None else eps
    change = (stored - pixels.quantise(image)).mul(255).round()
    used = change.square().mean().sqrt() if getattr(PROTECTIONS[method].settings[which], "norm", "") == "l2" else change.abs().max()
    assert stored.shape == image.shape and used <= budget * (1 + 1e-6)


@pytest.mark.parametrize("method", PROTECTIONS)
def test_every_method_does_something_and_is_reproducible(method):
    x = photos(3, 24, 17)
    one = apply(x, Toy(), method, settings="equal", steps=4, seed=3)
    assert (moved(one, x) > 0).float().mean() > 0.5 and moved(one, x).max() == 8
    assert torch.equal(one, apply(x, Toy(), method, settings="equal", steps=4, seed=3))
    assert not torch.equal(one, apply(x, Toy(), method, settings="equal", steps=4, seed=4))
    twins = apply(x[:1].expand(2, -1, -1, -1), Toy(), method, settings="equal", steps=1)
    assert not torch.equal(twins[0], twins[1])  # each image has its own stream


@pytest.mark.parametrize("method", PROTECTIONS)
def test_small_images_are_extended_by_reflection(method):
    model = Toy()
    x = photos(2, 21, 11)
    apply(x, model, method, steps=2)
    assert set(model.shapes) <= {(1, 3, 24, 16), (2, 3, 24, 16)}
    index = passes.reflected(range(5, 26), 8)
    assert index.tolist() == [*range(5, 26), 24, 23, 22]
    assert passes.reflected(range(3, 4), 8).tolist() == [3] * 8
    assert passes.reflected(range(0, 2), 8).tolist() == [0, 1] * 4


def test_large_images_go_in_tiles_that_cover_every_pixel_once(monkeypatch):
    monkeypatch.setattr(passes, "PIXELS", 40 * 40)
    monkeypatch.setattr(passes, "TILE", 40)
    x, model = photos(2, 61, 90) * 0.5 + 0.25, Toy()
    got = apply(x, model, "photoguard-encoder", settings="equal", steps=6)
    assert all(n * h * w <= 1600 for n, _, h, w in model.shapes)
    touched = (moved(got, x) > 0).float()
    for rows, columns in passes.tiles(61, 90, 8):
        assert touched[:, :, rows.start : rows.stop, columns.start : columns.stop].mean() > 0.5
    seen = torch.zeros(61, 90)
    for rows, columns in passes.tiles(61, 90, 8):
        seen[rows.start : rows.stop, columns.start : columns.stop] += 1
    assert (seen == 1).all()


def test_every_tile_of_every_image_has_a_stream_of_its_own(monkeypatch):
    monkeypatch.setattr(passes, "PIXELS", 16 * 16)
    monkeypatch.setattr(passes, "TILE", 16)
    x = torch.full((2, 3, 32, 32), 0.5)
    change = (pixels.levels(apply(x, Toy(), "noise", seed=7)).int() - pixels.levels(x).int()).float()
    parts = [change[:, :, y : y + 16, z : z + 16] for y in (0, 16) for z in (0, 16)]
    for tile, part in enumerate(parts):
        for i in range(2):
            drawn = torch.rand((3, 16, 16), generator=rng.generator(7, "noise", i, tile)) * 2 - 1
            torch.testing.assert_close(part[i], (drawn * 16).clamp(-16, 16), atol=1.01, rtol=0)
    for a, b in itertools.combinations([part[i] for part in parts for i in range(2)], 2):
        assert torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1].abs() < 0.2


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_tiles_are_bounded_and_a_partition(height, width):
    tiles = passes.tiles(height, width, 8)
    assert sum(len(rows) * len(columns) for rows, columns in tiles) == height * width
    if height * width > passes.PIXELS:
        assert all(len(rows) <= 512 and len(columns) <= 512 for rows, columns in tiles)
        assert all(rows.start % 8 == columns.start % 8 == 0 for rows, columns in tiles)  # on the latent grid
        for (rows, columns), (others, more) in itertools.combinations(tiles, 2):
            assert set(rows).isdisjoint(others) or set(columns).isdisjoint(more)


def test_an_image_does_not_depend_on_how_many_go_in_one_pass(monkeypatch):
    x = photos(3, 16, 16)
    whole = apply(x, Toy(), "noise", settings="equal")
    monkeypatch.setattr(passes, "PIXELS", 16 * 16)
    assert torch.equal(whole, apply(x, Toy(), "noise", settings="equal"))


@pytest.mark.parametrize("method", PROTECTIONS)
def test_mask_confines_every_method(method):
    x = photos(2, 20, 20)
    mask = torch.zeros(2, 1, 20, 20)
    mask[0, :, 4:15, 4:15] = 1
    got = apply(x, Toy(), method, settings="equal", steps=3, mask=mask)
    changed = moved(got, x) > 0
    assert not changed[mask.expand(-1, 3, -1, -1) == 0].any() and changed[0, :, 4:15, 4:15].any()
    assert torch.equal(got[1], pixels.quantise(x)[1])


def test_noise_needs_no_model():
    assert apply(photos(1, 9, 9), None, "noise").shape == (1, 3, 9, 9)


def test_eps_scales_the_step_and_both_overrides_are_noted():
    plain = record("photoguard-encoder", "released")
    changed = record("photoguard-encoder", "released", eps=15.3, steps=10)
    assert changed.eps == 15.3 and changed.step == pytest.approx(2 * plain.step) and changed.steps == 10
    assert plain.differs in changed.differs and "15.3 instead of 7.65" in changed.differs
    assert "10 steps instead of 1000" in changed.differs
    assert record("photoguard-encoder", "released") == plain and record("noise", steps=5) == record("noise")


def test_the_callback_follows_the_steps():
    seen = []
    apply(photos(1, 8, 8), Toy(), "photoguard-encoder", steps=4, callback=lambda i, x, d: seen.append(i))
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"method": "photogard"}, "photogard.*there is noise, photoguard-encoder"),
        ({"settings": "papper"}, "papper.*paper, released, equal"),
        *[({"eps": eps}, "eps.*grey levels") for eps in (0, -1, 256, float("nan"), True, "8", 0.06)],
        ({"steps": 0}, "steps"),
        ({"mask": torch.ones(1, 1, 4, 4)}, "mask"),
    ],
)
def test_bad_requests_are_refused_in_one_line(arguments, said):
    arguments = {"method": "photoguard-encoder", **arguments}
    with pytest.raises(ValueError, match=said) as error:
        apply(photos(1, 8, 8), Toy(), arguments.pop("method"), **arguments)
    assert "\n" not in str(error.value)


def test_a_method_that_breaks_its_budget_is_not_let_through(monkeypatch):
    class Broken:
        settings, takes = PROTECTIONS["noise"].settings, "image"

        @staticmethod
        def function(images, model, *, settings, generator, mask=None):
            return 1 - images

    monkeypatch.setitem(PROTECTIONS, "broken", Broken)
    with pytest.raises(RuntimeError, match="broken.*levels"):
        apply(photos(1, 8, 8), None, "broken")


def test_the_table_is_complete_and_importing_it_needs_no_torch():
    import subprocess
    import sys

    for method in PROTECTIONS.values():
        assert callable(method.function) and method.needs and method.about.endswith(".")
        assert {"paper", "released", "equal"} <= set(method.settings)
    code = "import sys; from reproduce import measure, protect; from reproduce.papers import photoguard; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_settings_may_be_a_record_of_the_methods_kind():
    image = photos(1, 16, 16)
    own = record("photoguard-encoder", "equal", eps=5, steps=3)
    by_record = apply(image, Toy(), "photoguard-encoder", settings=own, seed=1)
    assert torch.equal(by_record, apply(image, Toy(), "photoguard-encoder", settings="equal", eps=5, steps=3, seed=1))
    with pytest.raises(ValueError, match="settings: noise takes NoiseSettings, got EncoderSettings"):
        apply(image, Toy(), "noise", settings=own)


def test_a_goal_reaches_every_tile_and_picture(monkeypatch):
    monkeypatch.setattr(passes, "PIXELS", 16 * 16)
    monkeypatch.setattr(passes, "TILE", 16)
    images, goals = photos(2, 16, 40), photos(2, 16, 40, seed=5)
    both = apply(images, Toy(), "photoguard-encoder", eps=8, steps=3, goal=goals)
    for i in range(2):
        alone = apply(images[i : i + 1], Toy(), "photoguard-encoder", eps=8, steps=3, goal=goals[i : i + 1])
        assert torch.equal(both[i : i + 1], alone)
    assert not torch.equal(both, apply(images, Toy(), "photoguard-encoder", eps=8, steps=3, goal=goals[:1]))
    for goal, said in ((goals[:, :, :8], "goal: expected one picture"), (torch.zeros(3, 3, 16, 40), "goal: expected one picture")):
        with pytest.raises(ValueError, match=said):
            apply(images, Toy(), "photoguard-encoder", eps=8, steps=3, goal=goal)
    with pytest.raises(ValueError, match="noise moves a picture towards nothing; choose photoguard-encoder, photoguard-diffusion"):
        apply(images, Toy(), "noise", goal=goals)
