"""The edits of one call of the grid: where they are stored, and as pictures."""


class Edits:
    """The edits of one call of `Grid.edit`: where they are, and as pictures."""

    def __init__(self, grid, misuse, sweep):
        self.grid, self.misuse, self.sweep = grid, misuse, sweep

    def stored(self, cell, prompt, seed, some):
        """Where the edits of a group are stored."""
        return self.sweep.stored(self.grid._at(cell, some) | dict(number=prompt, drawn=seed), "edit", range(len(some)))

    def shown(self, cell, subject, prompt=0, seed=0):
        """One edit, float (3, H, W)."""
        some = self.grid._group(subject)
        return self.sweep.images(self.grid._at(cell, some) | dict(number=prompt, drawn=seed), "edit")[subject - some.start]
