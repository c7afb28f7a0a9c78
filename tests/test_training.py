"""Training: the optimiser, the resumable loop, and every stage of the command line at its tiniest, up to a bundle that draws."""

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from reproduce import rng
from reproduce.diffusion import profiles
from reproduce.diffusion.optimiser import Muon, Optimiser, orthogonal
from reproduce.diffusion.training import fit
from reproduce.misuse import edit
from reproduce.world.train import data, loop, quality, stages, tower
from reproduce.world.train import denoiser as dn

# --- optimiser ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(96, 24), (24, 96), (48, 48), (64, 640)])
def test_orthogonal_keeps_directions_and_levels_their_sizes(shape):
    chance = torch.Generator().manual_seed(sum(shape))
    u, _ = torch.linalg.qr(torch.randn(shape[0], min(shape), generator=chance))
    v, _ = torch.linalg.qr(torch.randn(shape[1], min(shape), generator=chance))
    sizes = torch.logspace(0, -1.5, min(shape))
    for scale in (1e-4, 1, 1e4):
        got = orthogonal(scale * (u * sizes) @ v.T)
        seen = u.T @ got @ v
        values = torch.linalg.svdvals(got)
        assert got.dtype == torch.float32 and values.min() > 0.6 and values.max() < 1.3
        assert (seen - seen.diag().diag()).abs().max() < 0.1, "singular vectors stay where they were"
    random = torch.linalg.svdvals(orthogonal(torch.randn(shape, generator=chance)))
    assert random.max() < 1.3 and random.median() > 0.6
    assert (orthogonal(torch.zeros(shape)) == 0).all()


def test_a_step_of_muon_is_nesterov_momentum_made_orthogonal():
    p, lr = nn.Parameter(torch.randn(6, 2, 2, 2, generator=rng.generator(0))), 0.1  # a kernel: a matrix (6, 8)
    q, r = (nn.Parameter(torch.randn(32, 8, generator=rng.generator(k))) for k in (1, 2))  # tall matrices take longer steps
    muon, start, momentum = Muon([p, q, r], lr), [x.detach().clone() for x in (p, q, r)], [0, 0, 0]
    for step in range(2):
        for k, (x, stretch) in enumerate(((p, 1), (q, 2), (r, 2))):
            x.grad = torch.randn(x.shape, generator=rng.generator(step, "grad", k))
            momentum[k] = 0.95 * momentum[k] + x.grad
            start[k] -= lr * stretch * orthogonal((x.grad + 0.95 * momentum[k]).flatten(1)).view_as(x)
        muon.step()
        torch.testing.assert_close(p.detach(), start[0])
        torch.testing.assert_close(q.detach(), start[1])
        torch.testing.assert_close(r.detach(), start[2])


class Small(nn.Module):
    """An embedding, a kernel, a norm, a matrix: one of each kind of parameter."""

    def __init__(self):
        super().__init__()
        self.embedding, self.conv = nn.Embedding(4, 8), nn.Conv2d(3, 8, 3, padding=1)
        self.norm, self.out = nn.GroupNorm(2, 8), nn.Linear(8, 1)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)

    def forward(self, x, which):
        return self.out(torch.nn.functional.silu(self.norm(self.conv(x))).mean((2, 3)) + self.embedding(which))


def small(seed=0):
    torch.manual_seed(seed)
    return Small().to(memory_format=torch.channels_last)


def regression(net, step, generator, stop=None):
    """A loss with noise of its own; raises at step `stop`."""
    if step == stop:
        raise InterruptedError(f"stopped at {step}")
    x = torch.rand(32, 3, 6, 6, generator=generator)
    which = torch.randint(4, (32,), generator=generator)
    wanted = 4 * x[:, 0].mean((1, 2)) - 2 * x[:, 1, :3].mean((1, 2)) + which / 2
    return (net(x, which)[:, 0] - wanted).square().mean()


def test_each_parameter_has_one_optimiser_and_the_frozen_none():
    net = small()
    optimiser = Optimiser(net, 10)
    (muon, _), (adam, _) = optimiser.parts
    names = {id(p): name for name, p in net.named_parameters()}
    listed = [[names[id(p)] for group in part.param_groups for p in group["params"]] for part in (muon, adam)]
    assert listed[0] == ["conv.weight", "out.weight"]
    assert sorted(listed[1]) == ["conv.bias", "embedding.weight", "norm.bias", "norm.weight", "out.bias"]


