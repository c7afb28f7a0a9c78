"""Parts of the small world's models before training: the autoencoder's start and loss, the denoiser, the text tower, dead leaves."""

import numpy as np
import pytest
import tinysd
import torch
import torch.nn.functional as F

from reproduce.diffusion import profiles
from reproduce.world import HELD_OUT_STYLES, caption_words, render
from reproduce.world.train import autoencoder as ae
from reproduce.world.train import denoiser as dn
from reproduce.world.train import quality, tower
from reproduce.world.train.leaves import dead_leaves, textures


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return ae.autoencoder().eval()


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    return tower.tokenizer(tmp_path_factory.mktemp("tokenizer"))


# --- autoencoder -------------------------------------------------------------------------------------------------------------


def test_the_untrained_autoencoder_is_the_average_pooling_codec(net):
    x = torch.cat([quality.photographs()[1], dead_leaves(2, 128, generator(), shapes=40)])
    with torch.no_grad():
        posterior = net.encode(2 * x - 1).latent_dist
        out = (net.decode(posterior.mean).sample / 2 + 0.5).clamp(0, 1)
    assert (posterior.logvar == -6).all()
    pooled = F.interpolate(F.avg_pool2d(x, 4), scale_factor=4, mode="bicubic").clamp(0, 1)
    assert np.corrcoef(out.flatten(), pooled.flatten())[0, 1] > 0.97
    assert quality.psnr(out, x) > quality.psnr(pooled, x) - 5
    small = F.avg_pool2d(2 * x - 1, 4)
    luma = 2 * (0.299 * small[:, 0] + 0.587 * small[:, 1] + 0.114 * small[:, 2])
    assert np.corrcoef(posterior.mean[:, 0].flatten(), luma.flatten())[0, 1] > 0.999
    contrast = (posterior.mean[:, 0] * luma).sum() / luma.square().sum()
    assert (posterior.mean[:, 0] - contrast * luma).abs().mean() < 0.05 * luma.abs().mean() and 0.6 < contrast < 1


