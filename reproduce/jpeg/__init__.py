"""JPEG, exact and differentiable (`codec`), the arithmetic of its files (`arithmetic`), and the published surrogates (`surrogates`)."""

from .codec import SUBSAMPLING, SURROGATES, jpeg, jpeg_mask, qualities

__all__ = ["SUBSAMPLING", "SURROGATES", "jpeg", "jpeg_mask", "qualities"]