def test_the_rate_warms_up_and_falls_to_nothing():
    net = small()
    optimiser, rates = Optimiser(net, 200, muon=0.01, adam=0.001), []
    for step in (0, 24, 49, 100, 199):
        optimiser.step(regression(net, step, rng.generator(0, step)), step)
        rates.append([part.param_groups[0]["lr"] for part, _ in optimiser.parts])
    assert all(a == pytest.approx(10 * b) for a, b in rates)
    assert rates[0][0] == pytest.approx(0.01 / 50) and rates[3][0] == pytest.approx(0.005)
    assert rates[1][0] == pytest.approx(0.005, rel=0.05) and rates[4][0] < 1e-5 and rates[2][0] > 0.008


def test_together_they_fit_a_small_regression():
    net, losses = small(), []
    optimiser = Optimiser(net, 200, muon=0.02, adam=0.02)
    for step in range(200):
        loss = regression(net, step, rng.generator(0, step))
        optimiser.step(loss, step)
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.05 * sum(losses[:10])


# --- the loop ----------------------------------------------------------------------------------------------------------------


def run(folder, stop=None, **how):
    net = small()
    how = dict(stage="small", steps=12, folder=folder, save_every=3, say_every=2, average=0.9) | how
    return net, fit(net, partial(regression, stop=stop), **how)


