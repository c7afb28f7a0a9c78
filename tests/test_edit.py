"""Edits and attacks through Stable Diffusion's full anatomy at reduced width, offline, held against diffusers called directly."""

import socket
from dataclasses import replace

import pytest
import tinysd
import torch

from reproduce import images as pixels
from reproduce import protect, rng
from reproduce.diffusion import profiles
from reproduce.misuse import edit
from reproduce.papers import photoguard as paper

VARIATION = replace(paper.PHOTOGUARD_EDIT["released variation"], steps=6)
INPAINTING = replace(paper.PHOTOGUARD_EDIT["released inpainting"], steps=4)
PROMPTS = ["a photo of a person in the snow", "two men in a wedding", "a photo of a person"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def model(folder):
    return profiles.open(str(tinysd.save(folder, sibling=True))).model


@pytest.fixture
def offline(monkeypatch):
    """No socket at all, and the hub's client told so."""

    def refuse(*args, **kwargs):
        raise OSError("this test tried to open a connection")

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def noise(*which, seed=0):
    """Generators, one per picture."""
    return [rng.generator(seed, "edit", i) for i in which]


def right_half(count=1):
    mask = torch.zeros(count, 1, 64, 64)
    mask[..., 32:] = 1
    return mask


def apart(a, b):
    """The largest difference between pictures, in grey levels, (N,)."""
    return (pixels.levels(a).int() - pixels.levels(b).int()).abs().flatten(1).amax(1)


@pytest.mark.parametrize("kind", tinysd.KINDS)
def test_attack_and_edits_run_offline_on_any_stable_diffusion(folder, offline, kind):
    opened = profiles.open(str(tinysd.save(folder, kind, sibling=True)), "smoke")
    model, x = opened.model, tinysd.portraits(2)
    assert opened.size == 64 and model.unet.config.in_channels == 4 and model.unet_inpainting.config.in_channels == 9

    done = protect.apply(x, model, "photoguard-encoder", settings="equal", steps=4)
    assert (apart(done, x) <= 8).all() and (apart(done, x) >= 4).all()
    with torch.no_grad():
        grey = model.encode(torch.full_like(x, 0.5)).mean
        before, after = ((model.encode(y).mean - grey).flatten(1).norm(dim=1) for y in (x, done))
    assert (after < 0.97 * before).all()

    varied = edit.vary(x, PROMPTS[:2], model, settings=VARIATION, generator=noise(0, 1))
    painted = edit.inpaint(x, right_half(2), PROMPTS[:2], model, settings=INPAINTING, generator=noise(0, 1))
    for made in (varied, painted):
        assert made.shape == x.shape and torch.equal(made, pixels.quantise(made)) and (apart(made, x) > 20).all()


def test_a_folder_whose_own_denoiser_has_nine_channels_inpaints_and_says_what_it_cannot(folder, offline):
    model = profiles.open(str(tinysd.save(folder, "2.1-base", channels=9))).model
    x = tinysd.portraits(1)
    assert (apart(protect.apply(x, model, "photoguard-encoder", settings="equal", steps=2), x) <= 8).all()
    made = edit.inpaint(x, right_half(), PROMPTS[:1], model, settings=INPAINTING, generator=noise(0))
    assert made.shape == x.shape
    with pytest.raises(ValueError, match="no 4-channel denoiser, which StableDiffusionImg2ImgPipeline needs") as told:
        edit.vary(x, PROMPTS[:1], model, settings=VARIATION, generator=noise(0))
    assert "\n" not in str(told.value)
    plain = profiles.open(str(tinysd.save(folder, "2.1-base"))).model
    with pytest.raises(ValueError, match="no 9-channel inpainting denoiser"):
        edit.inpaint(x, right_half(), PROMPTS[:1], plain, settings=INPAINTING, generator=noise(0))


@pytest.mark.parametrize("kind", ["1.5", "2.1-768"])
def test_a_variation_is_diffusers_own(folder, kind):
    from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline

    place, x = tinysd.save(folder, kind, sibling=True), tinysd.portraits(2)
    got = edit.vary(x, PROMPTS[:2], profiles.open(str(place)).model, settings=VARIATION, generator=noise(0, 1))
    pipe = StableDiffusionImg2ImgPipeline.from_pretrained(place, safety_checker=None)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False)
    how = dict(strength=0.5, guidance_scale=7.5, num_inference_steps=6, eta=0.0, output_type="pt")
    for i in range(2):  # one call each, with one generator each, from a Pillow image
        theirs = pipe(prompt=PROMPTS[i], image=pixels.to_pil(x[i]), generator=noise(i)[0], **how).images
        torch.testing.assert_close(got[i : i + 1], pixels.quantise(theirs), rtol=0, atol=1.01 / 255)


