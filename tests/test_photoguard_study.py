"""Notebook 02's experiment on the tiny model: what is compared with what."""

import dataclasses

import matplotlib.pyplot as plt
import pytest
import torch

from reproduce import images as pixels
from reproduce import report, rng
from reproduce.diffusion import chain
from reproduce.experiments import as_printed, pictures, transfer, variations
from reproduce.experiments import photoguard as lab
from reproduce.experiments.cells import AGAIN, Cell
from reproduce.measure import MEASURES, clip, compare, similarity
from reproduce.misuse import edit
from reproduce.papers import photoguard as paper
from reproduce.papers.measures import TABLE6, TABLE10

INDEX = ["subject", "protection", "misuse", "prompt", "seed", "rule"]
JUDGED = (
    "noise", "encoder", "diffusion", "encoder, strong", "diffusion, strong", "encoder, equal norm", "diffusion, equal norm",
)  # fmt: skip
FEW = ("encoder, released", "encoder, equal", "encoder, noise target", "diffusion, released", "diffusion, equal")


@pytest.fixture(scope="module")
def ran(studies, tmp_path_factory):
    found = lab.Edits(studies(tmp_path_factory.mktemp("photoguard")))
    found.protected, found.rows = found.protect(), found.edits()
    found.sets = found.distances()
    return found


def picture(ran, key, subject=0):
    return ran.grid.shown(Cell(key), subject)


def one(ran, key, subject=0, number=0, seed=0):
    cell = Cell(again=True) if key == AGAIN else Cell(key)
    return ran.edited.shown(cell, subject, number, seed)[None]


def by_hand(ran, key, number, seed=0):
    """Both people's edits by the pipeline, as their job makes them: kernels round by their batch."""
    wanted = [prompts[number] for prompts in ran.people.prompts]
    chance = [rng.generator(0, "edit", seed, *named) for named in zip(wanted, ran.people.names, strict=True)]
    settings = dataclasses.replace(paper.PHOTOGUARD_EDIT["paper"], steps=4)
    sent = torch.cat([picture(ran, key, i) for i in range(2)])
    return edit.inpaint(sent, 1 - ran.people.masks, wanted, ran.study.profile.model, settings=settings, generator=chance)


def asked(ran, subject=0, number=0):
    """The rows of one person and prompt, by rule and protection."""
    wanted = dict(subject=ran.people.names[subject], prompt=ran.people.prompts[subject][number])
    return {(row["rule"], row["protection"]): row for row in ran.rows if wanted.items() <= row.items()}


def test_protections_stay_on_the_person_and_in_their_budgets(ran):
    names = ran.people.names
    assert [(row["protection"], row["subject"]) for row in ran.protected] == [
        *((key, name) for key in JUDGED for name in names), *((key, names[0]) for key in FEW),
    ]  # fmt: skip
    for row in ran.protected:
        assert list(row) == ["subject", "protection", "levels", "rms", "used", "grey_distance", "painted_grey_distance"]
        i, settings = names.index(row["subject"]), ran.grid.protections[row["protection"]].record
        moved = (picture(ran, row["protection"], i) - ran.people.images[i : i + 1]).mul(255).round()
        assert (moved * (1 - ran.people.masks[i])).abs().max() == 0 and moved.abs().max() > 0
        assert row["levels"] == moved.abs().max() and row["used"] <= settings.eps * (1 + 1e-6)
        used = moved.square().mean().sqrt() if getattr(settings, "norm", "") == "l2" else moved.abs().max()
        assert row["used"] == pytest.approx(used.item(), rel=1e-5)
        rms = (moved.square().sum() / (3 * ran.people.masks[i].sum())).sqrt().item()
        assert row["rms"] == pytest.approx(rms, rel=1e-5) and (rms <= 8 or "equal norm" not in row["protection"])