def weights(net):
    return [x.clone() for x in net.state_dict().values()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("average", [0.9, 0.999])
def test_an_interrupted_run_ends_at_the_same_weights_to_the_bit(tmp_path, average):
    whole, mean = run(tmp_path / "whole", average=average)
    for stop in (1, 4, 5, 11):  # before the first checkpoint, after one, with none in between, at the last step
        with pytest.raises(InterruptedError):
            run(tmp_path / "cut", stop, average=average)
    resumed, again = run(tmp_path / "cut", average=average)
    assert same(weights(whole), weights(resumed)) and same(weights(mean), weights(again))
    assert not same(weights(mean), weights(whole)) and not same(weights(whole), weights(small()))
    ends = [torch.load(tmp_path / name / "small.pt", weights_only=True) for name in ("whole", "cut")]
    assert same(ends[0]["net"].values(), ends[1]["net"].values()) and ends[0]["step"] == ends[1]["step"] == 12


def test_the_average_is_that_of_the_weights_seen(tmp_path, monkeypatch):
    seen = [weights(small())]
    step = Optimiser.step

    def watched(self, loss, at, done):
        step(self, loss, at, done)
        seen.append(weights(nets[0]))

    monkeypatch.setattr(Optimiser, "step", watched)
    nets = [small()]
    mean = fit(nets[0], regression, stage="small", steps=6, folder=tmp_path, average=0.999)
    for got, *each in zip(weights(mean), *seen, strict=True):  # young averages are plain means, the start included
        torch.testing.assert_close(got, torch.stack(each).mean(0), rtol=1e-5, atol=1e-6)


def test_a_finished_run_is_not_trained_on_and_a_killed_save_leaves_the_last_one(tmp_path, monkeypatch):
    _, mean = run(tmp_path)
    _, again = run(tmp_path, stop=0)
    assert same(weights(mean), weights(again)) and not again.training
    (tmp_path / "small.pt").unlink()
    with pytest.raises(InterruptedError):
        run(tmp_path, stop=5)
    kept = (tmp_path / "small.pt").read_bytes()

    def killed(state, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(torch, "save", killed)
        run(tmp_path)
    assert (tmp_path / "small.pt").read_bytes() == kept
    assert same(weights(run(tmp_path)[1]), weights(mean))


@pytest.mark.parametrize("change", [dict(steps=14), dict(seed=1)])
def test_a_checkpoint_of_another_run_is_refused_in_one_line(tmp_path, change):
    run(tmp_path)
    with pytest.raises(ValueError, match="12 steps with seed 0, this one has") as told:
        run(tmp_path, **change)
    assert "\n" not in str(told.value) and "move the file away" in str(told.value)


def test_with_minutes_the_clock_decides(tmp_path, monkeypatch):
    now, rates, step = [1000.0], [], Optimiser.step

    def ticking(self, loss, at, done):
        now[0] += 2
        step(self, loss, at, done)
        rates.append(self.parts[0][0].param_groups[0]["lr"])

    monkeypatch.setattr(Optimiser, "step", ticking)
    monkeypatch.setattr("reproduce.diffusion.training.time.time", lambda: now[0])
    run(tmp_path, steps=3, minutes=2, judge=lambda net: {"good": 1}, judge_every=1000)
    assert len(rates) == 60 and rates[-1] < 0.01 * max(rates), "two minutes of steps of two seconds, whatever `steps` says"
    assert rates[54] == pytest.approx(0.01 * 0.5 * (1 + np.cos(np.pi * 0.9)), rel=1e-4)
    kept = torch.load(tmp_path / "small.pt", weights_only=True)
    assert kept["step"] == 60 and kept["seconds"] == 120
    assert json.loads((tmp_path / "small.jsonl").read_text().splitlines()[-1])["good"] == 1, "judged at the end"
    run(tmp_path, stop=60, minutes=2)
    with pytest.raises(ValueError, match="belongs to a run of no fixed number of steps with seed 0, this one has 12"):
        run(tmp_path)


def test_the_log_says_losses_and_judgements(tmp_path):
    judged = []
    run(tmp_path, judge=lambda net: judged.append(net.training) or {"good": 1}, judge_every=5)
    lines = [json.loads(line) for line in (tmp_path / "small.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [2, 4, 6, 8, 10, 12]
    assert [line["step"] for line in lines if "good" in line] == [5, 10, 12] and judged == [False] * 3
    assert {line["stage"] for line in lines} == {"small"} and all(line["seconds"] >= 0 for line in lines)


def test_seeds_make_other_weights(tmp_path):
    assert not same(weights(run(tmp_path / "a")[1]), weights(run(tmp_path / "b", seed=1)[1]))


# --- the stages --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """All stages at --size tiny, 50 pictures a shard, judged on a handful; returns the folders of work and bundle."""
    work = tmp_path_factory.mktemp("train")
    measure, ask, rebuild = quality.susceptibility, quality.retrieval, quality.reconstruction
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "SHARD", 50)
        patch.setattr(quality, "susceptibility", lambda encode, images, steps: measure(encode, images[:2], steps=2))
        patch.setattr(quality, "retrieval", lambda net, tokens: ask(net, tokens, count=32))
        patch.setattr(quality, "reconstruction", lambda net, device: rebuild(net, 2, device))
        for stage in stages.STAGES:
            stages.main([stage, "--size", "tiny", "--work", str(work), "--out", str(work / "bundle"), "--device", "cpu"])
    return work, work / "bundle"


def test_plain_diffusers_draws_from_the_bundle(trained):
    from diffusers import StableDiffusionPipeline

    _, bundle = trained
    pipe = StableDiffusionPipeline.from_pretrained(bundle)
    pipe.set_progress_bar_config(disable=True)
    (picture,) = pipe("a photo of sks person", num_inference_steps=2, generator=torch.Generator().manual_seed(0)).images
    assert picture.size == (128, 128) and len(np.unique(picture)) > 50
    assert pipe.unet.config.in_channels == 4 and pipe.scheduler.config.prediction_type == "epsilon"


def test_the_bundle_opens_as_a_profile_that_varies_and_inpaints(trained):
    work, bundle = trained
    opened = profiles.open(str(bundle))
    model = opened.model
    assert opened.size == 128 and model.factor == 4 and model.unet_inpainting.config.in_channels == 9
    part = torch.load(work / "pictures-000.pt", weights_only=True)
    x = part["images"][:8].float() / 255
    with torch.no_grad():
        posterior = model.encode(x)
        z = posterior.sample([rng.generator(0, i) for i in range(8)])
    assert 0.6 < z.std() < 1.6, "latents have about unit variance, by the scaling factor"
    made = edit.generate(["a person"], model, steps=2, guidance=2.0, generator=[rng.generator(0)])
    assert made.shape == (1, 3, 128, 128)


def test_the_bundle_is_half_precision_and_readable_by_older_transformers(trained):
    from diffusers import StableDiffusionPipeline
    from safetensors import safe_open
    from transformers import CLIPModel, CLIPTextModel

    work, bundle = trained
    assert CLIPModel.from_pretrained(bundle / "clip").dtype == torch.float32
    files = list(bundle.rglob("*.safetensors"))
    assert len(files) == 7 and not any("_name_or_path" in file.read_text() for file in bundle.rglob("config.json"))
    for file in files:
        with safe_open(file, "pt") as tensors:
            kinds = {tensors.get_slice(k).get_dtype() for k in tensors.keys() if "position_ids" not in k}  # noqa: SIM118
            assert kinds == {"F16"}, file
            if file.parent.name == "text_encoder":
                assert all(k.startswith("text_model.") for k in tensors.keys())  # noqa: SIM118
    assert {"vocab.json", "merges.txt", "tokenizer.json"} <= {f.name for f in (bundle / "tokenizer").iterdir()}
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        a, b = (CLIPTextModel.from_pretrained(where, subfolder="text_encoder").float()(ids)[0] for where in (work, bundle))
    torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-2)
    whole = StableDiffusionPipeline.from_pretrained(bundle)
    assert {part.dtype for part in (whole.unet, whole.vae, whole.text_encoder)} == {torch.float32}, "or it could not run"
    assert set(json.loads((bundle / "training.json").read_text())) == set(stages.STAGES) - set(stages.DATA) - set(stages.LOGS)


def test_the_text_tower_is_clips_own(trained):
    from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

    work, _ = trained
    net, alone = CLIPModel.from_pretrained(work / "clip"), CLIPTextModel.from_pretrained(work / "text_encoder")
    ids = tower.ids(CLIPTokenizer.from_pretrained(work / "tokenizer"), ["a photo of a person", ""])
    with torch.no_grad():
        torch.testing.assert_close(alone(ids)[0], net.text_model(ids)[0])


def test_pictures_are_rendered_once_and_are_those_of_their_seed(trained, monkeypatch):
    from reproduce.world import render

    work, _ = trained
    part = torch.load(work / "pictures-000.pt", weights_only=True)
    made = render(data.SEED, 50)
    assert torch.equal(part["images"], (made.images * 255).round().to(torch.uint8)) and part["captions"] == made.captions
    for kept, mask in (("people", "person"), ("faces", "face")):
        assert torch.equal(part[kept], (made.masks[mask] * 255).round().to(torch.uint8))
    leaves = torch.load(work / "leaves-000.pt", weights_only=True)["images"]
    assert torch.equal(leaves, (data.dead_leaves(50, 128, rng.generator(0, "leaves", 0, 0)) * 255).round().to(torch.uint8))
    monkeypatch.setattr(data, "render", lambda *args: pytest.fail("rendered again"))
    data.pictures(SimpleNamespace(work=work, size=dict(pictures=1, leaves=1), seed=0, workers=1))
    with pytest.raises(ValueError, match="pictures-001.pt .1 of 2 shards missing.; run the stage `pictures` first"):
        data.shards(SimpleNamespace(work=work, size=dict(pictures=2)))


def test_many_workers_render_what_one_does(trained, tmp_path, monkeypatch):
    work, _ = trained
    monkeypatch.setattr(data, "SHARD", 50)
    data.pictures(SimpleNamespace(work=tmp_path, size=dict(pictures=1, leaves=1), seed=0, workers=2))
    for name in ("pictures-000.pt", "leaves-000.pt"):
        assert (tmp_path / name).read_bytes() == (work / name).read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {"pictures-000.pt", "leaves-000.pt"}


def test_windows_are_cut_from_their_corners_and_come_round():
    images = torch.arange(2 * 3 * 8 * 8).remainder(251).to(torch.uint8).view(2, 3, 8, 8)
    rows, top, left = torch.tensor([1, 0, 1]), torch.tensor([0, 3, -2]), torch.tensor([4, 0, 6])
    got = data.window(images, rows, top, left, 4)
    for x, row, y, z in zip(got, rows, top.tolist(), left.tolist(), strict=True):
        assert torch.equal((x * 255).round(), images[row].roll((-y, -z), (1, 2))[:, :4, :4].float())


def test_training_latents_are_the_autoencoders_at_unit_variance(trained):
    from diffusers import AutoencoderKL

    work, bundle = trained
    args = SimpleNamespace(work=work, start=None, size=stages.SIZES["tiny"], device="cpu", seed=0)
    found = data.latents(args)
    vae, (images, _, people, _) = AutoencoderKL.from_pretrained(work / "vae"), data.shards(args)
    x = images[:4].float() / 127.5 - 1
    with torch.no_grad():
        own = vae.encode(x).latent_dist
    away = (found["mean"][:4] - own.mean * found["scale"]).abs()  # encoded in bfloat16
    assert away.mean() < 0.02 and away.quantile(0.99) < 0.1
    total = found["mean"].var() + found["std"].square().mean()
    assert total.item() == pytest.approx(1, abs=1e-3)
    assert json.loads((bundle / "vae" / "config.json").read_text())["scaling_factor"] == pytest.approx(found["scale"])

    mask, hidden = data.masked(args, found["scale"])
    assert mask.shape == (50, 1, 32, 32) and hidden.shape == (50, 4, 32, 32)
    whole = dn.masks(50, 128, rng.generator(0, "masks", 0), people.float() / 255)
    assert torch.equal(mask, torch.nn.functional.interpolate(whole, (32, 32)))  # as diffusers shrinks it
    with torch.no_grad():
        own = vae.encode(x * (whole[:4] < 0.5)).latent_dist
    draw = torch.randn(50, 4, 32, 32, generator=rng.generator(0, "draws", 0))[:4]
    away = (hidden[:4] - (own.mean + own.std * draw) * found["scale"]).abs()
    assert away.mean() < 0.02 and away.quantile(0.99) < 0.1


def test_batches_pair_latents_with_their_captions_and_drop_a_tenth(trained):
    work, _ = trained
    args = SimpleNamespace(work=work, start=None, size=stages.SIZES["tiny"], device="cpu", seed=0)
    _, captions, *_ = data.shards(args)
    table, row = data.contexts(args)
    assert len(table) == len(set(captions)) + 1
    known = dict(mean=torch.arange(50.0).view(50, 1, 1, 1).expand(50, 4, 2, 2), std=torch.zeros(50, 4, 2, 2))
    rows, sample, text = data.batch_of(known, table, row, 3000, rng.generator(0), 20)
    assert torch.equal(sample[:, 0, 0, 0].long(), rows) and rows.max() == 19 and rows.min() == 0
    dropped = (text == table[-1]).flatten(1).all(1)
    assert 0.08 < dropped.float().mean() < 0.12
    assert torch.equal(text[~dropped], table[row[rows[~dropped]]])
    from transformers import CLIPTextModel, CLIPTokenizer

    encoder, tokens = CLIPTextModel.from_pretrained(work / "text_encoder"), CLIPTokenizer.from_pretrained(work / "tokenizer")
    with torch.no_grad():
        expected = encoder(tower.ids(tokens, [captions[7], ""]))[0]
    torch.testing.assert_close(table[torch.tensor([row[7], len(table) - 1])], expected, rtol=1e-4, atol=1e-5)


def test_training_goes_on_from_a_bundle(trained, tmp_path, monkeypatch):
    import shutil

    work, bundle = trained
    shutil.copytree(work, tmp_path / "work", ignore=shutil.ignore_patterns("*.pt", "bundle", "vae*"))
    for file in [file for kind in ("pictures", "leaves") for file in work.glob(f"{kind}-*.pt")]:
        shutil.copy(file, tmp_path / "work")
    begun = {}
    monkeypatch.setattr(stages, "train", lambda args, stage, net, loss, **how: begun.setdefault(stage, net))
    monkeypatch.setattr("reproduce.world.train.codec.train", lambda args, stage, net, loss, **how: begun.setdefault(stage, net))
    listed = ("decoder", "likeness", "autoencoder", "inpainting", "denoiser")  # the last three read what the second and third write
    for stage in listed:
        stages.main([stage, "--size", "tiny", "--work", str(tmp_path / "work"), "--device", "cpu", "--start", str(bundle)])
    opened = profiles.open(str(bundle)).model
    nets = {"inpainting": opened.unet_inpainting, "denoiser": opened.unet} | dict.fromkeys(listed[:3], opened.vae)
    assert not any(p.requires_grad for p in begun["decoder"].encoder.parameters())
    assert all(p.requires_grad for p in begun["likeness"].parameters())
    for net, own in ((begun[stage], own) for stage, own in nets.items()):
        ours, theirs = net.state_dict(), own.state_dict()
        kept = [name for name in theirs if not name.endswith(("conv_in.weight", "quant_conv.weight", "quant_conv.bias"))]
        assert all(torch.allclose(ours[name], theirs[name].float(), atol=1e-6) for name in kept)


def test_stages_not_run_leave_the_bundle_they_start_from_as_it_is(trained, tmp_path):
    import shutil

    work, old = trained
    shutil.copy(work / "pictures-000.pt", tmp_path)
    again = ["--size", "tiny", "--work", str(tmp_path), "--out", str(tmp_path / "new"), "--device", "cpu", "--start", str(old)]
    for stage in ("denoiser", "bundle"):
        stages.main([stage, *again])
    changed = {str(f.relative_to(old)) for f in old.rglob("*.*") if f.read_bytes() != (tmp_path / "new" / f.relative_to(old)).read_bytes()}
    assert changed == {"unet/diffusion_pytorch_model.safetensors", "training.json"}
    ours, theirs = (json.loads((where / "training.json").read_text()) for where in (tmp_path / "new", old))
    assert ours.pop("denoiser") != theirs.pop("denoiser") and ours == theirs


def test_people_and_above_all_their_faces_are_important(trained):
    work, _ = trained
    args = SimpleNamespace(work=work, start=None, size=stages.SIZES["tiny"], device="cpu", seed=0)
    found = data.importance(args)
    _, _, people, faces = (data.shards(args)[i] for i in range(4))
    assert found.shape == (50, 1, 32, 32)

    def sure(mask, value):
        return torch.nn.functional.avg_pool2d((mask == value).float(), 4) == 1

    for where, expected in (
        (sure(people, 0), 1),
        (sure(people, 255) & sure(faces, 0), 1 + dn.PERSON),
        (sure(people, 255) & sure(faces, 255), 1 + dn.PERSON + dn.FACE),
    ):
        assert where.any() and torch.allclose(found[where], torch.tensor(float(expected)))


def test_a_rate_scales_every_learning_rate(trained, tmp_path, monkeypatch):

    seen = []
    monkeypatch.setattr(loop, "fit", lambda net, loss, **how: seen.append((how["rates"]["muon"], how["rates"]["adam"])) or net)
    work, _ = trained
    for rate in ("1", "0.25"):
        stages.main(["denoiser", "--size", "tiny", "--work", str(work), "--device", "cpu", "--rate", rate])
    assert seen[1] == tuple(0.25 * full for full in seen[0])


def test_a_share_of_the_pictures_is_repainted_whole(trained, monkeypatch):
    work, _ = trained
    seen = []
    monkeypatch.setattr(dn, "noise_loss", lambda net, z, text, alphas, generator, condition, weight: seen.append((condition, weight)))
    monkeypatch.setattr(stages, "train", lambda args, stage, net, loss, **how: [loss(net, i, rng.generator(i)) for i in range(100)] and net)
    saved = {f: f.read_bytes() for f in (work / "inpainting" / "unet").iterdir()}
    stages.main(["inpainting", "--size", "tiny", "--work", str(work), "--device", "cpu"])
    for file, content in saved.items():
        file.write_bytes(content)
    condition, weight = (torch.cat(parts) for parts in zip(*seen, strict=True))
    args = SimpleNamespace(work=work, start=None, size=stages.SIZES["tiny"], device="cpu", seed=0)
    grey, spread = data.blank(args, data.latents(args)["scale"])
    whole = ((condition[:, 1:] - grey).abs() < 6 * spread).flatten(1).all(1)
    assert 0.35 < whole.float().mean() < 0.5 and (condition[whole, 0] == 1).all()
    assert weight.shape == (800, 1, 32, 32) and 1 <= weight.min() < weight.max() <= 1 + dn.PERSON + dn.FACE


def test_a_retrained_autoencoder_gets_latents_of_its_own(trained, tmp_path):
    import shutil

    work, _ = trained
    args = SimpleNamespace(work=tmp_path, start=None, size=stages.SIZES["tiny"], device="cpu", seed=0)
    shutil.copytree(work / "vae", tmp_path / "vae")
    shutil.copy(work / "pictures-000.pt", tmp_path)
    for file in work.glob("latents-*.pt"):
        shutil.copy(file, tmp_path)
    assert data.latents(args)["scale"] == data.latents(SimpleNamespace(**vars(args) | {"work": work}))["scale"]
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(tmp_path / "vae")
    vae.quant_conv.weight.data.mul_(2)
    vae.save_pretrained(tmp_path / "vae")
    assert data.latents(args)["scale"] < 0.7 * data.latents(SimpleNamespace(**vars(args) | {"work": work}))["scale"]


def test_a_stage_goes_on_with_the_vocabulary_it_was_begun_with(trained, monkeypatch):
    work, _ = trained
    before = {f.name: f.read_bytes() for f in (work / "tokenizer").iterdir()}
    monkeypatch.setattr(tower, "caption_words", lambda: ["another", "grammar"])
    monkeypatch.setattr(data, "SHARD", 50)
    stages.main(["clip", "--size", "tiny", "--work", str(work), "--device", "cpu"])
    assert {f.name: f.read_bytes() for f in (work / "tokenizer").iterdir()} == before


def test_a_misspelt_stage_lists_the_stages(capsys):
    with pytest.raises(SystemExit):
        stages.main(["denoise"])
    told = capsys.readouterr().err
    assert all(stage in told for stage in stages.STAGES)
