"""Notebook 02's measures of strength on the tiny model: edits over budgets, another encoder, sheets of edits."""

import pytest
import torch
from diffusers import AutoencoderKL

from reproduce import protect, rng
from reproduce.diffusion import profiles
from reproduce.engine import worker
from reproduce.experiments import budget_curve, eye, other_encoder, photoguard, scales
from reproduce.experiments.cells import Cell
from reproduce.measure import compare, latents, similarity
from reproduce.misuse import edit

COUNTS = dict(
    people=2, prompts=1, seeds=2, side=1, variations=1, edit_steps=2, printed_steps=2, budget_people=2, budgets=(4, 32), budget_steps=(3, 2)
)
AT_MOST = {"photoguard-encoder": dict(steps=2), "photoguard-diffusion": dict(steps=1, draws=1)}
ARMS = {"noise": ("noise", "paper", None), "encoder, strong": ("photoguard-encoder", "strong", 3),
        "diffusion, strong": ("photoguard-diffusion", "strong", 2)}  # arm -> method, settings, steps  # fmt: skip


@pytest.fixture(scope="module")
def ran(studies, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(scales.COUNTS["photoguard"], "smoke", COUNTS)
        patch.setitem(scales.AT_MOST, "smoke", AT_MOST)
        found = photoguard.Edits(studies(tmp_path_factory.mktemp("strength")))
        found.grid.protect(found.wanted)
        looked_at = [one for one in found._asked(0) if one[0].protection in eye.ARMS]  # the others are not needed here
        found.edited = found.grid.edit(found.misuse, looked_at)
        yield found


@pytest.fixture(scope="module")
def curve(ran):
    """Rows over budgets, and which stages were computed for them."""
    computed, compute = [], worker.compute
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "compute", lambda call, profile=None: computed.append(call.work) or compute(call, profile))
        return budget_curve.budget_curve(ran), computed


def protected(ran, arm, eps):
    """Both people under an arm at a budget."""
    method, settings, steps = ARMS[arm]
    seed = rng.child(0, "protect", f"{arm}, {eps} levels", *ran.people.names)
    how = dict(settings=settings, eps=eps, steps=steps, draws=1, seed=seed, mask=ran.people.masks)
    return protect.apply(ran.people.images, ran.study.profile.model, method, **how)


def edited(ran, sent):
    """Both people's edits by the pipeline, under the first seed."""
    wanted = [prompts[0] for prompts in ran.people.prompts]
    chance = [rng.generator(0, "edit", 0, *named) for named in zip(wanted, ran.people.names, strict=True)]
    made = edit.inpaint(sent, 1 - ran.people.masks, wanted, ran.study.profile.model, settings=ran.misuse.settings, generator=chance)
    return (made * 255).round() / 255


def test_rows_are_one_a_person_arm_and_budget(ran, curve):
    rows, _ = curve
    assert [(row["protection"], row["eps"], row["subject"]) for row in rows] == [
        (arm, eps, name) for arm in ARMS for eps in (4, 32) for name in ran.people.names
    ]
    index = ["subject", "protection", "eps", "rms", "misuse", "prompt", "seed"]
    assert all(list(row) == [*index, "ssim", "ssim_person", "latent_shift_person"] for row in rows)
    assert {(row["misuse"], row["seed"]) for row in rows} == {("inpainting", 0)}
    assert [row["prompt"] for row in rows[:2]] == [prompts[0] for prompts in ran.people.prompts]


def test_an_edit_over_budgets_is_held_against_the_clean_edit_of_the_tables(ran, curve):
    rows, computed = curve
    assert computed.count("experiments.stages:edit") == 3 * 2, "the clean edits are found stored"
    clean = torch.stack([ran.edited.shown(Cell(), i) for i in range(2)])
    model, masks = ran.study.profile.model, ran.people.masks
    for arm, eps in (("noise", 32), ("encoder, strong", 4), ("diffusion, strong", 32)):
        sent = protected(ran, arm, eps)
        made, moved = edited(ran, sent), (sent - ran.people.images).mul(255).round()
        found = [row for row in rows if (row["protection"], row["eps"]) == (arm, eps)]
        shifts = latents.shift_within(made, clean, masks, model)
        for i, row in enumerate(found):
            pair = made[i : i + 1], clean[i : i + 1]
            assert row["ssim"] == pytest.approx(compare(*pair, ("ssim",))["ssim"].item(), abs=1e-5)
            assert row["ssim_person"] == pytest.approx(similarity.ssim_over(*pair, masks[i : i + 1]).item(), abs=1e-5)
            assert row["latent_shift_person"] == pytest.approx(shifts[i].item(), rel=1e-3)
            assert row["rms"] == pytest.approx((moved[i].square().sum() / (3 * masks[i].sum())).sqrt().item(), rel=1e-5)


