"""Notebooks 03 and 04: what is purified, edited and compared on the tiny model."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch

from reproduce import degrade, passes, purify, rng
from reproduce import images as pixels
from reproduce.diffusion import judges
from reproduce.experiments import arms, pictures, purification, stages
from reproduce.experiments.cells import Cell
from reproduce.experiments.purification import Purification
from reproduce.measure import compare, similarity
from reproduce.measure.perceptual import perceptual
from reproduce.misuse import edit
from reproduce.papers import photoguard as paper

BY = ("none", "JPEG 50", "IMPRESS, noise only", "IMPRESS, released", "IMPRESS")
CELLS = [Cell(protection, purifier) for protection in ("clean", "encoder") for purifier in BY]
TURNED = Cell("encoder", "IMPRESS", (("alpha", 0.5), ("norm", "sum")))
ALL = {cell: (2, 2 if cell.purifier in ("none", "JPEG 50") else 1) for cell in CELLS} | {TURNED: (2, 1)}  # of how many people, seeds
INDEX = ["subject", "protection", "purifier", "changed"]
PURIFIED = ["picture_ssim", "picture_psnr", "perceptual", "from_protected", "latent_shift", "change"]
EDITED = ["ssim", "psnr", "vifp", "fsim", "ssim-sewar", "ssim_person"]
FACES = ["face", "same_face", "face_rank"]
LOG = {"consistency_before", "consistency_start", "consistency", "never_moved", "zero_moments"}


@pytest.fixture(scope="module")
def ran(studies, tmp_path_factory):
    found = Purification(studies(tmp_path_factory.mktemp("purification")), ALL)
    found.purified_rows, found.rows = found.purify(), found.edits()
    return found


def cell(ran, protection, purifier, changed="", subject=0, seed=0):
    wanted = dict(subject=ran.names[subject], protection=protection, purifier=purifier, changed=changed, seed=seed)
    [row] = [row for row in ran.rows if wanted.items() <= row.items()]
    return row


def group(ran, cell):
    """Both people's pictures of a cell."""
    return torch.cat([ran.grid.shown(cell, i) for i in range(2)])


def test_rows_are_every_cell_once_with_its_index_in_front(ran):
    pictures = {tuple(row[name] for name in INDEX): row for row in ran.purified_rows}
    assert len(pictures) == len(ran.purified_rows) == 2 * 11 and len(ran.rows) == 2 * (11 + 4), "four cells under two seeds"
    assert len({tuple(row[name] for name in (*INDEX, "seed")) for row in ran.rows}) == len(ran.rows)
    for purified in ran.purified_rows:
        own = LOG if purified["purifier"].startswith("IMPRESS") else set()
        assert list(purified)[:10] == INDEX + PURIFIED and set(list(purified)[10:]) == own
    for row in ran.rows:
        assert list(row)[:7] == [*INDEX, "misuse", "prompt", "seed"]
        assert list(row)[-9:] == EDITED + FACES, "none is purified likewise of all"
        assert pictures[tuple(row[name] for name in INDEX)].items() <= row.items() and row["misuse"] == "inpainting"
        assert row["seed"] == 0 or (row["seed"] == 1 and row["purifier"] in ("none", "JPEG 50"))


def test_purification_is_the_purifiers_of_the_protected_picture(ran):
    sent = group(ran, Cell("encoder"))
    assert torch.equal(group(ran, Cell("encoder", "JPEG 50")), degrade.jpeg(sent, 50))
    row = cell(ran, "clean", "none")
    assert row["picture_ssim"] == 1 and row["latent_shift"] == row["perceptual"] == row["from_protected"] == 0
    row, photo = cell(ran, "encoder", "JPEG 50", subject=1), ran.grid.subjects.images[1:2]
    purified, distance = ran.grid.shown(Cell("encoder", "JPEG 50"), 1), perceptual(judges.BUNDLED)[0]
    assert row["picture_psnr"] == pytest.approx(compare(purified, photo, ("psnr",))["psnr"].item())
    assert row["perceptual"] == pytest.approx(distance(purified, photo).item(), rel=1e-4)
    assert row["from_protected"] == pytest.approx(distance(purified, sent[1:]).item(), rel=1e-4)
    assert row["change"] == pytest.approx((purified - sent[1:]).mul(255).abs().mean().item(), rel=1e-4)


