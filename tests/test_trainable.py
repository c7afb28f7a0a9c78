"""Trainable copies of a model, and the loop in memory: what learns changes, and nothing else does, here or in the original."""

import copy

import pytest
import tinysd
import torch

from reproduce import rng
from reproduce.diffusion import optimiser, precision, training
from reproduce.diffusion.model import LatentModel

PARTS = ("unet", "unet_inpainting", "text_encoder", "vae")


@pytest.fixture
def model(models):
    """The tiny model, with a check that a test left its weights as they were, frozen, to the bit."""
    one = models()
    before = {part: copy.deepcopy(getattr(one, part).state_dict()) for part in PARTS}
    told = outputs(one)
    yield one
    for part, state in before.items():
        now = getattr(one, part).state_dict()
        assert all(torch.equal(now[name], state[name]) for name in state) and list(now) == list(state)
        assert not any(p.requires_grad or p.grad is not None for p in getattr(one, part).parameters())
    assert all(torch.equal(a, b) for a, b in zip(told, outputs(one), strict=True))


@torch.no_grad()
def outputs(one):
    """What every part of a model makes of the same input."""
    x = tinysd.portraits(2).to(torch.promote_types(one.dtype, torch.float32))
    z, text = one.encode(x).mean, one.text(["a photo", "two men"])
    condition = torch.cat([torch.ones_like(z[:, :1]), z], 1)
    return z, one.decode(z), text, one.predict_noise(z, 40, text), one.predict_noise(z, 40, text, condition)


def noise_loss(one):
    """The training objective of a model on two pictures, through every part of it."""
    x = tinysd.portraits(2)

    def loss(net, step, generator):
        z = one.encode(x).mean
        noise, t = torch.randn(z.shape, generator=generator), torch.randint(1000, (2,), generator=generator)
        a = one.schedule.alphas_cumprod[t].view(-1, 1, 1, 1)
        text, noisy = one.text(["a photo of a person"] * 2), a.sqrt() * z + (1 - a).sqrt() * noise
        condition = torch.cat([torch.ones_like(z[:, :1]), z], 1)
        apart = one.predict_noise(noisy, t, text) - noise, one.predict_noise(noisy, t, text, condition) - noise, one.decode(z) - x
        return sum(part.square().mean() for part in apart)

    return loss


def changed(one, other):
    """The names of the parameters in which two models differ, led by their parts'."""
    pairs = ((part, dict(getattr(other, part).named_parameters()), getattr(one, part).named_parameters()) for part in PARTS)
    return {f"{part}.{name}" for part, own, theirs in pairs for name, p in theirs if not torch.equal(own[name], p)}


RATES = ({"adamw": 1e-2}, {"muon": 1e-2, "adam": 1e-2})


@pytest.mark.parametrize("rates", RATES, ids=("adamw", "pair"))
@pytest.mark.parametrize(
    ("which", "lead"),
    [
        ("unet", "unet."), ("unet_inpainting", "unet_inpainting."), ("text_encoder", "text_encoder."), ("vae", "vae."),
        (("unet.attn2", "text_encoder"), ("unet.", "text_encoder.")), ("vae.decoder", "vae.decoder."),
        ("unet.mid_block", "unet.mid_block."),
    ],
)  # fmt: skip
def test_only_the_named_parts_learn(model, which, lead, rates):
    made = model.trainable(which)
    assert all(torch.equal(a, b) for a, b in zip(outputs(model), outputs(made), strict=True))
    assert training.fit(made.learners, noise_loss(made), steps=3, rates=rates, precision="float32") is not None
    named = set(model.parameters_of(which))
    moved = changed(made, model)
    assert moved and moved <= named and all(name.startswith(lead) for name in named)
    assert len(moved) > 0.8 * len(named), "of a text tower, the last norm and unused words have no gradient"
    assert made.fingerprint != model.fingerprint
    for part in PARTS:
        for name, p in getattr(made, part).named_parameters():
            same = p.data_ptr() == dict(getattr(model, part).named_parameters())[name].data_ptr()
            assert p.requires_grad == (f"{part}.{name}" in named) != same, "the rest is shared, not copied"


