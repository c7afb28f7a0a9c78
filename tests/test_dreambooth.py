"""DreamBooth on the one training loop: a step is the published script's, the model stays what it is, and each training is its own."""

import copy
import dataclasses

import pytest
import tinysd
import torch
import torch.nn.functional as F

from reproduce import rng
from reproduce.diffusion import model as models
from reproduce.misuse import dreambooth
from reproduce.papers import dreambooth as paper

PLAIN = paper.DreamBoothSettings(
    learn=("unet", "text_encoder"), rate=1e-3, steps=2, batch=2, prior=0.7, others=3, prompt="a photo of sks person",
    group="a photo of a person", source="a test", differs="", precision="float32",
)  # fmt: skip


@pytest.fixture(scope="module", params=["1.5", "2.1-768"])
def model(request, tmp_path_factory):
    return models.load(tinysd.save(tmp_path_factory.mktemp("dreambooth"), request.param))


@pytest.fixture(scope="module")
def people():
    return tinysd.portraits(4)


def generators(seed=0, count=4):
    return [rng.generator(seed, "test", i) for i in range(count)]


def tune(people, model, settings=PLAIN, seed=0, **given):
    given = {"others": people[:3].flip(-1)} | given
    return dreambooth.tune(people, model, settings=settings, generator=generators(seed, len(people)), **given)


def test_a_step_is_the_published_one(model, people):
    """The script's step, written plainly on diffusers' own parts: noised latents of both halves, one forward, two means, clip, AdamW."""
    others, seed = people[:3].flip(-1), generators()[0].initial_seed()
    unet, tower, scheduler = copy.deepcopy(model.unet), copy.deepcopy(model.text_encoder), model.scheduler
    parameters = [*unet.requires_grad_(True).parameters(), *tower.requires_grad_(True).parameters()]
    optimiser = torch.optim.AdamW(parameters, 1e-3, betas=(0.9, 0.999), weight_decay=0.01, eps=1e-8)
    dists = [model.vae.encode(x * 2 - 1).latent_dist for x in (people, others)]
    for step in range(PLAIN.steps):
        chance, latents, ts, noises = rng.generator(seed, "dreambooth", step), [], [], []
        for dist, rows in zip(dists, dreambooth.batch(step, [4, 3], PLAIN, seed), strict=True):
            mean, std = dist.mean[rows], dist.std[rows]
            latents.append((mean + std * torch.randn(mean.shape, generator=chance)) * model.vae.config.scaling_factor)
            ts.append(torch.randint(1000, (2,), generator=chance))
            noises.append(torch.randn(mean.shape, generator=chance))
        latents, t, noise = torch.cat(latents), torch.cat(ts), torch.cat(noises)
        tokens = model.tokenizer(
            [PLAIN.prompt] * 2 + [PLAIN.group] * 2, padding="max_length", truncation=True,
            max_length=model.tokenizer.model_max_length, return_tensors="pt",
        ).input_ids  # fmt: skip
        guess = unet(scheduler.add_noise(latents, noise, t), t, encoder_hidden_states=tower(tokens)[0]).sample
        wanted = noise if scheduler.config.prediction_type == "epsilon" else scheduler.get_velocity(latents, noise, t)
        (own, prior), (its, theirs) = guess.chunk(2), wanted.chunk(2)
        value = F.mse_loss(own, its) + PLAIN.prior * F.mse_loss(prior, theirs)
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
    told = tune(people, model)
    plain = {f"unet.{n}": p for n, p in unet.named_parameters()} | {f"text_encoder.{n}": p for n, p in tower.named_parameters()}
    assert told.keys() == plain.keys()
    moved = {name: (plain[name] - getattr(model, name.partition(".")[0]).get_parameter(name.partition(".")[2])).abs() for name in plain}
    assert sum((change > 5e-4).sum().item() for change in moved.values()) > 10_000, "AdamW moves weights by about the rate"
    # where a gradient is next to nothing, Adam divides it by next to nothing: the sum over the batch in another order tells there
    off = torch.cat([(told[name] - plain[name]).abs().flatten() for name in plain])
    assert (off < 1e-6).float().mean() > 0.999