def test_latents_are_measured_in_units_of_the_way_to_grey(ran):
    photo, model = ran.grid.subjects.images[:1], ran.study.profile.model
    with torch.no_grad():
        shown = (ran.grid.shown(Cell("encoder"), 0), photo, torch.full_like(photo, 0.5))
        at, home, grey = (model.encode(one).mean for one in shown)
    assert cell(ran, "encoder", "none")["latent_shift"] == pytest.approx(((at - home).norm() / (grey - home).norm()).item(), rel=1e-4)


def test_arms_and_protections_start_from_the_same_noise(ran):
    dry, wet = ([group(ran, Cell(key, by)) for key in ("clean", "encoder")] for by in ("none", "IMPRESS, noise only"))
    noised = [after - before for after, before in zip(wet, dry, strict=True)]
    inner = ((dry[0] - 0.5).abs() < 0.3) & ((dry[1] - 0.5).abs() < 0.3)  # where nothing was cut at black or white
    assert inner.float().mean() > 0.2
    assert (noised[0] - noised[1])[inner].abs().max() <= 1.01 / 255 and noised[0].std() > 3 / 255
    assert not torch.equal(noised[0][0], noised[0][1]), "each person's own"
    log = [cell(ran, "encoder", arm) for arm in ("IMPRESS, noise only", "IMPRESS, released", "IMPRESS")]
    starts = [row["consistency_start"] for row in log]
    assert starts == pytest.approx([starts[2]] * 3, rel=1e-3)  # half precision rounds the start
    assert log[0]["never_moved"] == 1 > log[2]["never_moved"] and log[0]["zero_moments"] is None and log[2]["zero_moments"] < 0.5


def test_a_changed_setting_is_run_and_named(ran):
    row = cell(ran, "encoder", "IMPRESS", "alpha 0.5, norm sum")
    assert row["picture_ssim"] != cell(ran, "encoder", "IMPRESS")["picture_ssim"]
    record = ran.grid.purifiers["IMPRESS", "alpha 0.5, norm sum"].record
    assert (record.alpha, record.norm, record.steps) == (0.5, "sum", 3)
    assert record.differs.endswith("3 steps instead of 1000; alpha 0.5, norm sum")
    seed, log = rng.child(0, "purify", *ran.names), []
    how = dict(settings=record, seed=seed, distance=perceptual(judges.BUNDLED)[0], log=log)
    own = purify.apply(group(ran, Cell("encoder")), ran.study.profile.model, "impress", **how)
    assert torch.equal(group(ran, TURNED), own)
    assert {name: row[name] for name in LOG} == pytest.approx({name: log[0][name] for name in LOG})


def test_an_edit_is_held_against_the_clean_pictures(ran):
    settings = dataclasses.replace(paper.PHOTOGUARD_EDIT["paper"], steps=4)
    people = ran.grid.subjects
    masks, wanted = 1 - people.masks, [prompts[0] for prompts in people.prompts]  # the job's group: kernels round by their batch
    pairs = []
    for seed in (0, 1):
        made = []
        for shown in (group(ran, Cell("encoder", "JPEG 50")), people.images):
            chance = [rng.generator(0, "edit", seed, *named) for named in zip(wanted, ran.names, strict=True)]
            made.append(edit.inpaint(shown, masks, wanted, ran.study.profile.model, settings=settings, generator=chance))
        row = cell(ran, "encoder", "JPEG 50", subject=1, seed=seed)
        assert row["ssim"] == pytest.approx(compare(*made, ("ssim",))["ssim"][1].item(), abs=1e-6) and row["prompt"] == wanted[1]
        assert row["ssim_person"] == pytest.approx(similarity.ssim_over(*made, people.masks)[1].item(), abs=1e-6)
        assert cell(ran, "clean", "none", seed=seed)["ssim"] == pytest.approx(1, abs=1e-6), "each seed has its own clean edit"
        pairs.append(made)
    assert torch.equal(ran.edit(1, "encoder", "JPEG 50"), pairs[0][0][1]) and not torch.equal(pairs[0][1], pairs[1][1])


