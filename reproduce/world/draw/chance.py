"""Counter-based randomness: what an item looks like depends on its own key and on nothing else.

A key is a 64-bit integer, one per item. `Draws` hashes (key, purpose, counter) with splitmix64's finaliser:
the numbers of one item don't depend on its batch, and a whole batch costs a few tensor operations.
Only integer operations and exact scalings are used: the same bits on every machine.
"""

import hashlib

import torch
from torch import Tensor

_BLOCK = 64  # uniforms hashed at a time; scenes and persons draw 20 to 100 each


def word(*purpose: object) -> int:
    """A signed 64-bit number named by the purpose (words, numbers)."""
    digest = hashlib.sha256("\x1f".join(map(str, purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


def _shift(x: Tensor, by: int) -> Tensor:
    return (x >> by) & ((1 << (64 - by)) - 1)  # logical: int64's own shift keeps the sign


def mix(x: Tensor) -> Tensor:
    """splitmix64's finaliser on int64 (multiplication wraps)."""
    x = (x ^ _shift(x, 30)) * -4658895280553007687
    x = (x ^ _shift(x, 27)) * -7723592293110705685
    return x ^ _shift(x, 31)


def keys(numbers: Tensor | list[int] | range, *purpose: object) -> Tensor:
    """One key (N,) int64 per number, for this purpose."""
    return mix(torch.as_tensor(numbers, dtype=torch.int64) ^ word(*purpose))


class Draws:
    """Random numbers for N items with keys (N,); a draw has shape (N, 1, 1) unless told otherwise."""

    def __init__(self, key: Tensor, *purpose: object):
        self.key = mix(key ^ word(*purpose))
        self.count = self.tables = 0
        self._block: Tensor | None = None

    def take(self, at: Tensor) -> "Draws":
        """The draws of items `at` alone, from the next block on."""
        out = Draws.__new__(Draws)
        out.key, out.tables, out._block = self.key[at], self.tables, None
        out.count = -(-self.count // _BLOCK) * _BLOCK
        return out

    def _hash(self, first: int, k: int) -> Tensor:
        counters = torch.arange(first + 1, first + k + 1, dtype=torch.int64) * -7046029254386353131
        bits = mix(mix(self.key)[:, None] + counters)
        return _shift(bits, 40).float() * 2.0**-24

    def row(self) -> Tensor:
        """The next uniform in [0, 1) of every item, (N,)."""
        at = self.count % _BLOCK
        if at == 0:
            self._block = self._hash(self.count, _BLOCK)
        self.count += 1
        return self._block[:, at].contiguous()

    def u(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform in [low, high), (N, 1, 1)."""
        return (self.row() * (high - low) + low)[:, None, None]

    def table(self, k: int) -> Tensor:
        """(N, k) uniforms, for things that repeat (books, windows, petals)."""
        self.tables += 1
        return self._hash(
            self.tables << 16, k
        )  # a range of its own: tables share no numbers, and shift no later draws

    def index(self, weights: list[float] | int) -> Tensor:
        """A category per item, (N,) int64, by weights (or equally likely ones)."""
        w = torch.ones(weights) if isinstance(weights, int) else torch.tensor(weights)
        edges = torch.cumsum(w / w.sum(), 0)[:-1]
        return torch.bucketize(self.row(), edges, right=True)

    def flag(self, p: float) -> Tensor:
        """1.0 with probability p, else 0.0, (N, 1, 1)."""
        return (self.u() < p).float()

    def sign(self) -> Tensor:
        return self.flag(0.5) * 2 - 1

    def pick(self, palette: list[tuple[float, float, float]] | Tensor, jitter: float = 0.03) -> Tensor:
        """A colour of the palette per item, a little off, (N, 3, 1, 1)."""
        colours = torch.as_tensor(palette)[self.index(len(palette))]
        off = torch.stack([self.row() for _ in range(3)], 1) * 2 - 1
        return (colours + off * jitter).clamp(0.01, 0.99)[:, :, None, None]
