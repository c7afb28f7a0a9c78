"""`bench attacks` on tiny models: the plain loop and the chain are the attacks they stand for; rows, memory, operations, mistakes."""

import copy
import subprocess
import sys
from dataclasses import replace

import pytest
import tinysd
import torch

from reproduce import rng
from reproduce.bench import attacks, cost
from reproduce.cli import commands as cli
from reproduce.diffusion import anatomy, precision, profiles
from reproduce.papers import photoguard as paper
from reproduce.protect import photoguard

ENCODER, DIFFUSION = paper.PHOTOGUARD_ENCODER["paper"], paper.PHOTOGUARD_DIFFUSION["paper"]


@pytest.mark.parametrize("decay", [None, 0.01])
def test_the_plain_loop_makes_the_same_pictures(models, decay):
    model, images = models(), tinysd.portraits()
    settings = replace(ENCODER, steps=4, decay=decay)
    vae = copy.deepcopy(model.vae).to(memory_format=torch.contiguous_format).requires_grad_(True)
    seen = []
    plain = attacks.plain(images, vae, settings, seen.append)
    ours = photoguard.encoder(images, model, settings=settings)
    # a gradient of rounding size may have the other sign in another layout or thread, and the next steps follow it
    assert (plain == ours).float().mean() > 0.97 and (plain == images).float().mean() < 0.5
    assert seen == [0, 1, 2, 3] * 2 and all(weight.grad is None for weight in vae.parameters())


@pytest.mark.parametrize("checkpointed", [False, True])
def test_an_iteration_is_the_diffusion_attack(models, checkpointed):
    model, images = models(), tinysd.portraits()
    settings = replace(DIFFUSION, steps=1)
    generators = [rng.generator(0, "bench", i) for i in range(2)]
    expected = photoguard.diffusion(images, model, settings=settings, generator=generators)
    got = attacks.iteration(images, model, settings, checkpointed)
    assert torch.equal(got, expected) and not torch.equal(got, images)