def test_where_all_clean_pictures_are_purified_likewise_edits_are_held_against_theirs(ran):
    cells = {Cell(key, by): (2, 1) for key in ("clean", "encoder") for by in ("none", "JPEG 50")}
    known = Purification(ran.study, cells)
    known.purify()
    rows, masks = known.edits(), ran.grid.subjects.masks
    likewise = ["ssim_likewise", "psnr_likewise", "vifp_likewise", "fsim_likewise", "ssim_person_likewise"]
    assert all(list(row)[-14:] == EDITED + likewise + FACES for row in rows) and len(rows) == 2 * 4
    for row in rows:
        i, own = ran.names.index(row["subject"]), (row["protection"], row["purifier"])
        pair = ran.edit(i, *own)[None], ran.edit(i, "clean", row["purifier"])[None]
        assert row["ssim_likewise"] == pytest.approx(compare(*pair, ("ssim",))["ssim"].item(), abs=1e-6)
        assert row["ssim_person_likewise"] == pytest.approx(similarity.ssim_over(*pair, masks[i : i + 1]).item(), abs=1e-6)
        assert row["ssim"] == cell(ran, *own, subject=i)["ssim"]
    clean = [row for row in rows if row["protection"] == "clean" and row["purifier"] == "JPEG 50"]
    assert all(row["ssim_person_likewise"] == 1 > row["ssim_person"] for row in clean)


def test_claims_are_judged_on_all_people_and_seeds_the_rest_on_few():
    """Each cell has its clean picture, purified likewise, for as many people and under as many seeds."""
    cells = purification.editing_table(SimpleNamespace(scale="standard"))
    judged = {Cell(key, by) for key in ("encoder", "diffusion") for by in ("none", "IMPRESS", "JPEG 75")}
    judged |= {Cell("diffusion", f"JPEG {quality}") for quality in (90, 50, 15)}  # which IMPRESS is held against at equal likeness
    assert {cell for cell, counts in cells.items() if counts == (20, 3) and cell.protection != "clean"} == judged
    assert set(cells.values()) == {(20, 3), (4, 1)}
    for cell, counts in cells.items():
        assert min(counts, cells[Cell("clean", cell.purifier)]) == counts
    assert {cell.protection for cell in cells if cell.protection != "clean"} == {
        "noise", "encoder", "encoder, strong", "encoder, through JPEG", "diffusion", "diffusion, strong", "diffusion, released",
        "diffusion, adaptive",
    }  # fmt: skip
    assert {cell.purifier for cell in cells if cell.protection == "encoder" and cell not in judged} == {
        "AdverseCleaner", "autoencoder", "IMPRESS, noise only", "IMPRESS, released in half", "IMPRESS, released", "IMPRESS, fp32",
    }  # fmt: skip
    assert {cell.purifier for cell in cells if cell.protection == "encoder, strong"} == {"none", "IMPRESS", "JPEG 75"}


def test_every_pair_is_of_few_people_and_one_seed():
    cells = purification.every_pair(SimpleNamespace(scale="standard", name="bundled"))
    out = {"Noisy Upscaling", "IMPRESS, fp32", "IMPRESS, released", "IMPRESS, released in half"}  # the first needs a download
    purifiers, protections = set(arms.PURIFIERS) - out, {"clean", *purification.PROTECTED}
    assert cells == {Cell(key, by): (4, 1) for key in protections for by in purifiers}
    few = purification.every_pair(SimpleNamespace(scale="smoke", name="bundled"))
    assert few == {Cell(key, by): (1, 1) for key in ("clean", "encoder") for by in purifiers}