def test_kv_is_the_keys_and_values_of_the_cross_attention(model):
    made = model.trainable("unet.kv")
    names = set(made.parameters_of("unet.kv"))
    assert len(names) == 2 * 16 and all(name.endswith(("attn2.to_k.weight", "attn2.to_v.weight")) for name in names)
    training.fit(made.learners, noise_loss(made), steps=3, rates={"adamw": 1e-2}, precision="float32")
    assert changed(made, model) == names


def test_a_copy_may_be_moved_or_cast_and_another_made_of_it(model):
    made = model.trainable("unet.kv")
    training.fit(made.learners, noise_loss(made), steps=1, rates={"adamw": 1e-2}, precision="float32")
    again = made.trainable("text_encoder")
    tuned = outputs(made)
    assert not any(p.requires_grad for p in again.unet.parameters()) and set(again.learners) == {"text_encoder"}
    training.fit(again.learners, noise_loss(again), steps=2, rates={"adamw": 1e-2}, precision="float32")
    assert all(torch.equal(a, b) for a, b in zip(tuned, outputs(made), strict=True)) and made.learners["unet"] is made.unet
    later = outputs(again)
    training.fit(made.learners, noise_loss(made), steps=1, seed=1, rates={"adamw": 1e-2}, precision="float32")
    assert all(torch.equal(a, b) for a, b in zip(later, outputs(again), strict=True)), "nor do its weights go along with the first copy's"
    made.unet.half()
    assert model.unet.dtype == again.unet.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_what_learns_of_a_model_in_half_precision_is_in_float32(models, dtype):
    given = models()
    parts = {part: copy.deepcopy(getattr(given, part)) for part in PARTS}
    half = LatentModel(**parts, tokenizer=given.tokenizer, scheduler=given.scheduler, dtype=dtype)
    before = outputs(half)
    made = half.trainable(("unet.attn2", "text_encoder"))
    wanted = torch.float32 if dtype == torch.bfloat16 else dtype
    assert made.unet.dtype == made.text_encoder.dtype == wanted and made.vae is half.vae and made.vae.dtype == dtype
    x = tinysd.portraits(2).to(wanted)

    def loss(net, step, generator):
        z = made.encode(x).mean
        return (made.predict_noise(z, 300, made.text(["a photo"] * 2)) - z).square().mean()

    values = []
    training.fit(made.learners, loss, steps=20, rates={"adamw": 3e-3}, callback=lambda step, value: values.append(value.item()))
    assert values[-1] < 0.9 * values[0] and all(torch.equal(a, b) for a, b in zip(before, outputs(half), strict=True))
    assert {p.grad.dtype for p in made.parameters_of("unet.attn2").values()} == {wanted}


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("unnet", r"no part 'unnet'; there is unet, unet_inpainting, text_encoder, vae"),
        (("unet", "kv"), r"no part 'kv'; there is unet"),
        ("unet.attn9", r"unet has nothing called 'attn9'; there is conv_in, .*mid_block.*, and kv"),
        ("vae.kv", "vae has nothing called 'kv'"),
        ("unet.attn", "nothing called 'attn'"),
        ((), "at least one part .*, got none; there is unet"),
        ((3,), "no part '3'"),
    ],
)
def test_a_part_that_there_is_not_is_one_line(model, which, said):
    for call in (model.trainable, model.parameters_of):
        with pytest.raises(ValueError, match=said) as told:
            call(which)
        assert "\n" not in str(told.value)
    assert len(model.learners) == 0


# --- the loop in memory ------------------------------------------------------------------------------------------------------


def line(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))


def regression(net, step, generator):
    x = torch.rand(16, 3, generator=generator)
    return (net(x)[:, 0] - x.sum(1)).square().mean()