def test_the_model_stays_and_trainings_do_not_see_each_other(model, people):
    before = {name: p.clone() for name, p in model.parameters_of(("unet", "text_encoder", "vae")).items()}
    first, other = tune(people, model), tune(people.flip(0), model, seed=1)
    again, same = tune(people.flip(0), model, seed=1), tune(people, model)
    assert all(torch.equal(first[name], same[name]) and torch.equal(other[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    after = model.parameters_of(("unet", "text_encoder", "vae"))
    assert all(torch.equal(p, before[name]) and not p.requires_grad for name, p in after.items())


@pytest.mark.parametrize("order", ["shuffled", "fixed"])
def test_a_round_takes_every_class_picture_once(order):
    settings = dataclasses.replace(PLAIN, order=order, batch=2)
    steps = [dreambooth.batch(step, [4, 10], settings, 5) for step in range(15)]
    for epoch in range(3):
        own, others = zip(*steps[epoch * 5 : (epoch + 1) * 5], strict=True)
        assert sorted(sum(others, [])) == list(range(10)) and [[i % 4 for i in one] for one in others] == list(own)
    pairs = {tuple(sorted(own)) for own, _ in steps}
    assert (pairs == {(0, 1), (2, 3)}) == (order == "fixed")
    assert steps[:5] != steps[5:10] and steps == [dreambooth.batch(step, [4, 10], settings, 5) for step in range(15)]
    alone = [dreambooth.batch(step, [3], settings, 5)[0] for step in range(2)]
    assert sorted(sum(alone, [])) == [0, 1, 2] and {len(one) for one in alone} == {1, 2}


KINDS = {
    "keys and values": dict(learn=("unet.kv",)),
    "adapters": dict(learn=("unet", "text_encoder"), rank=2),
    "denoiser": dict(learn=("unet",), checkpointed=True),
    "no prior": dict(prior=0.0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_learns_is_what_was_said_and_can_be_put_back(model, people, kind):
    settings = dataclasses.replace(PLAIN, **KINDS[kind])
    weights = tune(people, model, settings)
    words = {"keys and values": ("attn2.to_k.", "attn2.to_v."), "adapters": ("lora_A.", "lora_B.")}.get(kind, ("",))
    assert weights and all(any(word in name for word in words) for name in weights)
    assert {name.partition(".")[0] for name in weights} == {one.partition(".")[0] for one in settings.learn}
    tuned, fresh = dreambooth.tuned(model, weights, settings=settings), dreambooth.learner(model, settings)
    draw = dict(latents=torch.randn(2, 4, 8, 8, generator=rng.generator(0, "x")), t=torch.tensor([10, 700]))
    with torch.no_grad():
        outs = [one.predict_noise(**draw, text=one.text([PLAIN.prompt] * 2)) for one in (model, fresh, tuned)]
    assert (outs[0] - outs[1]).abs().max() < 1e-5, "before it has learnt anything it is the model"
    assert (outs[2] - outs[0]).abs().mean() > 1e-5
    shared = model.unet.conv_in.weight.data_ptr() == tuned.unet.conv_in.weight.data_ptr()
    assert shared == (kind in ("keys and values", "adapters")), "what does not learn is not copied"
    assert not any(p.requires_grad for p in tuned.unet.parameters()) and not tuned.unet.training


@pytest.mark.parametrize("kind", ["denoiser", "keys and values", "adapters"])
def test_a_model_in_half_learns_in_single_and_paints_in_half(people, tmp_path_factory, kind):
    half = models.load(tinysd.save(tmp_path_factory.mktemp("half"), "1.5"), dtype=torch.bfloat16)
    settings = dataclasses.replace(PLAIN, **KINDS[kind])
    weights = tune(people, half, settings)
    assert {part.dtype for part in weights.values()} == {torch.float32}
    tuned = dreambooth.tuned(half, weights, settings=settings)
    assert tuned.unet.conv_in.weight.dtype == torch.bfloat16
    sampling = paper.EditSettings(2.0, 2, None, None, 64, "", "")
    made = dreambooth.sample([PLAIN.prompt] * 2, tuned, settings=sampling, generator=generators(1, 2))
    assert made.shape == (2, 3, 64, 64) and made.isfinite().all()


def test_less_of_a_loss_and_pictures_for_any_number_of_prompts(model, people):
    told, settings = [], dataclasses.replace(PLAIN, steps=40, rate=3e-3)
    sampling = paper.EditSettings(2.0, 2, None, None, 64, "", "")
    rule = dict(settings=settings, sampling=sampling, prompts=[PLAIN.prompt] * 5, others=people[:2])
    made = dreambooth.customise(people, model, generator=generators(), callback=lambda step, value: told.append(value.item()), **rule)
    assert made.shape == (5, 3, 64, 64) and len(told) == 40 and sum(told[-10:]) < 0.97 * sum(told[:10])
    assert not torch.equal(made[0], made[1])


def test_class_pictures_are_the_models_own_where_none_are_given(model, people):
    settings = dataclasses.replace(PLAIN, others=2, steps=1)
    seed = generators()[0].initial_seed()
    others = dreambooth.painted(model, settings, seed)
    given, own = tune(people, model, settings, others=others), tune(people, model, settings, others=None)
    assert others.shape == (2, 3, 64, 64) and all(torch.equal(given[name], own[name]) for name in given)


def test_what_cannot_be_tuned_is_said_in_one_line(model, people):
    with pytest.raises(ValueError, match="multiples of 8, got .60, 60."):
        tune(people[..., :60, :60], model)
    with pytest.raises(ValueError, match="no part 'wings'"):
        tune(people, model, dataclasses.replace(PLAIN, learn=("wings",)))
    with pytest.raises(ValueError, match="adapters: expected parts of unet, text_encoder, got 'vae'"):
        tune(people, model, dataclasses.replace(PLAIN, learn=("vae",), rank=2))
    with pytest.raises(ValueError, match="the loss is nan .* lower rates"):
        tune(people, model, dataclasses.replace(PLAIN, rate=1e12, clip=None, steps=4))
    weights = tune(people, model, dataclasses.replace(PLAIN, learn=("unet.kv",), steps=1))
    with pytest.raises(ValueError, match="weights: expected those of"):
        dreambooth.tuned(model, weights, settings=PLAIN)
    blind = copy.copy(model)
    blind.unet = None
    with pytest.raises(ValueError, match="no 4-channel denoiser"):
        tune(people, blind)
    with pytest.raises(ValueError, match="generator: expected one per image"):
        dreambooth.tune(people, model, settings=PLAIN, generator=None, others=people)