def test_which_settings_are_turned(ran):
    turned = purification.turned(ran.study)
    whole = ran.grid.purifiers["IMPRESS", ""].record
    for name, values in turned.items():
        assert [one.changed for _, one in values].count("") == 1
        for value, one in values:
            assert one.changes == (() if value == getattr(whole, name) else ((name, value),))
    assert purification.turned_settings(turned)["turned"]["norm"] == [["mean", ""], ["sum", "norm sum"]]
    cells = purification.turned_cells(ran.study, turned)
    assert list(cells)[0] == Cell("encoder") and set(cells.values()) == {(1, 1)}
    values = [one for values in turned.values() for _, one in values]
    assert set(cells) == {Cell("encoder"), *values} and len(cells) == 1 + len(values) - (len(turned) - 1), "the settings' own once"


def test_pictures_of_steps_are_those_of_one_run(ran):
    steps = [Cell("encoder", "IMPRESS", step=step) for step in (0, 2, 3)]
    half = Cell("encoder", "IMPRESS, released in half", step=1)
    lab = Purification(ran.study, dict.fromkeys([Cell("encoder"), Cell("encoder", "IMPRESS"), *steps, half], (2, 1)))
    purified, edits = lab.purify(), lab.edits()
    shown, seen = {cell.step: group(lab, cell) for cell in steps}, []
    record, seed = lab.grid.purifiers["IMPRESS", ""].record, rng.child(0, "purify", *ran.names)
    rule = dict(seed=seed, distance=perceptual(judges.BUNDLED)[0], callback=lambda i, x, losses: seen.append(x.clone()))
    sent, model = group(lab, Cell("encoder")), ran.study.profile.model
    purify.apply(sent, model, "impress", settings=record, **rule)
    assert torch.equal(shown[2], pixels.quantise((seen[1] / 2 + 0.5).clamp(0, 1)))
    assert torch.equal(shown[3], group(lab, Cell("encoder", "IMPRESS")))
    short = purify.apply(sent, model, "impress", settings=dataclasses.replace(record, steps=2), **rule)
    assert not torch.equal(shown[2], short), "a picture on the way is not the end of a shorter run"
    noise = torch.stack([torch.randn(3, 64, 64, generator=rng.generator(seed, "impress", i, 0)) for i in range(2)])
    assert (shown[0] - (sent + noise * record.noise / 255).clamp(0, 1)).abs().max() < 0.501 / 255
    told = [(row.get("step"), row.get("of")) for row in purified]
    assert told == 2 * [(None, None)] + 2 * [(None, None)] + 2 * [(0, 3)] + 2 * [(2, 3)] + 2 * [(3, 3)] + 2 * [(1, 3)]
    assert [(row.get("step"), row.get("of")) for row in edits] == told
    whole, last = purified[2], purified[8]  # the same picture twice, of the whole run with its log
    assert all(whole[name] == last[name] for name in PURIFIED) and whole.keys() >= LOG and not LOG & last.keys()
    assert [edits[2][name] for name in EDITED] == [edits[8][name] for name in EDITED]
    assert edits[4]["ssim"] != edits[6]["ssim"] != edits[8]["ssim"]


def test_pictures_of_steps_come_pass_by_pass(ran, monkeypatch):
    lab = Purification(ran.study, {Cell("encoder", "IMPRESS", step=2): (2, 1)})
    lab.purify()
    job, images = lab.grid._purify_by_steps(Cell("encoder", "IMPRESS"), range(2), [2]), group(lab, Cell("encoder"))
    monkeypatch.setattr(passes, "PIXELS", 64 * 64)  # one picture a pass
    made = stages.purify_by_steps(ran.study.profile, job.values, {"images": images}).images["2"]
    assert (made - group(lab, Cell("encoder", "IMPRESS", step=2))).abs().max() <= 1.01 / 255 < (made - images).abs().max()
    with pytest.raises(ValueError, match=r"taken: expected steps from 0 to 3, got \[4\]"):
        stages.purify_by_steps(ran.study.profile, job.values | dict(taken=[4]), {"images": images})