def test_what_is_left_of_an_attacks_aims_is_a_share_of_the_clean_pictures(ran):
    model, kept = ran.study.profile.model, ran.people.masks[1:]
    reads, paints = {}, {}
    for key in ("clean", "diffusion"):
        shown = picture(ran, key, 1)
        chance = [rng.generator(0, "aims", ran.people.names[1], draw) for draw in range(4)]
        four, hidden = shown.repeat_interleave(4, 0), (1 - kept).repeat_interleave(4, 0)
        with torch.no_grad():
            grey = model.encode(torch.full_like(shown, 0.5)).mean
            reads[key] = (model.encode(shown * kept + 0.5 * (1 - kept)).mean - grey).norm().item()
            made = chain.inpaint(four, hidden, [""] * 4, model, steps=4, eta=1.0, generator=chance)
            paints[key] = (made - 0.5).flatten(1).norm(dim=1).mean().item()
    [row] = [row for row in ran.protected if (row["subject"], row["protection"]) == (ran.people.names[1], "diffusion")]
    assert row["grey_distance"] == pytest.approx(reads["diffusion"] / reads["clean"], rel=1e-4)
    assert row["painted_grey_distance"] == pytest.approx(paints["diffusion"] / paints["clean"], rel=1e-3)


def test_an_attack_lowers_its_own_aim(ran):
    rows = {row["protection"]: row for row in ran.protected if row["subject"] == ran.people.names[0]}
    assert rows["encoder"]["grey_distance"] < min(0.99, rows["noise"]["grey_distance"])


def test_rows_are_every_edit_by_rule_with_the_index_in_front(ran):
    fixed = {"clean", *JUDGED, lab.MATCHED, lab.ENCODED, "another seed", "same seed again"}
    for i in range(2):
        side = set(FEW) if i == 0 else set()
        for number in range(3):
            rows = asked(ran, i, number)
            assert {key for rule, key in rows if rule == "fixed"} == fixed | side
            for chosen in ("list", "best"):
                assert {key for rule, key in rows if rule == chosen} == {"clean", *JUDGED}
            assert {key for rule, key in rows if rule == "none"} == {"photograph"}
    assert len(ran.rows) == 3 * (2 * (12 + 8 + 8 + 1) + 5), "a list of two seeds: one besides the first"
    assert all(list(row)[:6] == INDEX for row in ran.rows if row["rule"] != "none")
    housekeeping = {"role", "purifier", "quality", "changed", "number"}
    assert not any(housekeeping & row.keys() for row in ran.rows)


def test_an_edit_is_the_pipelines_under_the_named_seed(ran):
    settings = ran.misuse.settings
    assert settings.steps == 4 and settings.eta == 1.0 and settings.source == paper.PHOTOGUARD_EDIT["paper"].source
    for key, number, seed in (("encoder", 2, 0), ("clean", 0, 1), (lab.MATCHED, 1, 0), (lab.ENCODED, 0, 0)):
        own = by_hand(ran, key, number, seed)
        for i in range(2):
            assert (one(ran, key, i, number, seed)[0] - own[i]).abs().max() <= 0.51 / 255, "stored in 8 bits"


def test_rows_compare_with_the_clean_edit_of_the_same_seed(ran):
    rows = asked(ran)
    clean = by_hand(ran, "clean", 0)[:1]
    best = rows["best", "clean"]["seed"]
    pairs = {
        ("fixed", "diffusion"): (by_hand(ran, "diffusion", 0)[:1], clean),
        ("fixed", lab.OTHER): (by_hand(ran, "clean", 0, seed=1)[:1], clean),
        ("list", "noise"): (by_hand(ran, "noise", 0, seed=1)[:1], by_hand(ran, "clean", 0, seed=1)[:1]),
        ("best", "encoder"): (by_hand(ran, "encoder", 0, seed=best)[:1], by_hand(ran, "clean", 0, seed=best)[:1]),
    }
    kept = ran.people.masks[:1]
    for key, pair in pairs.items():
        assert rows[key]["ssim"] == pytest.approx(compare(*pair, ("ssim",))["ssim"].item(), abs=1e-6)
        assert rows[key]["ssim_person"] == pytest.approx(similarity.ssim_over(*pair, kept).item(), abs=1e-6)
    assert rows["fixed", "clean"]["ssim"] == 1 and rows["fixed", AGAIN]["ssim"] > 0.999
    assert rows["fixed", lab.OTHER]["seed"] == 1 and rows["fixed", "encoder"]["seed"] == 0
    square = (one(ran, "encoder") - one(ran, "clean")).square() * (1 - kept)
    error = square.sum() / (3 * (1 - kept).sum())
    assert rows["fixed", "encoder"]["psnr_edited"] == pytest.approx(-10 * torch.log10(error + 1e-8).item(), abs=1e-3)
    assert rows["fixed", "encoder"]["psnr_pasted"] == pytest.approx(-10 * torch.log10(square.mean() + 1e-8).item(), abs=1e-3)