def test_the_budget_is_the_records_and_the_steps_the_curves(ran):
    for arm, (method, settings, steps) in ARMS.items():
        whole = protect.record(method, settings)
        for eps in (4, 32):
            record = budget_curve._arm(ran, arm, eps).record
            assert record.eps == eps and getattr(record, "steps", None) == steps
            if steps:  # a step keeps its share of the budget
                assert record.step / eps == pytest.approx(whole.step / whole.eps) and record.momentum == whole.momentum
    moved = (protected(ran, "noise", 32) - ran.people.images).abs().max().mul(255).round()
    assert 16 < moved <= 32


@pytest.fixture(scope="module")
def read(ran):
    return other_encoder.other_encoder(ran)


def shown(ran, key):
    """Both people as an encoder is shown them: grey around the person."""
    pictures = torch.cat([ran.grid.shown(Cell(key), i) for i in range(2)])
    return pictures * ran.people.masks + 0.5 * (1 - ran.people.masks)


def relative(encode, made, clean):
    """(N,) distances to grey and to the clean picture, in units of the clean picture's to grey."""
    with torch.no_grad():
        at, home, grey = (encode(one) for one in (made, clean, torch.full_like(clean, 0.5)))
    whole = (home - grey).flatten(1).norm(dim=1)
    return (at - grey).flatten(1).norm(dim=1) / whole, (at - home).flatten(1).norm(dim=1) / whole


def test_every_protection_is_read_by_both_encoders(ran, read):
    keys = ("noise", "encoder", "encoder, strong", "diffusion, strong")
    assert [(row["protection"], row["encoder"], row["subject"]) for row in read] == [
        (key, encoder, name) for key in keys for encoder in ("its own", "version 1") for name in ran.people.names
    ]
    assert all(list(row) == ["subject", "protection", "encoder", "grey_distance", "latent_shift"] for row in read)


def test_each_encoder_reads_the_person_alone_in_its_own_units(ran, read):
    earlier = AutoencoderKL.from_pretrained(profiles.BUNDLE / "earlier", subfolder="vae").eval()

    def own(images):
        return ran.study.profile.model.encode(images).mean

    def other(images):
        return earlier.encode(images * 2 - 1).latent_dist.mean

    for encoder, encode in (("its own", own), ("version 1", other)):
        for key in ("noise", "diffusion, strong"):
            left, shift = relative(encode, shown(ran, key), shown(ran, "clean"))
            found = [row for row in read if (row["protection"], row["encoder"]) == (key, encoder)]
            assert [row["grey_distance"] for row in found] == pytest.approx(left.tolist(), rel=1e-4)
            assert [row["latent_shift"] for row in found] == pytest.approx(shift.tolist(), rel=1e-3)
    shifts = [[row["latent_shift"] for row in read if row["encoder"] == encoder] for encoder in ("its own", "version 1")]
    assert shifts[0] != pytest.approx(shifts[1], rel=1e-2), "two readers"


def test_of_another_model_there_is_no_earlier_version(ran, read, monkeypatch):
    monkeypatch.setattr(ran.study, "name", "sd15")
    assert other_encoder.other_encoder(ran) == [row for row in read if row["encoder"] == "its own"]


def test_every_edit_of_the_sheets_is_there(ran):
    drawn, [sheet] = eye.drawn(ran), eye.sheets(ran)
    assert len(drawn) == 6 * 2 * 2 and sheet.shape == (3, 5 * 68, 5 * 68)
    arm, i, number, seed = drawn[7]
    assert torch.equal(sheet[:, 70:134, 138:202], ran.edited.shown(Cell(arm), i, number, seed))
    assert {row["prompt"] for row in eye.counted(ran)} == {prompts[0] for prompts in ran.people.prompts}