def test_which_steps_are_taken(ran):
    cells = purification.followed(ran.study)
    names = ("IMPRESS, released in half", "IMPRESS")
    assert list(cells) == [Cell("encoder"), *(Cell("encoder", name, step=step) for name in names for step in (0, 3))]
    assert set(cells.values()) == {(1, 1)}
    larger = purification.followed(SimpleNamespace(scale="paper"), ("IMPRESS",))
    assert [cell.step for cell in larger] == [None, 0, 10, 30, 100, 300, 1000] and set(larger.values()) == {(20, 1)}
    short = Purification(ran.study, {cell: cells[cell] for cell in (Cell("encoder"), Cell("encoder", "IMPRESS", step=3))}, impress_steps=5)
    assert short.grid.purifiers["IMPRESS", ""].record.steps == 5 and short.names == ran.names[:1]


def test_each_cell_is_of_as_many_people_as_it_says(ran):
    """A group that is done in part shows the part that is done; protections are made for the most that a cell of theirs asks for."""
    one, two = Cell("encoder", "JPEG 50"), Cell("clean", "JPEG 50")
    known = Purification(ran.study, {one: (1, 1), two: (2, 1)})
    rows = known.purify()
    assert [(row["protection"], row["subject"]) for row in rows] == [
        ("encoder", "person 1"), ("clean", "person 1"), ("clean", "person 2"),
    ]  # fmt: skip
    assert known.names == ran.names and torch.equal(known.grid.shown(one, 0), degrade.jpeg(known.grid.shown(Cell("encoder"), 0), 50))
    with pytest.raises(IndexError, match="out of bounds"):
        known.grid.shown(Cell("encoder"), 1)
    assert [(row["protection"], row["subject"]) for row in known.edits()] == [(row["protection"], row["subject"]) for row in rows]


def test_the_manifest_gets_the_settings_as_they_are_run(ran):
    told = ran.settings
    assert told["protections"]["encoder"]["differs"].endswith("6 steps instead of 200") and {*told["purifiers"]} == {*BY} - {"none"}
    assert told["purifiers"]["IMPRESS"]["steps"] == 3 and told["edits"]["inpainting"]["steps"] == 4
    assert told["distance"] == "bundled perceptual distance" and told["counts"]["people"] == 2


def test_the_pictures_of_one_person(ran):
    grid = pictures.purified(ran, ("JPEG 50", "IMPRESS"))
    assert [len(row) for row in grid["images"]] == [4, 4, 0, 4, 4, 4]
    assert grid["column_labels"] == ["photograph", "untreated", "JPEG 50", "IMPRESS"] and grid["title"].endswith("of the encoder attack")
    photo, purified = ran.grid.subjects.images[0], ran.shown(0, "encoder", "JPEG 50")
    assert torch.equal(torch.from_numpy(grid["images"][3][2]), ran.edit(0, "encoder", "JPEG 50"))
    assert torch.allclose(torch.from_numpy(grid["images"][1][2]), (0.5 + 6 * (purified - photo)).clamp(0, 1), atol=1e-6)
    assert grid["images"][1][0] is None and grid["images"][5][0] is None  # the photograph differs from itself nowhere
    row = cell(ran, "encoder", "JPEG 50")
    assert grid["below"][0][2] == f"SSIM {row['picture_ssim']:.3f}" and grid["below"][3][2] == f"SSIM {row['ssim']:.3f}"


def test_what_another_distance_judges_is_another_job(ran, monkeypatch):
    """A copy of the bundle in another folder is the same model, but LPIPS judges beside it."""
    jobs = []
    monkeypatch.setattr(ran.study, "sweep", lambda name, listed: jobs.extend(listed) or SimpleNamespace(rows=[]))
    for known in (judges.BUNDLED, judges.FULL):
        monkeypatch.setattr(ran.study.profile.model, "judges", known)
        images = {"x": ran.grid.pictures(Cell("encoder"), range(2)), "y": ran.grid.pictures(Cell(), range(2))}
        ran.grid.measure([({}, range(2), images, [["{}", "x", "y", [name]]], {}) for name in ("perceptual", "ssim")])
        jobs += [ran.grid._purify(Cell("encoder", by), range(2)) for by in ("IMPRESS", "JPEG 50")]
    keys = [ran.study.key(job) for job in jobs]
    assert [one == other for one, other in zip(keys[:4], keys[4:], strict=True)] == [False, True, False, True]