def test_table_10_is_asked_of_the_arms_that_are_judged_under_every_seed(ran):
    brief = {"ssim", "psnr", "ssim-sewar", "ssim_person"}
    for row in ran.rows:
        wanted = set() if row["rule"] == "none" else brief | {*TABLE6, *TABLE10} if row["protection"] in JUDGED else brief
        faces = {"face", "same_face", "face_rank"}
        assert {*MEASURES} & row.keys() - {"fit", "ssim_edited", "psnr_edited", *faces} == wanted
        assert faces & row.keys() == (set() if row["rule"] == "none" else faces)


def test_the_best_seed_is_the_one_whose_clean_edit_fits_best(ran):
    judge = clip.clip("bundled")
    for i in range(2):
        for number in range(3):
            rows = asked(ran, i, number)
            assert rows["best", "clean"]["fit"] == max(rows[rule, "clean"]["fit"] for rule in ("fixed", "list"))  # of two seeds
            assert rows["list", "noise"]["seed"] == 1
            prompt = [ran.people.prompts[i][number]]
            own = judge.similarity(ran.people.images[i : i + 1], prompt).item()
            assert rows["none", "photograph"]["fit"] == pytest.approx(own, abs=1e-6)
            own = judge.similarity(one(ran, "encoder", i, number), prompt).item()
            assert rows["fixed", "encoder"]["fit"] == pytest.approx(own, abs=1e-6)


def test_controls(ran):
    clean = ran.people.images[:1]
    matched, encoder = picture(ran, lab.MATCHED), picture(ran, "encoder")
    assert (matched - clean).norm().item() == pytest.approx((encoder - clean).norm().item(), rel=0.01)
    assert not torch.equal(matched, encoder) and ((matched - clean) * (1 - ran.people.masks[0])).abs().max() == 0
    with torch.no_grad():
        model = ran.study.profile.model
        through = model.decode(model.encode(ran.people.images).mean).clamp(0, 1)
    assert torch.equal(picture(ran, lab.ENCODED), pixels.quantise(through)[:1])


def test_distances_are_of_the_sets_they_name(ran):
    by = {(row["rule"], row["protection"]): row for row in ran.sets}
    assert [*by] == [
        *(("fixed", key) for key in (*JUDGED, lab.MATCHED, lab.ENCODED, "another seed", "same seed again")),
        *(("best", key) for key in ("noise", "encoder", "diffusion")),
    ]  # fmt: skip
    assert by["fixed", AGAIN]["fid"] < 1e-3 < by["fixed", lab.OTHER]["fid"] and by["fixed", AGAIN]["precision"] == 1
    assert all(list(row) == ["rule", "protection", "fid", "precision", "recall", "edits", "features"] for row in ran.sets)
    assert all(row["edits"] == 6 and "bundled CLIP" in row["features"] for row in ran.sets)


def test_transfer_asks_every_attack_under_every_condition(ran):
    rows = transfer.transfer(ran)
    keys = [(row["subject"], row["protection"], row["steps"], row["prompted"]) for row in rows]
    name = ran.people.names[0]
    assert keys == [(name, key, 4, prompted) for prompted in (False, True) for key in (*lab.TARGETS, lab.PROMPTED)]
    masks, wanted = 1 - ran.people.masks[:1], ran.people.prompts[0][0]
    for prompt, prompted in (("", False), (wanted, True)):
        made = [
            edit.inpaint(
                picture(ran, key), masks, [prompt], ran.study.profile.model, settings=ran.misuse.settings,
                generator=[rng.generator(0, "transfer", name)],
            )
            for key in ("clean", "noise")
        ]  # fmt: skip
        [found] = [row["ssim"] for row in rows if (row["protection"], row["prompted"]) == ("noise", prompted)]
        assert found == pytest.approx(compare(*made, ("ssim",))["ssim"].item(), abs=1e-6)


