"""How good the bundled models are, on held-out renders and on real photographs: the figures of the bundle's README and notebook 00."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ... import degrade
from ...attack.budgets import Linf
from ...attack.pgd import pgd
from ..draw.render import render
from . import tower

MOMENTUM = 0.9  # of the attack that susceptibility is measured with
SEED = 77  # held-out renders; training uses seeds from 1,000,000 on


def psnr(a, b):
    """Peak signal-to-noise ratio in dB, mean over the batch."""
    return (-10 * (a - b).square().mean((1, 2, 3)).log10()).mean().item()


def pooled(images):
    """The codec every autoencoder here is judged against: 8x average pooling, bicubic upsampling."""
    return F.interpolate(F.avg_pool2d(images, 8), scale_factor=8, mode="bicubic").clamp(0, 1)


def photographs(size=128):
    """Real photographs that ship inside scikit-image and scikit-learn, centre-cropped: names, images (n, 3, size, size)."""
    from skimage import data
    from sklearn.datasets import load_sample_images

    china, flower = load_sample_images().images
    named = {
        "astronaut": data.astronaut(),
        "cat": data.cat(),
        "coffee": data.coffee(),
        "china": china,
        "flower": flower,
    }
    out = []
    for picture in named.values():
        side = min(picture.shape[:2])
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        square = Image.fromarray(picture[top : top + side, left : left + side]).resize((size, size), Image.LANCZOS)
        out.append(torch.from_numpy(np.array(square)).permute(2, 0, 1).float() / 255)
    return list(named), torch.stack(out)


def reconstruction(vae, count=32, device="cpu"):
    """PSNR in dB and SSIM of the autoencoder on renders and on photographs, and of average pooling beside it."""
    import piq

    rows = {}
    for name, images in (("renders", render(SEED, count).images), ("photographs", photographs()[1])):
        with torch.no_grad():
            out = vae.decode(vae.encode(images.to(device) * 2 - 1).latent_dist.mean).sample.float().cpu().div(2).add(0.5).clamp(0, 1)
        rows[name] = dict(
            psnr=round(psnr(out, images), 2),
            ssim=round(piq.ssim(out, images).item(), 3),
            pooling=round(psnr(pooled(images), images), 2),
        )
    return rows


def susceptibility(encode, images, *, eps=8, steps=200, seed=0):
    """The condition the organism is bred for: name -> (N,), one value an image. encode: images -> latent means.

    Distance of latents to a grey picture's, over the clean picture's distance: after an encoder attack of `eps` levels, after JPEG 75
    and 50 of the attacked picture, and for uniform noise of the same size; `moved` is the noise's own shift.
    The attack is `pgd` with momentum; what the same steps leave without is reported beside it.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        grey, clean = encode(torch.full_like(images[:1], 0.5)), encode(images)
        reach = (clean - grey).flatten(1).norm(dim=1)

    def ratio(x, origin=None):
        with torch.no_grad():
            return (encode(x) - (grey if origin is None else origin)).flatten(1).norm(dim=1) / reach

    def attack(momentum):
        def pull(x):
            return (encode(x) - grey).square().flatten(1).sum(1)

        return pgd(images, pull, budget=Linf(eps), steps=steps, step=eps / 4, decay=0.04, momentum=momentum)

    noisy = ((images + (torch.rand(images.shape, generator=generator) * 2 - 1) * eps / 255).clamp(0, 1) * 255).round() / 255
    attacked = attack(MOMENTUM)
    return {
        "attack": ratio(attacked),
        "attack, JPEG 75": ratio(degrade.jpeg(attacked, 75)),
        "attack, JPEG 50": ratio(degrade.jpeg(attacked, 50)),
        "attack without momentum": ratio(attack(0)),
        "noise": ratio(noisy),
        "noise moved": ratio(noisy, clean),
        "JPEG 75 alone": ratio(degrade.jpeg(images, 75)),
    }


def retrieval(clip, tokens, count=512, among=32):
    """Share of held-out renders whose own caption scores highest among `among` (captions equal to it count as it)."""
    made = render(SEED + 1, count)
    with torch.no_grad():
        text = tower.ids(tokens, made.captions).to(clip.device)
        score = tower.embed(clip, images=made.images.to(clip.device)) @ tower.embed(clip, text=text).T
    right = 0
    for i in range(count):
        others = [(i + k) % count for k in range(1, among)] + [i]  # its own last: a tie is no recognition
        best = others[score[i, others].argmax()]
        right += made.captions[best] == made.captions[i]
    return dict(retrieval=round(right / count, 4))
