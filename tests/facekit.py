"""Face networks with known answers: a face is a square in an even colour on grey, its embedding that colour less grey."""

import torch
from scipy import ndimage

from reproduce.measure.face_kind import Face
from reproduce.method import Unavailable

GREY = 0.5
POINTS = (0.3, 0.3), (0.7, 0.3), (0.5, 0.5), (0.35, 0.8), (0.65, 0.8)  # shares of the square's sides
RED, GREEN, BLUE, PINK = (1.0, 0.5, 0.5), (0.5, 0.9, 0.5), (0.5, 0.5, 1.0), (1.0, 0.5, 0.9)


def picture(*squares, size=32):
    """(3, size, size) of grey with squares ((x, y), side, colour)."""
    image = torch.full((3, size, size), GREY)
    for (x, y), side, colour in squares:
        image[:, y : y + side, x : x + side] = torch.tensor(colour).view(3, 1, 1)
    return image


def pictures(*colours):
    """(N, 3, 32, 32): one square of each colour, no square for None."""
    return torch.stack([picture(((8, 8), 12, colour)) if colour else picture() for colour in colours])


class Squares:
    """The pair of networks. apart: whether each pass of SER-FIQ embeds at a right angle to all others; else they agree."""

    name, fingerprint, differs = "squares", "squares", "finds squares"

    def __init__(self, apart=False):
        self.apart, self.batches = apart, []

    def detect(self, images):
        self.batches.append(len(images))
        return [self._boxes(image) for image in images]

    def _boxes(self, image):
        labels, _ = ndimage.label(((image - GREY).abs().amax(0) > 0.01).numpy())
        found = []
        for rows, columns in ndimage.find_objects(labels):
            x0, y0, x1, y1 = map(float, (columns.start, rows.start, columns.stop, rows.stop))
            points = tuple((x0 + a * (x1 - x0), y0 + b * (y1 - y0)) for a, b in POINTS)
            found.append(Face((x0, y0, x1, y1), 0.95, points))
        return sorted(found, key=lambda face: (face.box[0] - face.box[2]) * (face.box[3] - face.box[1]))

    def embed(self, images, faces):
        assert len(images) == len(faces)
        centres = [(round((face.box[0] + face.box[2]) / 2), round((face.box[1] + face.box[3]) / 2)) for face in faces]
        return torch.stack([image[:, y, x] - GREY for image, (x, y) in zip(images, centres, strict=True)])

    def passes(self, images, faces, count, generator):
        assert len(images) == len(faces) == len(generator)
        if self.apart:
            return 7.0 * torch.eye(count).expand(len(images), -1, -1)
        return self.embed(images, faces)[:, None].expand(-1, count, -1)


class Dropping(Squares):
    """Its passes leave out colours at random."""

    def passes(self, images, faces, count, generator):
        known = self.embed(images, faces)
        return torch.stack([one * torch.rand(count, 3, generator=draws).ge(0.4) + 0.1 for one, draws in zip(known, generator, strict=True)])


class Plain(Squares):
    """It has no dropout."""

    def passes(self, images, faces, count, generator):
        raise Unavailable("squares: no dropout")