def test_variations_are_of_whole_pictures(ran):
    found = variations.Variations(ran)
    assert [(row["subject"], row["protection"], row["misuse"]) for row in found.rows] == [
        (ran.people.names[0], key, "variation") for key in ("clean", "noise", "encoder", lab.OTHER)
    ]
    assert found.rows[0]["ssim"] == 1 > found.rows[3]["ssim"]
    settings, name = dataclasses.replace(paper.PHOTOGUARD_EDIT["released variation"], steps=8), ran.people.names[0]
    sent = found.shown(0)[1][None]
    assert ((sent - ran.people.images[:1]) * (1 - ran.people.masks[0])).abs().max() > 0, "no mask"
    wanted, chance = [ran.people.prompts[0][0]], [rng.generator(0, "variation", 0, name)]
    own = edit.vary(sent, wanted, ran.study.profile.model, settings=settings, generator=chance)
    assert (found.shown(0)[4] - own[0]).abs().max() <= 0.51 / 255
    grid = pictures.variations(found)
    assert [len(row) for row in grid["images"]] == [4, 4, 4] and len(grid["column_labels"]) == 4
    assert torch.equal(grid_tensor(grid, 0, 2), found.shown(0)[4]) and torch.equal(grid_tensor(grid, 2, 0), ran.people.images[0])
    assert [float(words.split()[1]) for words in grid["below"][0]] == pytest.approx([row["ssim"] for row in found.rows], abs=5.1e-4)


def test_the_algorithm_as_printed_moves_by_its_whole_perturbation_every_step(ran):
    specimen = as_printed.printed(ran)
    largest = {row["step"]: row["largest"] for row in specimen.rows if row["form"] == "as printed"}
    assert [round(largest[step]) for step in (1, 2, 3, 4)] == [2, 6, 12, 20]
    meant = [row for row in specimen.rows if row["form"] != "as printed"]
    assert [row["step"] for row in meant] == [1, 2, 3, 4] and all(row["largest"] <= 8.001 and row["outside"] == 0 for row in meant)
    letter, change = (grid_tensor(pictures.printed(ran, specimen), row, 1) for row in (0, 1))
    assert torch.allclose(change, (0.5 + 4 * (letter - ran.people.images[0])).clamp(0, 1), atol=1e-6)


def test_pictures(ran):
    grid = pictures.edits(ran)
    assert [len(row) for row in grid["images"]] == [5, 5, 5, 0, 5, 5, 5] and len(grid["column_labels"]) == 5
    assert torch.equal(grid_tensor(grid, 4, 1), one(ran, "encoder", 1, 1)[0])
    assert torch.equal(grid_tensor(grid, 4, 3), one(ran, "diffusion, strong", 1, 1)[0])
    assert torch.equal(grid_tensor(grid, 0, 4), one(ran, "clean", 0, 0, seed=1)[0])
    similar = asked(ran)["fixed", "encoder"]["ssim"]
    assert grid["below"][0][1] == f"SSIM {similar:.3f}" and report.picture_grid(**grid).axes
    shown = pictures.protected(ran)
    levels = {(row["protection"], row["subject"]): round(row["levels"]) for row in ran.protected}
    assert torch.equal(grid_tensor(shown, 4, 2), picture(ran, "encoder", 1)[0])
    assert shown["below"][4][2].startswith(f"{levels['encoder', ran.people.names[1]]} levels, SSIM 0.")
    assert "At 64 px a change of 16 levels can be seen." in shown["note"] and shown["note"].endswith("Shown: the first 2 of 2.")
    plt.close("all")


def grid_tensor(grid, row, column):
    return torch.from_numpy(grid["images"][row][column])


def test_settings_say_how_this_scale_differs(ran):
    told = ran.settings
    assert told["protections"]["encoder"]["differs"].endswith("6 steps instead of 200")
    assert told["protections"]["diffusion, released"]["differs"].endswith("3 steps instead of 200; 1 draw instead of 10")
    assert told["clip"] == dict(name="bundled CLIP", fingerprint=ran.clip[1]) and told["counts"]["seeds"] == 2
    assert told["edits"]["inpainting"]["steps"] == 4