def test_both_attacks_take_turns_and_their_first_steps_only_warm(models, monkeypatch, capsys):
    clock, order = iter(range(10**6)), []

    def attack(name, pictures, cost):
        def call(images, *_, settings=None, callback=None):
            for _ in range(pictures):
                for i in range(settings.steps):
                    order.append(name)
                    for _ in range(100 if i == 0 else cost):
                        next(clock)
                    callback(i)
            return images

        return call

    ours, plain = attack("ours", 1, 3), attack("plain", 2, 4)
    monkeypatch.setattr(attacks.time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(photoguard, "encoder", ours)
    monkeypatch.setattr(attacks, "plain", lambda images, vae, settings, callback: plain(images, settings=settings, callback=callback))
    monkeypatch.setattr(cost, "rate", lambda device, dtype: 1e9)
    rows = {row["name"]: row for row in attacks.encoder_rows(models(), tinysd.portraits(), 5, 2)}
    assert capsys.readouterr().err.splitlines() == [f"encoder attack: round {n} of 2, 5 steps each of ours, plain" for n in (1, 2)]
    assert order == (["ours"] * 6 + ["plain"] * 12) * 2
    assert rows["ours"]["median"] == pytest.approx((5 * 3 + 1) / 5 / 2 * 1000)
    assert rows["plain"]["median"] == pytest.approx(2 * (5 * 4 + 1) / 5 / 2 * 1000)
    assert rows["ours"]["ratio"] == pytest.approx(42 / 16) and rows["plain"]["ratio"] == 1


def test_rows_hold_every_column(models, monkeypatch):
    monkeypatch.setattr(cost, "rate", lambda device, dtype: 5e9)
    images = tinysd.portraits(3, 32)
    rows = attacks.encoder_rows(models(), images, steps=2, rounds=1)
    assert [(row["what"], row["batch"]) for row in rows] == [("ours", 3), ("plain", 1)]
    work = attacks.arithmetic(models(), images)
    assert work == attacks.arithmetic(models(), images[:1])
    for row in rows:
        assert set(attacks.ENCODER) <= set(row)
        assert row["median"] == row["least"] > 0
        assert row["seconds"] == pytest.approx(ENCODER.steps * row["median"] / 1000) == pytest.approx(1 / row["rate"])
        assert row["reached"] == pytest.approx(work / row["median"] / 1e6)
        assert (row["share"], row["limit"], row["work"]) == (pytest.approx(row["reached"] / 5), 5, work / 1e9)


def test_a_faster_precision_is_attacked_as_well_and_judged_by_the_first_model(models, tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "rate", lambda device, dtype: 5e9)
    swift = profiles.open(str(tinysd.save(tmp_path)), precision="bfloat16").model
    rows = attacks.encoder_rows(models(), tinysd.portraits(2), 4, 1, swift)
    assert [row["what"] for row in rows] == ["ours", "plain", "ours, bfloat16"] and rows[2]["share"] is None and rows[2]["batch"] == 2
    ours, plain, half = (row["left"] for row in rows)
    assert 0 < ours < 0.98 and plain == pytest.approx(ours, abs=0.01) and half == pytest.approx(ours, abs=0.02)


def test_diffusion_rows_with_and_without_checkpoints(models):
    found = attacks.diffusion_rows(None, models(), 32, [(1, False), (2, True)], rounds=3)
    assert [(row["chain"], row["way"]) for row in found] == [(1, False), (2, True)]
    for row in found:
        assert set(attacks.DIFFUSION) == set(row)
        assert row["median"] >= row["least"] > 0 and row["memory"] >= 0
    assert attacks._chains(True, False) == [(4, False), (4, True), (20, False), (20, True)]
    assert {(4, False), (4, True)} < set(attacks._chains(False, True)) and (50, True) in attacks._chains(True, True)


def test_a_chain_that_does_not_fit_says_so(models, monkeypatch):
    tried = []

    def iteration(images, *_):
        tried.append(images.shape[-1])
        if images.shape[-1] > 32:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(attacks, "iteration", iteration)
    [row] = attacks.diffusion_rows(None, models(), 64, [(4, False)], rounds=2)
    assert (row["memory"], row["median"]) == ("does not fit", None) and tried == [32, 64]
    monkeypatch.setattr(attacks, "iteration", lambda images, *_: torch.ones(32) @ torch.ones(images.shape[-1]))
    with pytest.raises(RuntimeError, match="size"):
        attacks.measured(models(), 64, 4, False, 1)


def test_a_process_of_its_own_measures_time_and_memory(tmp_path):
    folder = str(tinysd.save(tmp_path, sibling=True))
    [row] = attacks.diffusion_rows((folder, None), None, 64, [(1, False)], rounds=2)
    assert row["median"] == row["least"] > 0 and 1 < row["memory"] < 500


def test_operations_of_a_convolution_are_the_closed_form():
    x, weight = torch.rand(2, 5, 16, 24, requires_grad=True), torch.rand(7, 5, 3, 3)
    forward = 2 * 2 * 7 * 5 * 9 * 16 * 24
    assert cost.operations(lambda: torch.conv2d(x, weight, padding=1)) == forward
    assert cost.operations(lambda: torch.autograd.grad(torch.conv2d(x, weight, padding=1).sum(), x)) == 2 * forward


def test_the_rate_is_that_of_the_quickest_call(monkeypatch):
    clock = iter([4.0, 2.0, 3.0, 9.0, 8.0, 2.0, 4.0, 9.0])
    monkeypatch.setattr(cost, "seconds", lambda call: (call(), next(clock))[1])
    assert cost.rate("cpu", torch.float32, tries=3) == pytest.approx(2 * 9 * 128**4 / 2)
    assert cost.rate("cpu", torch.float32, tries=1) == pytest.approx(2 * 1024**3 / 4)


def test_memory_grows_by_what_a_call_holds_at_once():
    def call():
        for _ in range(3):
            torch.ones(16, 2**20)

    torch.ones(64, 2**20)  # an earlier, higher peak is forgotten
    assert cost.growth(call) == pytest.approx(64 * 2**20, rel=0.1)


def test_a_process_can_be_kept_from_the_memory_of_others():
    code = "import torch; from reproduce.bench import cost; cost.limit(0.01); torch.ones(2**30)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 1 and "memory" in ended.stderr


@pytest.fixture
def told(monkeypatch, models):
    """The command's model and rows, without their cost."""
    seen = []
    opened = profiles.Profile("bundled", models(), 64, "standard")
    monkeypatch.setattr(profiles, "open", lambda name, **_: opened)
    monkeypatch.setattr(attacks, "encoder_rows", lambda model, images, *given: seen.append((images.shape, *given[:2])) or [ROW])
    rows = [dict(chain=4, way=True, median=1.5, least=1.0, memory=12.0), dict(chain=20, way=False, median=None, least=None, memory="no")]
    monkeypatch.setattr(attacks, "diffusion_rows", lambda *given: seen.append(given) or rows)
    return seen


ROW = dict(what="ours", batch=2, median=5.25, least=5.0, seconds=1.05, rate=0.95, ratio=1.5, reached=60.0, share=0.5, left=0.75)
ROW |= dict(work=0.3, limit=120.0)


def test_the_command_prints_both_tables(told, capsys, models):
    assert cli.main(["bench", "attacks", "--size", "128", "--steps", "3"]) == 0
    out = capsys.readouterr().out
    assert "| ours | 2 | 5.25 | 5 | 1.05 | 0.95 | 1.5 | 60 | 0.5 | 0.75 |" in out
    assert "| 4 | yes | 1.5 | 1 | 12 |" in out and "| 20 | no | – | – | no |" in out
    assert "a step takes 0.3 GFLOP a picture, counted; the device reaches 120 GFLOP/s" in out and "published" not in out
    assert told[0] == ((4, 3, 128, 128), 3, 5)
    assert told[1] == (("bundled", None), None, 128, [(4, False), (4, True), (20, False), (20, True)], 4)
    cli.main(["bench", "attacks", "--batch", "2"])
    assert told[2] == ((2, 3, 64, 64), 10, 5)


@pytest.mark.parametrize("pays", [True, False])
def test_a_precision_the_processor_lacks_is_left_out_and_said(told, capsys, models, monkeypatch, pays):
    seen = []
    monkeypatch.setattr(precision, "pays", lambda device: pays)
    monkeypatch.setattr(attacks, "encoder_rows", lambda *given: seen.append(given[4]) or [ROW])
    assert cli.main(["bench", "attacks"]) == 0
    assert (seen == [models()]) == pays and (seen == [None]) != pays
    assert ("not in bfloat16" in capsys.readouterr().out) != pays


def test_an_anatomy_in_place_of_a_profile(told, capsys, models, monkeypatch):
    monkeypatch.setattr(anatomy, "build", lambda name, device: models())
    assert cli.main(["bench", "attacks", "--anatomy", "sd15", "--size", "512"]) == 0
    out = capsys.readouterr().out
    assert told[0] == ((1, 3, 512, 512), 1, 1)
    assert told[1] == (("bundled", "sd15"), None, 512, [(4, False), (4, True)], 1)
    assert "published" in out and "15114 MiB" in out


def test_a_model_without_inpainting_has_no_diffusion_attack(told, capsys, models, monkeypatch):
    monkeypatch.setattr(models(), "unet_inpainting", None)
    assert cli.main(["bench", "attacks"]) == 0
    assert "has no 9-channel inpainting denoiser" in capsys.readouterr().out and len(told) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "20"], "size: expected a multiple of 8 from 32 on, got 20"),
        (["--size", "0"], "size: expected a multiple of 8 from 32 on, got 0"),
        (["--anatomy", "sd14"], "unknown anatomy 'sd14': there is sd15; did you mean sd15?"),
        (["--anatomy", "sd15", "--profile", "sd21"], "expected a profile or an anatomy, got both: sd21 and sd15"),
        (["--profile", "bundeld"], "unknown profile 'bundeld'"),
    ],
)
def test_mistakes_are_one_line(capsys, monkeypatch, words, said):
    if "sd15" in words:
        monkeypatch.setattr(anatomy, "build", lambda *_: pytest.fail("built all the same"))
    assert cli.main(["bench", "attacks", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and said in err


@pytest.mark.slow
def test_the_anatomy_is_stable_diffusions():
    model = anatomy.build("sd15")
    counts = [sum(p.numel() for p in part.parameters()) for part in (model.vae, model.unet_inpainting, model.text_encoder)]
    assert counts == [83_653_863, 859_535_364, 123_060_480]
    assert (model.size, model.factor, model.scale, model.dtype) == (512, 8, 0.18215, torch.float32)
    assert model.text([""]).shape == (1, 77, 768)