def test_inpainting_is_diffusers_own(folder, model):
    from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline

    x, mask = tinysd.portraits(2), right_half(2)
    mask[1] = 1 - mask[1]
    got = edit.inpaint(x, mask, PROMPTS[:2], model, settings=INPAINTING, generator=noise(0, 1))
    pipe = StableDiffusionInpaintPipeline.from_pretrained(
        tinysd.save(folder, sibling=True), unet=tinysd.unet("1.5", 9, seed=3), safety_checker=None
    )
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False)
    how = dict(height=64, width=64, strength=1.0, guidance_scale=7.5, num_inference_steps=4, eta=1.0, output_type="pt")
    for i in range(2):
        pictures = dict(image=pixels.to_pil(x[i]), mask_image=pixels.to_pil(mask[i].expand(3, -1, -1)).convert("L"))
        theirs = pipe(prompt=PROMPTS[i], generator=noise(i)[0], **pictures, **how).images
        torch.testing.assert_close(got[i : i + 1], pixels.quantise(theirs), rtol=0, atol=1.01 / 255)


def test_an_edit_does_not_depend_on_its_batch(model, monkeypatch):
    x, mask = tinysd.portraits(3), right_half(3)
    varied = edit.vary(x, PROMPTS, model, settings=VARIATION, generator=noise(0, 1, 2))
    painted = edit.inpaint(x, mask, PROMPTS, model, settings=INPAINTING, generator=noise(0, 1, 2))
    drawn = edit.generate(PROMPTS, model, steps=3, guidance=7.5, generator=noise(0, 1, 2))
    monkeypatch.setattr(edit, "BATCH", 2)  # and its results come back in order from several calls
    assert (apart(edit.vary(x, PROMPTS, model, settings=VARIATION, generator=noise(0, 1, 2)), varied) <= 1).all()
    for i in range(3):
        one = x[i : i + 1], [PROMPTS[i]]
        assert apart(edit.vary(*one, model, settings=VARIATION, generator=noise(i)), varied[i : i + 1]) <= 1
        alone = edit.inpaint(one[0], mask[:1], one[1], model, settings=INPAINTING, generator=noise(i))
        assert apart(alone, painted[i : i + 1]) <= 1
        alone = edit.generate(one[1], model, steps=3, guidance=7.5, generator=noise(i))
        assert apart(alone, drawn[i : i + 1]) <= 1
        assert (apart(varied[i : i + 1].expand_as(x), varied)[[k for k in range(3) if k != i]] > 20).all()


def test_equal_generators_give_equal_edits_and_others_give_others(model):
    """The clean and the protected picture meet the same noise: what differs between edits is the picture's doing."""
    x, asked = tinysd.portraits(1).repeat(2, 1, 1, 1), [PROMPTS[0]] * 2
    for call, settings, extra in ((edit.vary, VARIATION, ()), (edit.inpaint, INPAINTING, (right_half(2),))):
        def run(*which, call=call, settings=settings, extra=extra, **seed):
            return call(
                    x, *extra, asked, model, settings=settings, generator=noise(*which, **seed)
                )

        same = run(0, 0)
        assert apart(same[:1], same[1:]) <= 1
        assert torch.equal(same, run(0, 0))
        assert (apart(same, run(0, 1))[1] > 20) and (apart(same, run(0, 0, seed=1)) > 20).all()


def test_the_order_of_edits_does_not_matter(folder):
    """diffusers' pipelines mend a shared scheduler's config when they are built, not all of them the same things."""
    x, place = tinysd.portraits(1), str(tinysd.save(folder, "1.5", sibling=True))

    def paint(model):
        return edit.inpaint(x, right_half(), PROMPTS[:1], model, settings=INPAINTING, generator=noise(0))

    fresh, used = profiles.open(place).model, profiles.open(place).model
    first = paint(fresh)
    edit.vary(x, PROMPTS[:1], used, settings=VARIATION, generator=noise(0))
    assert torch.equal(first, paint(used))