def test_standardised_latents_decode_to_the_same_pictures():
    torch.manual_seed(3)
    net = ae.autoencoder((16, 16), groups=2).eval()
    with torch.no_grad():
        net.quant_conv.weight.normal_()  # latents far from standard, posterior and all
        net.quant_conv.bias.normal_()
        x = tinysd.portraits(3)
        before = net.encode(2 * x - 1).latent_dist
        out = net.decode(before.mean).sample
        ae.standardise(net, x)
        after = net.encode(2 * x - 1).latent_dist
    assert before.mean.std((0, 2, 3)).sub(1).abs().max() > 0.3
    assert torch.allclose(after.mean.mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(after.mean.std((0, 2, 3)), torch.ones(4), atol=1e-4)
    torch.testing.assert_close(net.decode(after.mean).sample, out, rtol=1e-3, atol=1e-3)
    spread = before.mean.std((0, 2, 3)).view(1, 4, 1, 1)
    inside = (before.logvar > -29) & (before.logvar < 19)  # diffusers clamps the rest
    torch.testing.assert_close((after.std * spread)[inside], ae.CALM * before.std[inside], rtol=1e-3, atol=1e-6)


def test_every_weight_of_the_autoencoder_but_the_carriers_can_learn(net):
    x = tinysd.portraits(2)
    net.zero_grad()
    posterior = net.encode(2 * x - 1).latent_dist
    ae.loss(net.decode(posterior.mean + 0.05 * torch.randn(posterior.mean.shape, generator=generator())).sample / 2 + 0.5, x).backward()
    idle = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not idle
    still = [n for n, p in net.decoder.conv_out.named_parameters() if not p.grad.abs().sum() > 0]
    assert not still, "the way out must let the deep features in"
    net.zero_grad()


def test_octaves_are_what_a_binomial_blur_takes_away():
    from scipy.ndimage import convolve1d

    x = tinysd.portraits(2, size=64).double()
    *bands, rest = ae.octaves(x, 3)
    kernel, level = np.array([1, 4, 6, 4, 1]) / 16, x.numpy()
    for band in bands:
        blurred = convolve1d(convolve1d(level, kernel, axis=2, mode="mirror"), kernel, axis=3, mode="mirror")
        np.testing.assert_allclose(band.numpy() + blurred, level, atol=1e-7)  # band and blur make the level again
        n, c, h, w = level.shape
        level = level.reshape(n, c, h // 2, 2, w // 2, 2).mean((3, 5))
    np.testing.assert_allclose(rest.numpy(), level, atol=1e-12)
    flat = ae.octaves(torch.full((1, 3, 32, 32), 0.3))
    assert all(band.abs().max() < 1e-6 for band in flat[:-1]) and (flat[-1] - 0.3).abs().max() < 1e-6
    assert [band.shape[-1] for band in flat] == [32, 16, 8, 4, 2]


def test_the_loss_is_zero_for_the_same_picture_alone_and_its_gradient_is_finite():
    x = tinysd.portraits(2)
    assert ae.loss(x, x) == 0
    assert ae.loss((x + 1 / 255).clamp(0, 1), x) > 0
    for images in (x, torch.zeros_like(x), torch.ones_like(x)):
        for start in (images, torch.rand(x.shape, generator=generator())):
            out = start.clone().requires_grad_(True)
            ae.loss(out, images).backward()
            assert out.grad.isfinite().all()


def test_the_loss_weighs_contrast_not_amplitude():
    """Losing a texture of 6 levels costs far more than half of what losing one of 12 costs; in L1 it costs half."""
    weave = torch.sin(torch.arange(64) * 2.1) * torch.ones(1, 3, 64, 1)
    flat = torch.full((1, 3, 64, 64), 0.5)
    faint, strong = (ae.loss(flat, flat + weave * a / 255) for a in (6, 12))
    assert 0.57 < faint / strong < 1
    late = weave.roll(1, 3)  # the same energy in the wrong place
    faint, strong = (ae.loss(flat + late * a / 255, flat + weave * a / 255) for a in (6, 12))
    assert 0.6 < faint / strong < 1
    assert ae.loss(flat, flat + weave * 6 / 255) > ae.loss(flat + 0.01, flat)  # texture lost counts more than a shade


def test_fine_colour_counts_though_it_is_not_seen_in_brightness():
    x = tinysd.portraits(2)
    grain = torch.randn(2, 1, 64, 64, generator=generator()) * 0.03
    colour = (x + grain * torch.tensor([-0.587, 0.299, 0.0]).view(1, 3, 1, 1) / 0.45).clamp(0, 1)  # no luma in it
    assert ae.loss(colour, x) > 0.5 * ae.loss((x + grain).clamp(0, 1), x)


def test_fidelity_is_squared_error_and_what_ssim_lacks():
    import piq

    x = tinysd.portraits(2)
    out = (x + 0.05 * torch.randn(x.shape, generator=generator())).clamp(0, 1).requires_grad_(True)
    told = ae.fidelity(out, x)
    assert ae.fidelity(x, x).abs() < 1e-5
    assert told.item() == pytest.approx(10 * (out - x).square().mean().item() + 4 * (1 - piq.ssim(out, x).item()), rel=1e-5)
    told.backward()
    assert out.grad.isfinite().all() and (out.grad != 0).any()
    assert ae.fidelity(x + 2, x).isfinite(), "what leaves the range is no error: a young decoder does"


# --- denoiser ----------------------------------------------------------------------------------------------------------------


def test_the_schedule_is_stable_diffusions():
    schedule = dn.schedule()
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    expected = (1 - betas).cumprod(0)
    torch.testing.assert_close(schedule.alphas_cumprod.double(), expected, rtol=1e-4, atol=0)
    assert schedule.alphas_cumprod[0].item() == pytest.approx(0.99915) and expected[-1].item() == pytest.approx(0.00466, abs=1e-5)
    config = schedule.config
    assert (config.steps_offset, config.clip_sample, config.set_alpha_to_one) == (1, False, False)
    assert config.prediction_type == "epsilon" and schedule.final_alpha_cumprod == schedule.alphas_cumprod[0]


def test_the_plain_denoiser_starts_as_its_sibling_asked_to_repaint_everything():
    torch.manual_seed(0)
    wide = dn.denoiser(channels=(16, 32, 32), in_channels=9).eval()
    grey = torch.tensor([0.5, -1.0, 2.0, 0.3])
    net = dn.narrow(wide, grey).eval()
    assert net.config.in_channels == 4 and net.conv_in.weight.shape[1] == 4 and wide.config.in_channels == 9
    x, text, t = torch.randn(2, 4, 16, 16), torch.randn(2, 7, tower.WIDTH), torch.tensor([3, 800])
    condition = torch.cat([torch.ones(1), grey]).view(1, 5, 1, 1).expand(2, 5, 16, 16)
    with torch.no_grad():
        inner = (wide.conv_in(torch.cat([x, condition], 1)) - net.conv_in(x))[:, :, 1:-1, 1:-1]
        assert inner.abs().max() < 1e-5, "the same but where the convolution is padded"
        for part in (wide, net):
            part.conv_in.padding_mode, part.conv_in._reversed_padding_repeated_twice = "circular", [1] * 4
        got = net(x, t, encoder_hidden_states=text).sample
        torch.testing.assert_close(got, wide(torch.cat([x, condition], 1), t, encoder_hidden_states=text).sample, rtol=1e-4, atol=1e-5)
        other = wide(torch.cat([x, 0 * condition], 1), t, encoder_hidden_states=text).sample
    assert (other - got).abs().max() > 1e-3, "it saw what was shown"
    net.conv_in.weight.data.zero_()
    assert wide.conv_in.weight.abs().sum() > 0, "they must not share weights"


class Recorder(torch.nn.Module):
    """Stands for a denoiser: remembers what it was given, answers `answer(given)`."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, given, t, encoder_hidden_states):
        self.given, self.t, self.text = given, t, encoder_hidden_states
        return type("Output", (), {"sample": self.answer(given)})


def test_noise_loss_noises_as_the_scheduler_does_and_is_zero_for_the_noise():
    schedule = dn.schedule()
    x, text, condition = torch.randn(6, 4, 8, 8), torch.randn(6, 5, 3), torch.randn(6, 5, 8, 8)
    chance = generator(4)
    t, noise = torch.randint(1000, (6,), generator=chance), torch.randn(x.shape, generator=chance)
    noise = noise + dn.OFFSET * torch.randn(6, 4, 1, 1, generator=chance)  # one offset a channel
    net = Recorder(lambda given: noise)
    assert dn.noise_loss(net, x, text, schedule.alphas_cumprod, generator(4), condition) == 0
    torch.testing.assert_close(net.given, torch.cat([schedule.add_noise(x, noise, t), condition], 1))
    assert torch.equal(net.t, t) and net.text is text
    off = Recorder(lambda given: noise + 0.5)
    snr = schedule.alphas_cumprod[t] / (1 - schedule.alphas_cumprod[t])
    every = schedule.alphas_cumprod / (1 - schedule.alphas_cumprod)
    expected = (0.25 * torch.minimum(snr, torch.tensor(5.0)) / snr).mean() / (every.clamp(max=5) / every).mean()
    torch.testing.assert_close(dn.noise_loss(off, x, text, schedule.alphas_cumprod, generator(4)), expected)


def test_an_idle_denoiser_loses_one():
    net = Recorder(torch.zeros_like)
    lost = dn.noise_loss(net, torch.zeros(20000, 1, 2, 2), None, dn.schedule().alphas_cumprod, generator())
    assert lost.item() == pytest.approx(1 + dn.OFFSET**2, abs=0.03)


def test_errors_count_by_their_importance():
    x, importance = torch.zeros(5000, 1, 4, 4), torch.ones(5000, 1, 4, 4)
    importance[:, :, :2] = 3
    away = torch.cat([torch.ones(1, 1, 2, 4), torch.zeros(1, 1, 2, 4)], 2)
    lost = []
    for wrong in (away, 1 - away):
        truth = []
        net = Recorder(lambda given, wrong=wrong: truth[0] + wrong)  # noqa: B023
        chance = generator(2)
        torch.randint(1000, (5000,), generator=chance)
        truth.append(torch.randn(x.shape, generator=chance) + dn.OFFSET * torch.randn(5000, 1, 1, 1, generator=chance))
        lost.append(dn.noise_loss(net, x, None, dn.schedule().alphas_cumprod, generator(2), importance=importance).item())
    assert lost[0] == pytest.approx(3 * lost[1], rel=1e-4) and sum(lost) == pytest.approx(1, abs=0.05)


def test_masks_are_binary_and_some_keep_exactly_the_people():
    people = torch.zeros(400, 1, 32, 32)
    people[:200, :, 8:, 10:20] = 0.8
    got = dn.masks(400, 32, generator(), people)
    assert got.shape == (400, 1, 32, 32) and set(got.unique().tolist()) == {0.0, 1.0}
    around = (got[:200] == (people[:200] < 0.5)).flatten(1).all(1).float().mean()
    assert 0.4 < around < 0.6
    assert not (got == 1).flatten(1).all(1).any(), "whole pictures are the share WHOLE of each batch, not these masks'"
    assert torch.equal(got, dn.masks(400, 32, generator(), people)) and not torch.equal(got, dn.masks(400, 32, generator(1), people))
    plain = dn.masks(400, 32, generator())
    assert 0.2 < plain.mean() < 0.7 and (plain.flatten(1).amax(1) == 0).float().mean() < 0.06


# --- text tower --------------------------------------------------------------------------------------------------------------


def test_each_word_of_the_grammar_is_one_token(tokens):
    words = caption_words()
    assert "sks" in words and len(words) > 50
    for word in words:
        assert len(tokens.encode(word)) == 3, f"{word}: {tokens.tokenize(word)}"
    ids = [tokens.encode(word)[1] for word in words]
    assert len(set(ids)) == len(words), "each a token of its own"
    sentence = "a photo of sks person in front of eiffel tower"
    assert tokens.tokenize(sentence) == [f"{word}</w>" for word in sentence.split()]
    assert all(len(tokens.encode(word)) == 3 for style in HELD_OUT_STYLES for word in style.split())


@pytest.mark.parametrize("text", ["zebra", "a zebra with a violin", "photograph", "xyzzy", "café"])
def test_other_words_fall_into_pieces_that_spell_them(tokens, text):
    ids = tokens.encode(text, add_special_tokens=False)
    assert tokens.unk_token_id not in ids
    assert tokens.decode(ids).strip() == text


def test_the_tokenizer_reads_itself_back_and_pads_and_cuts(tokens, tmp_path):
    from transformers import CLIPTokenizer

    tokens.save_pretrained(tmp_path)
    again = CLIPTokenizer.from_pretrained(tmp_path)
    assert len(again) == len(tokens) and again.model_max_length == tower.LENGTH == 24
    ids = tower.ids(tokens, ["a photo of a person", "", "man " * 50])
    assert torch.equal(ids, tower.ids(again, ["a photo of a person", "", "man " * 50])) and ids.shape == (3, 24)
    start, end = tokens.bos_token_id, tokens.eos_token_id
    assert (ids[:, 0] == start).all() and (ids[:, -1] == end).all() and set(ids[1, 1:].tolist()) == {end}
    assert tokens.bos_token == tower.START and (ids < len(tokens)).all()


def test_a_word_has_its_number_in_every_process(tokens, tmp_path):
    """The vocabulary depends on the grammar alone: training and use may lie years apart."""
    assert tower.tokenizer(tmp_path).get_vocab() == tokens.get_vocab()


def test_clips_loss_is_cross_entropy_both_ways_and_equal_captions_are_right(tokens, monkeypatch):
    images, text = F.normalize(torch.randn(3, 8, generator=generator()), dim=1), F.normalize(torch.randn(3, 8), dim=1)
    monkeypatch.setattr(tower, "embed", lambda net, images=None, text=None: images if text is None else vectors)
    net, vectors = type("Net", (), {"logit_scale": torch.tensor(2.0)}), text
    ids = tower.ids(tokens, ["a man", "a woman", "a man"])
    logits = (np.exp(2.0) * images @ text.T).double().numpy()
    down, across = (np.log(np.exp(m).sum(1)) for m in (logits, logits.T))
    target = np.array([[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]])
    expected = ((down - (target * logits).sum(1)).mean() + (across - (target * logits.T).sum(1)).mean()) / 2
    assert tower.contrast(net, images, ids).item() == pytest.approx(expected, rel=1e-5)


def test_clip_learns_a_tiny_batch(tokens):
    torch.manual_seed(0)
    net = tower.clip(tokens)
    images, ids = tinysd.portraits(6, size=128), tower.ids(tokens, caption_words()[:6])
    optimiser = torch.optim.Adam(net.parameters(), 5e-4)
    losses = []
    for _ in range(20):
        loss = tower.contrast(net, images, ids)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] > 1.2 and losses[-1] < 0.7 * losses[0]
    with torch.no_grad():
        for vectors in (tower.embed(net, images=images), tower.embed(net, text=ids)):
            torch.testing.assert_close(vectors.norm(dim=1), torch.ones(6))
            assert vectors.shape == (6, 128)


def test_the_image_tower_reads_pixels_as_clip_does():
    x = torch.full((1, 3, 2, 2), 0.5)
    got = tower.pixels(x)[0, :, 0, 0]
    torch.testing.assert_close(got, torch.tensor([(0.5 - m) / s for m, s in zip(tower.MEAN, tower.STD, strict=True)]))


# --- dead leaves -------------------------------------------------------------------------------------------------------------


def test_textures_have_unit_variance_and_half_of_them_a_direction():
    fields = textures(12, 64, generator())
    torch.testing.assert_close(fields.std(dim=(1, 2)), torch.ones(12))
    power = torch.fft.fft2(fields).abs().square()
    top = power.flatten(1).topk(64).values.sum(1) / power.flatten(1).sum(1)
    assert top[1::2].min() > 0.3, "oriented ones keep their power in few frequencies"
    peak = torch.fft.fftfreq(64)
    f = (peak[:, None] ** 2 + peak[None] ** 2).sqrt().flatten()
    at = f[power.flatten(1)[1::2].argmax(1)]
    assert (at > 1 / 20).all() and (at < 1 / 2).all(), "and their waves are 2.5 to 16 px long"
    low, high = (power.flatten(1)[::2, (f >= a) & (f < 2 * a)].mean(1) for a in (0.05, 0.2))
    assert (low > 2 * high).all(), "the others fall with frequency"


def test_dead_leaves_are_pictures_with_a_natural_spectrum():
    made = dead_leaves(4, 64, generator(), shapes=60)
    assert made.shape == (4, 3, 64, 64) and made.min() >= 0 and made.max() <= 1
    assert torch.equal(made, dead_leaves(4, 64, generator(), shapes=60))
    assert (made[0] - made[1]).abs().mean() > 0.05
    power = torch.fft.rfft2(made.mean(1) - made.mean((1, 2, 3)).view(-1, 1, 1)).abs().square().mean(0)
    fy, fx = torch.fft.fftfreq(64)[:, None], torch.fft.rfftfreq(64)[None]
    f = (fy**2 + fx**2).sqrt()
    bands = [(0.03, 0.06), (0.06, 0.12), (0.12, 0.24), (0.24, 0.48)]
    level = [power[(f >= a) & (f < b)].mean().log2().item() for a, b in bands]
    slope = np.polyfit(range(4), level, 1)[0]  # per octave: natural images fall by about 2
    assert -3.2 < slope < -1.2, level


# --- quality -----------------------------------------------------------------------------------------------------------------


class Pooling:
    """An autoencoder that is average pooling and bicubic upsampling."""

    def encode(self, x):
        self.latent_dist = type("Posterior", (), {"mean": F.avg_pool2d(x, 8)})
        return self

    def decode(self, z):
        return type("Output", (), {"sample": F.interpolate(z, scale_factor=8, mode="bicubic")})


def test_reconstruction_of_the_pooling_codec_is_the_pooling_column():
    rows = quality.reconstruction(Pooling(), count=2)
    for row in rows.values():
        assert row["psnr"] == pytest.approx(row["pooling"], abs=0.02) and 0 < row["ssim"] < 1
    a, b = tinysd.portraits(2)[:1], tinysd.portraits(2)[1:]
    assert quality.psnr(a, b) == pytest.approx(-10 * np.log10(((a - b).numpy() ** 2).mean()), abs=1e-4)


def test_photographs_are_the_shipped_ones():
    names, images = quality.photographs(64)
    assert names == ["astronaut", "cat", "coffee", "china", "flower"] and images.shape == (5, 3, 64, 64)
    assert images.min() >= 0 and images.max() <= 1 and (images.std((1, 2, 3)) > 0.05).all()


def test_susceptibility_of_a_linear_encoder_is_known():
    flat = torch.full((2, 3, 32, 32), 204 / 255)  # 76.5 levels from grey, of which an attack of 8 takes 8
    found = quality.susceptibility(lambda x: F.avg_pool2d(x, 8), flat, steps=30)
    got = {name: ratio.tolist()[1] for name, ratio in found.items()}
    assert got["attack"] == pytest.approx(1 - 8 / 76.5, abs=0.01) and got["attack without momentum"] == pytest.approx(got["attack"])
    assert got["noise"] == pytest.approx(1, abs=0.01) and 0 < got["noise moved"] < 0.03
    assert got["attack, JPEG 75"] == pytest.approx(got["attack"], abs=0.01) and got["JPEG 75 alone"] == pytest.approx(1, abs=0.01)


def test_momentum_makes_the_headline_attack_the_stronger_one():
    model = profiles.open("bundled").model
    got = quality.susceptibility(lambda x: model.encode(x).mean, render(78, 2).images, steps=30)
    assert (got["attack"] < got["attack without momentum"] - 0.01).all()


def test_retrieval_counts_right_captions_and_gives_nothing_for_a_collapsed_tower(monkeypatch, tokens):
    made = {}
    monkeypatch.setattr(quality, "render", lambda seed, count: made["renders"])

    def embedding(net, images=None, text=None):
        return made["images"] if text is None else made["text"]

    monkeypatch.setattr(tower, "embed", embedding)
    captions = [f"{word} person" for word in caption_words()[:40]]
    made["renders"] = type("Renders", (), {"captions": captions, "images": torch.zeros(40, 3, 8, 8)})
    clip = type("Clip", (), {"device": torch.device("cpu")})

    def ask():
        return quality.retrieval(clip, tokens, count=40, among=8)["retrieval"]

    made["images"] = made["text"] = torch.eye(40)
    assert ask() == 1.0
    made["text"] = torch.eye(40).roll(1, 0)  # each picture's vector is its neighbour's caption's
    assert ask() == 0.0
    made["images"] = made["text"] = torch.ones(40, 4)
    assert ask() == 0.0, "a tower that says the same of everything knows nothing"
    made["renders"].captions = ["a photo of a person"] * 40
    assert ask() == 1.0, "equal captions are equally right"
