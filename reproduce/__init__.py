"""A reproduction study of protections of photographs against diffusion models, and of what undoes them."""

__version__ = "0.1.0"