def test_the_kept_region_is_pasted_from_what_is_given(model):
    x, other, mask = tinysd.portraits(1), tinysd.portraits(1, seed=1), right_half()
    settings = dict(settings=INPAINTING, generator=noise(0))
    plain = edit.inpaint(x, mask, PROMPTS[:1], model, **settings)
    pasted = edit.inpaint(x, mask, PROMPTS[:1], model, settings=INPAINTING, generator=noise(0), paste=other)
    assert torch.equal(pasted[..., :32], other[..., :32]) and torch.equal(pasted[..., 32:], plain[..., 32:])
    assert apart(plain[..., :32], x[..., :32]) > 0


def test_strength_and_guidance_and_eta_reach_the_pipeline(model):
    x = tinysd.portraits(1)

    def run(**how):
        return edit.vary(x, PROMPTS[:1], model, settings=replace(VARIATION, **how), generator=noise(0))

    base = run()
    for how in (dict(strength=0.9), dict(guidance=1.0), dict(eta=1.0), dict(steps=8)):
        assert apart(run(**how), base) > 3, how
    assert torch.equal(run(strength=None), run(strength=1.0)) and torch.equal(run(eta=None), run(eta=0.0))


def test_pictures_from_prompts_have_the_models_size(model):
    made = edit.generate(PROMPTS[:2], model, steps=2, guidance=7.5, generator=noise(0, 1))
    assert made.shape == (2, 3, 64, 64) and torch.equal(made, pixels.quantise(made))


def test_fresh_noise_reaches_generated_pictures_one_stream_each(model):
    def draw(eta, *which):
        return edit.generate(PROMPTS[: len(which)], model, steps=4, guidance=7.5, generator=noise(*which), eta=eta)

    fresh = draw(1.0, 0, 1)
    assert (apart(fresh, draw(0.0, 0, 1)) > 3).all() and apart(fresh[:1], draw(1.0, 0)) <= 1


def test_a_tuple_of_prompts_and_other_sizes_are_fine(model):
    x = tinysd.portraits(2, size=96)[:, :, :64]
    made = edit.vary(x, tuple(PROMPTS[:2]), model, settings=VARIATION, generator=noise(0, 1))
    assert made.shape == (2, 3, 64, 96)
    one = edit.vary(x[:1], PROMPTS[:1], model, settings=VARIATION, generator=noise(0))
    assert apart(one, made[:1]) <= 1
    mask = torch.ones(2, 1, 64, 96)
    assert edit.inpaint(x, mask, tuple(PROMPTS[:2]), model, settings=INPAINTING, generator=noise(0, 1)).shape == x.shape


@pytest.mark.parametrize(
    "change, told",
    [
        (dict(prompts="a photo"), "expected a list of 2 prompts, one per image"),
        (dict(prompts=["a photo"]), "expected a list of 2 prompts"),
        (dict(generator=noise(0)), "expected a list of 2 generators"),
        (dict(generator=noise(0)[0]), "expected a list of 2 generators"),
        (dict(settings=replace(VARIATION, strength=0)), "got strength 0, steps 6"),
        (dict(settings=replace(VARIATION, strength=1.2)), "got strength 1.2"),
        (dict(settings=replace(VARIATION, strength=0.5, steps=1)), "at least one step, got strength 0.5, steps 1"),
        (dict(images=torch.zeros(2, 3, 60, 64)), "multiples of 8, got .60, 64."),
        (dict(images=torch.zeros(2, 3, 64, 64) - 1), "images.0.: expected values in"),
    ],
)
def test_what_cannot_be_edited_gets_one_line(model, change, told):
    given = dict(images=tinysd.portraits(2), prompts=PROMPTS[:2], settings=VARIATION, generator=noise(0, 1)) | change
    images, prompts = given.pop("images"), given.pop("prompts")
    with pytest.raises(ValueError, match=told) as error:
        edit.vary(images, prompts, model, **given)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=told):
        edit.inpaint(images, torch.ones(2, 1, *images.shape[2:]), prompts, model, **given)


def test_masks_must_fit(model):
    with pytest.raises(ValueError, match="mask: expected a tensor"):
        edit.inpaint(tinysd.portraits(2), torch.ones(1, 1, 64, 64), PROMPTS[:2], model, settings=INPAINTING, generator=noise(0, 1))
