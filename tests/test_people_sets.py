"""Sets A, B and C of one person each: drawn, from a folder a person, from the published layout of folders."""

from types import SimpleNamespace

import pytest
import torch

from reproduce import images as pixels
from reproduce.experiments import sets
from reproduce.world import Spec, render


def study(folder=None, seed=0, size=64):
    return SimpleNamespace(images=folder and str(folder), seed=seed, identity=SimpleNamespace(size=size))


def test_drawn_people_are_new_and_the_first_ones_stay_when_there_are_more():
    few, many = sets.rendered(3, 1, 64), sets.rendered(3, 3, 64)
    for role in sets.ROLES:
        assert torch.equal(few[role].images, many[role].images[: sets.EACH])
        assert [len(some) for some in many[role].sets()] == [4, 4, 4] and len(set(many[role].names)) == 12
    pictures = torch.cat([many[role].images for role in sets.ROLES]).flatten(1)
    assert len(torch.unique(pictures, dim=0)) == 36 and (torch.cat([one.masks for one in many.values()]).mean((1, 2, 3)) > 0.1).all()
    assert not torch.equal(sets.rendered(4, 1, 64)["B"].images, few["B"].images)


def test_no_set_shows_what_the_prompts_ask_for(monkeypatch):
    drawn = []

    def watched(specs, size):
        drawn.extend(specs)
        return render(specs, size=size)

    monkeypatch.setattr("reproduce.world.render", watched)
    sets.rendered(0, 4, 32)
    assert not {spec.scene for spec in drawn} & {"mirror", "eiffel"} and len(drawn) == 48
    whole = {}
    for spec in drawn:
        whole.setdefault(spec.identity, []).append(spec)
    assert len(whole) == 4 and min(whole) >= 100_000, "people whom no model was trained on"
    for specs in whole.values():
        assert len({spec.scene for spec in specs}) == 12 and sum(spec.framing == "photo" for spec in specs) == 3


def fill(folder, count, start=0):
    for i in range(count):
        shade = Spec(identity=100_000, seed=start + i)
        pixels.save(render(shade, size=64).images[0], folder / f"{i:02d}.png")


def test_folders_of_people_in_both_layouts(tmp_path):
    fill(tmp_path / "anna", 13)
    for k, role in enumerate(sets.ROLES):
        fill(tmp_path / "bert" / f"set_{role}", 4, 50 + 10 * k)
    (tmp_path / ".hidden").mkdir()
    found = sets.people(study(tmp_path), 5)
    assert found["B"].who == ["anna"] * 4 + ["bert"] * 4 and found["B"].names[4] == "bert, 1"
    for k, role in enumerate(sets.ROLES):
        seeds = [*range(4 * k, 4 * k + 4), 50 + 10 * k]
        own = render([Spec(identity=100_000, seed=one) for one in seeds], size=64).images
        assert torch.equal(found[role].images[:5], own)
    assert sets.people(study(tmp_path), 1)["A"].who == ["anna"] * 4


def test_what_a_folder_lacks_is_one_line(tmp_path):
    with pytest.raises(ValueError, match="expected a folder for each person, found none"):
        sets.people(study(tmp_path / "nowhere"), 2)
    fill(tmp_path, 2)
    with pytest.raises(ValueError, match="expected a folder for each person, found none"):
        sets.people(study(tmp_path), 2)
    fill(tmp_path / "anna", 11)
    with pytest.raises(ValueError, match="anna: expected 12 pictures of one person .* found 11; add some"):
        sets.people(study(tmp_path), 2)
    for role, count in zip(sets.ROLES, (4, 3, 4), strict=True):
        fill(tmp_path / "anna" / f"set_{role}", count)
    with pytest.raises(ValueError, match="set_B: expected 4 pictures"):
        sets.people(study(tmp_path), 2)