def test_in_memory_nothing_is_written_or_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    net, steps = line(), []
    got = training.fit(net, regression, steps=10, rates={"adamw": 1e-2}, average=None, callback=lambda step, value: steps.append(step))
    assert got is net and not net.training and steps == list(range(10))
    assert list(tmp_path.iterdir()) == [] and capsys.readouterr() == ("", "")
    whole = training.fit(line(), regression, steps=10, rates={"adamw": 1e-2}, folder=tmp_path / "kept", say_every=5)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), net.parameters(), strict=True))
    assert {file.name for file in (tmp_path / "kept").iterdir()} == {"fit.pt", "fit.jsonl"}
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("rates", RATES, ids=("adamw", "pair"))
@pytest.mark.parametrize("average", [None, 0.9])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, rates, average):
    rule = dict(steps=12, rates=rates, average=average, save_every=4)
    want = training.fit(line(), regression, **rule)

    def stopped(net, step, generator):
        if step == 6:
            raise InterruptedError
        return regression(net, step, generator)

    with pytest.raises(InterruptedError):
        training.fit(line(), stopped, folder=tmp_path, **rule)
    assert torch.load(tmp_path / "fit.pt", weights_only=True)["step"] == 4
    got = training.fit(line(), regression, folder=tmp_path, **rule)
    assert all(torch.equal(a, b) for a, b in zip(want.parameters(), got.parameters(), strict=True))
    with pytest.raises(ValueError, match="belongs to a run of 12 steps with seed 0.* this one has 12 steps with seed 0") as told:
        training.fit(line(), regression, folder=tmp_path, **rule | dict(average=None if average else 0.9))
    assert str(told.value).count("not averaged") == 1


def test_adamw_is_torchs_at_a_constant_rate_with_the_gradient_clipped():
    net, own = line(), line()
    training.fit(net, regression, steps=5, rates={"adamw": 1e-2, "decay": 0.1}, clip=0.05, precision="float32")
    theirs = torch.optim.AdamW(own.parameters(), 1e-2, weight_decay=0.1)
    for step in range(5):
        theirs.zero_grad()
        regression(own, step, rng.generator(0, "fit", step)).backward()
        norm = torch.stack([p.grad.norm() for p in own.parameters()]).norm()
        assert norm > 0.05
        for p in own.parameters():
            p.grad *= 0.05 / norm
        theirs.step()
    for a, b in zip(net.parameters(), own.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_the_loop_sets_the_precision_once_and_single_is_the_way_out(monkeypatch):
    seen = []

    def loss(net, step, generator):
        x = torch.rand(4, 3, generator=generator)
        with precision.single("cpu"):
            inside = net[0](x).dtype
        assert not torch.is_autocast_cache_enabled(), "older torch keeps a cast made under no_grad, and its weight has no gradient then"
        seen.append((net[0](x).dtype, inside))
        return net(x).float().mean()

    for pays, given in ((False, None), (True, None), (True, "float32"), (False, "bfloat16")):
        monkeypatch.setattr(precision, "pays", lambda device, pays=pays: pays)
        training.fit(line(), loss, steps=1, precision=given)
    assert [outside for outside, _ in seen] == [torch.float32, torch.bfloat16, torch.float32, torch.bfloat16]
    assert {inside for _, inside in seen} == {torch.float32}


def test_weights_used_without_gradients_first_have_one_after():

    def loss(net, step, generator):
        x = torch.rand(4, 3, generator=generator)
        with torch.no_grad():
            aim = net(x).float() + 1
        return (net(x).float() - aim).square().mean()

    net = line()
    training.fit(net, loss, steps=1, rates={"adamw": 1e-2}, precision="bfloat16")
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (dict(steps=0), "steps: expected a whole number, 1 or more, or minutes, got 0"),
        (dict(steps=None), "or minutes, got None"),
        (dict(rates={"sgd": 1}), "rates: expected muon and adam, or adamw .*, got sgd"),
        (dict(rates={"muon": 1}), "rates: .*got muon"),
        (dict(precision="float16"), "precision: expected float32, bfloat16 or None .*, got 'float16'"),
        (dict(net=line().requires_grad_(False)), "net: nothing in this Sequential learns"),
        (dict(rates={"adamw": float("inf")}), "fit: the loss is nan after 3 steps"),
    ],
)
def test_bad_requests_are_refused_in_one_line(given, said):
    given = dict(net=line(), loss=regression, steps=3) | given
    with pytest.raises(ValueError, match=said) as told:
        training.fit(given.pop("net"), given.pop("loss"), **given)
    assert "\n" not in str(told.value)


def test_a_net_of_matrices_alone_has_muon_alone():
    net = torch.nn.Linear(3, 4, bias=False)
    made = optimiser.of(net, 10, {"muon": 1e-2, "adam": 1e-3}, None)
    assert [type(part) for part, _ in made.parts] == [optimiser.Muon]
