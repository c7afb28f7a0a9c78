"""The model as methods see it, on Stable Diffusion's full anatomy at reduced width, held against diffusers and transformers."""

import json
import shutil
from pathlib import Path

import pytest
import tinysd
import torch

from reproduce import rng
from reproduce.diffusion import model as models

PROMPTS = ["a photo of a person", "two men in a wedding"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folders of saved pipelines, each made when first asked for."""
    folder = tmp_path_factory.mktemp("models")
    return lambda kind, **how: tinysd.save(folder, kind, **how)


@pytest.fixture(scope="module")
def opened(saved):
    made = {}
    return lambda kind: made[kind] if kind in made else made.setdefault(kind, models.load(str(saved(kind, sibling=True))))


def generators(count, seed=0):
    return [rng.generator(seed, "test", i) for i in range(count)]


@pytest.mark.parametrize("kind", tinysd.KINDS)
def test_parts_scales_and_sizes_come_from_the_config(opened, kind):
    model = opened(kind)
    assert (model.factor, model.size, model.scale, model.shift) == (8, 64, 0.18215, 0.0)
    assert model.schedule.prediction_type == tinysd.KINDS[kind][0]
    assert model.unet.config.in_channels == 4 and model.unet_inpainting is None
    assert not any(p.requires_grad for part in (model.vae, model.unet, model.text_encoder) for p in part.parameters())
    assert not any(part.training for part in (model.vae, model.unet, model.text_encoder))
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2  # scaled linear, Rombach et al.'s code
    torch.testing.assert_close(model.schedule.alphas_cumprod.double(), (1 - betas).cumprod(0), rtol=1e-4, atol=0)


def test_encode_and_decode_are_the_autoencoders_own_in_the_denoisers_scale(opened, saved):
    from diffusers import AutoencoderKL

    model, x = opened("1.5"), tinysd.portraits()
    vae = AutoencoderKL.from_pretrained(saved("1.5", sibling=True), subfolder="vae")
    with torch.no_grad():
        own = vae.encode(2 * x - 1).latent_dist
        got = model.encode(x)
        torch.testing.assert_close(got.mean, own.mean * 0.18215, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(got.std, own.std * 0.18215, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(model.decode(own.mean * 0.18215), vae.decode(own.mean).sample / 2 + 0.5, rtol=1e-4, atol=1e-5)


def test_a_shifted_autoencoder_is_shifted_both_ways(tmp_path):
    pipe = tinysd.pipeline(tmp_path)
    pipe.vae.register_to_config(shift_factor=0.3, scaling_factor=0.5)
    pipe.save_pretrained(tmp_path / "shifted")
    model, x = models.load(str(tmp_path / "shifted")), tinysd.portraits(1)
    with torch.no_grad():
        own = pipe.vae.encode(2 * x - 1).latent_dist.mean
        torch.testing.assert_close(model.encode(x).mean, (own - 0.3) * 0.5, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model.decode((own - 0.3) * 0.5), pipe.vae.decode(own).sample / 2 + 0.5, rtol=1e-4, atol=1e-5)


def test_decode_is_not_clamped_and_gradients_reach_images_and_latents(opened):
    model, x = opened("1.5"), tinysd.portraits(1).requires_grad_(True)
    z = model.encode(x).mean
    out = model.decode(z * 20)
    assert out.min() < 0 or out.max() > 1
    (slope,) = torch.autograd.grad(out.square().sum(), x)
    assert slope.isfinite().all() and slope.abs().max() > 0


def test_images_that_do_not_fit_the_grid_get_one_line(opened):
    with pytest.raises(ValueError, match="multiples of 8, got .60, 64.") as told:
        opened("1.5").encode(torch.zeros(1, 3, 60, 64))
    assert "\n" not in str(told.value) and "pad or crop" in str(told.value)
    with pytest.raises(ValueError, match=r"images\[0\]"):
        opened("1.5").encode(torch.full((1, 3, 64, 64), 1.5))


def test_one_generator_an_image_makes_a_draw_independent_of_its_batch(opened):
    with torch.no_grad():
        posterior = opened("1.5").encode(tinysd.portraits(3))
    drawn = posterior.sample(generators(3))
    alone = models.Posterior(posterior.mean[2:], posterior.std[2:]).sample(generators(3)[2])
    assert torch.equal(alone, drawn[2:])
    noise = torch.stack([torch.randn(4, 8, 8, generator=g) for g in generators(3)])
    torch.testing.assert_close((drawn - posterior.mean) / posterior.std, noise, rtol=1e-3, atol=1e-3)


def test_text_is_the_encoders_last_state_of_padded_prompts(opened):
    model = opened("2.1-base")
    got = model.text([*PROMPTS, ""])
    assert got.shape == (3, model.tokenizer.model_max_length, 16)
    ids = model.tokenizer(PROMPTS[1], padding="max_length", max_length=model.tokenizer.model_max_length, return_tensors="pt").input_ids
    torch.testing.assert_close(got[1:2], model.text_encoder(ids).last_hidden_state)
    assert (got[0] - got[1]).abs().max() > 0.1
    many = model.text(["a photo " * 100])  # cut, not refused
    assert many.shape == got[:1].shape


@pytest.mark.parametrize("kind", tinysd.KINDS)
def test_predicted_noise_agrees_with_diffusers_schedulers(opened, kind):
    """The clean latents that diffusers' scheduler reads from the raw output are those that our noise implies."""
    model = opened(kind)
    x, text, t = torch.randn(3, 4, 8, 8, generator=rng.generator(0)), model.text([*PROMPTS, ""]), torch.tensor([1, 400, 999])
    with torch.no_grad():
        noise = model.predict_noise(x, t, text)
        raw = model.unet(x, t, encoder_hidden_states=text).sample
    scheduler = model.scheduler
    scheduler.set_timesteps(1000)
    for i, step in enumerate(t.tolist()):
        a = scheduler.alphas_cumprod[step].double()
        clean = (x[i].double() - (1 - a).sqrt() * noise[i].double()) / a.sqrt()
        theirs = scheduler.step(raw[i : i + 1].double(), step, x[i : i + 1].double()).pred_original_sample[0]
        torch.testing.assert_close(clean, theirs, rtol=1e-4, atol=1e-4)


def test_velocity_of_known_noise_is_read_back_as_that_noise(opened):
    """A network that predicts diffusers' own velocity target: its noise must come back."""
    model = opened("2.1-768")
    clean, noise = torch.randn(2, 2, 4, 8, 8, generator=rng.generator(0))
    t = torch.tensor([300, 900])
    target = model.scheduler.get_velocity(clean, noise, t)

    class Perfect(torch.nn.Module):
        def forward(self, given, t, encoder_hidden_states):
            return type("Output", (), {"sample": target})

    own, model.unet = model.unet, Perfect()
    try:
        got = model.predict_noise(model.scheduler.add_noise(clean, noise, t), t, torch.zeros(2, 1, 16))
    finally:
        model.unet = own
    torch.testing.assert_close(got, noise, rtol=1e-4, atol=1e-4)


def test_a_step_for_all_is_a_step_for_each(opened):
    model = opened("2.1-768")
    x, text = torch.randn(2, 4, 8, 8, generator=rng.generator(0)), model.text(PROMPTS)
    with torch.no_grad():
        together = model.predict_noise(x, 500, text)
        torch.testing.assert_close(together, model.predict_noise(x, torch.tensor([500, 500]), text))
        torch.testing.assert_close(together[1:], model.predict_noise(x[1:], 500, text[1:]), rtol=1e-4, atol=1e-5)


def test_the_nine_channel_sibling_sees_mask_and_masked_latents(saved):
    folder = saved("1.5", sibling=True)
    model = models.load(str(folder), inpainting=str(folder / "inpainting"))
    x, text = torch.randn(2, 4, 8, 8, generator=rng.generator(0)), model.text(PROMPTS)
    condition = torch.randn(2, 5, 8, 8, generator=rng.generator(1))
    with torch.no_grad():
        got = model.predict_noise(x, 500, text, condition)
        raw = model.unet_inpainting(torch.cat([x, condition], 1), 500, encoder_hidden_states=text).sample
    torch.testing.assert_close(got, raw)
    assert (got - model.predict_noise(x, 500, text)).abs().max() > 1e-3


def test_a_missing_denoiser_and_an_unknown_prediction_are_named(opened, saved):
    model, x = opened("1.5"), torch.zeros(1, 4, 8, 8)
    with pytest.raises(ValueError, match="has no 9-channel inpainting denoiser"):
        model.predict_noise(x, 1, model.text([""]), torch.zeros(1, 5, 8, 8))
    only = models.load(str(saved("1.5", channels=9)))
    assert only.unet is None and only.size == 64
    with pytest.raises(ValueError, match="has no 4-channel denoiser"):
        only.predict_noise(x, 1, only.text([""]))
    only.predict_noise(x, 1, only.text([""]), torch.zeros(1, 5, 8, 8))
    only.scheduler.register_to_config(prediction_type="sample")
    with pytest.raises(ValueError, match="epsilon or v_prediction, got sample"):
        only.predict_noise(x, 1, only.text([""]), torch.zeros(1, 5, 8, 8))
    with pytest.raises(ValueError, match="got neither"):
        models.LatentModel(vae=model.vae, text_encoder=model.text_encoder, tokenizer=None, scheduler=None)


@pytest.mark.parametrize("kind", ["1.5", "2.1-768"])
def test_a_ddim_loop_over_predict_noise_is_the_pipelines_text_to_image(opened, saved, kind):
    """Written out from the DDIM paper's equation 12 (eta 0), with guidance, against diffusers' StableDiffusionPipeline."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    model, steps, guidance = opened(kind), 6, 7.5
    start = torch.randn(1, 4, 8, 8, generator=rng.generator(3))
    pipe = StableDiffusionPipeline.from_pretrained(saved(kind, sibling=True), safety_checker=None)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False)
    pipe.set_progress_bar_config(disable=True)
    theirs = pipe(PROMPTS[:1], latents=start, num_inference_steps=steps, guidance_scale=guidance, output_type="latent").images

    a, text, none = model.schedule.alphas_cumprod, model.text(PROMPTS[:1]), model.text([""])
    x, stride = start, 1000 // steps
    with torch.no_grad():
        for t in [i * stride + 1 for i in reversed(range(steps))]:
            free, asked = model.predict_noise(x, t, none), model.predict_noise(x, t, text)
            noise = free + guidance * (asked - free)
            before = a[t - stride] if t >= stride else a[0]
            clean = (x - (1 - a[t]).sqrt() * noise) / a[t].sqrt()
            x = before.sqrt() * clean + (1 - before).sqrt() * noise
    assert (x - start).abs().max() > 0.1
    torch.testing.assert_close(x, theirs, rtol=1e-4, atol=1e-4 * theirs.abs().max().item())


def test_latents_are_never_clipped_whatever_the_scheduler_config_leaves_out(saved):
    """PNDM's config says nothing of clipping, DDIM's default is to clip: right for pixels, ruin for latents."""
    from diffusers import StableDiffusionInpaintPipeline

    model = models.load(str(saved("1.5", sibling=True)))
    assert model.scheduler.config.clip_sample is False and model.scheduler.config.steps_offset == 1
    parts = dict(vae=model.vae, text_encoder=model.text_encoder, tokenizer=model.tokenizer, unet=model.unet)
    pipe = StableDiffusionInpaintPipeline(
        **parts, scheduler=model.scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )  # this one does not mend the config by itself, unlike the others
    assert pipe.scheduler.config.clip_sample is False


def test_half_precision_keeps_images_latents_and_noise_in_single(saved):
    model = models.load(str(saved("1.5", sibling=True)), dtype=torch.bfloat16)
    x = tinysd.portraits(1)
    with torch.no_grad():
        z = model.encode(x).mean
        noise = model.predict_noise(z, 500, model.text(PROMPTS[:1]))
        assert {z.dtype, noise.dtype, model.decode(z).dtype} == {torch.float32}
    parts = (model.vae, model.unet, model.text_encoder)
    assert {p.dtype for part in parts for p in part.parameters()} == {torch.bfloat16}


def test_the_fingerprint_follows_weights_and_configs_and_nothing_else(saved, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = saved("1.5", sibling=True)
    first = models.fingerprint(folder)
    assert len(first) == 12 and int(first, 16) >= 0 and first == models.fingerprint(str(folder))
    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    (copy / "README.md").write_text("a note")
    assert models.fingerprint(copy) == first

    weights = copy / "inpainting" / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    name = sorted(tensors)[-1]
    tensors[name].view(-1)[-1] += 1e-6 + tensors[name].view(-1)[-1].abs() * 1e-5
    save_file(tensors, weights, metadata={"format": "pt"})
    second = models.fingerprint(copy)
    assert second != first

    config = copy / "vae" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"scaling_factor": 0.18216}, indent=2) + "\n")
    assert models.fingerprint(copy) not in (first, second)


def test_every_byte_of_large_weights_counts(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(bytes(9 * 2**20))
    first = models.fingerprint(tmp_path)
    for at in (0, 5 * 2**20 + 123, 9 * 2**20 - 1):
        with file.open("r+b") as stream:
            stream.seek(at)
            stream.write(b"\1")
        second = models.fingerprint(tmp_path)
        assert second != first
        first = second


def test_the_sibling_counts_wherever_it_lies(saved, tmp_path):
    source = saved("1.5")
    inner = Path(shutil.copytree(source, tmp_path / "copy"))
    beside = tmp_path / "beside"
    for place in (inner / "inpainting", beside):
        tinysd.unet("1.5", 9, seed=3).save_pretrained(place / "unet")
    alone, with_it = models.fingerprint(source), models.fingerprint(source, beside)
    assert len({alone, with_it, models.fingerprint(inner)}) == 3
    assert models.fingerprint(inner) == models.fingerprint(inner, inner / "inpainting"), "its own folder counts once"
    tinysd.unet("1.5", 9, seed=4).save_pretrained(beside / "unet")
    assert models.fingerprint(source, beside) != with_it
    assert models.load(str(source), inpainting=str(beside)).fingerprint == models.fingerprint(source, beside)


def test_a_hub_id_is_fingerprinted_by_its_cached_commit(monkeypatch):
    import huggingface_hub

    there = "/cache/models--a--b/snapshots/0123456789abcdef0123/model_index.json"
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda source, name: there)
    assert models.fingerprint("a/b") == "0123456789ab"
    both = models.fingerprint("a/b", "a/c")
    assert len(both) == 12 and both not in ("0123456789ab", "unresolved")
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda source, name: None)
    assert models.fingerprint("a/b") == "unresolved"
