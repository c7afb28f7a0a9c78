"""The objective that latent diffusion models are trained by: what fine-tunings go down and attacks on fine-tunings go up."""


def denoising(model, latents, text, t, noise):
    """Mean squared error of the denoiser on noised latents, one a picture: (N,), with gradients to latents, text and what of it learns.

    latents, noise: (N, C, h, w); text: (N, tokens, width); t: (N,) steps of the schedule. For a model that predicts v it is the error of v,
    as in diffusers' trainings, which is the noise's over the share of signal.
    """
    schedule = model.schedule
    alpha = schedule.alphas_cumprod.to(latents)[t].view(-1, 1, 1, 1)
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    error = (model.predict_noise(noisy, t, text) - noise).square()
    if schedule.prediction_type == "v_prediction":
        error = error / alpha
    return error.flatten(1).mean(1)
