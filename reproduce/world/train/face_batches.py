"""Batches for the face networks: pictures with whole and spoiled faces for the detector, aligned crops for the embedder."""


import torch
import torch.nn.functional as F

from ... import degrade
from ...measure import face_nets as nets
from ...measure.face_align import align
from . import patches, portraits, spoil

SWAP = [1, 0, 2, 4, 3]  # points of a mirrored face
SPOILED = 0.55  # of the pictures, one way; of these the share STRONG so that no face is left
STRONG = 0.7
KINDS = (0.42, 0.24, 0.34)  # shares of a batch: as rendered, decoded, woven


def status_of(data, rows):
    """What the decoded pictures `rows` show, (n, 2): 1 a face, 0 none, -1 between or of no matter."""
    kinds, degrees = data["kinds"][rows], data["degrees"][rows]
    mild, strong = (torch.tensor(limits)[kinds] for limits in (portraits.MILD, portraits.STRONG))
    first = torch.where(degrees <= mild, 1, torch.where(degrees >= strong, 0, -1))
    both = torch.isin(kinds, torch.tensor([portraits.NAMES.index(name) for name in ("plain", "guess", "redrawn", "ruined")]))
    second = torch.where(both | (first == 1), first, -1)  # the others may have spoiled the first head alone
    return torch.stack([first, second], 1)


def scenes(args, batch):
    """A function generator -> images (batch, 3, 128, 128), boxes, points, status, glass as faces.detection_loss takes them."""
    data = portraits.stored(args)
    count, also, last = (len(data[key]) for key in ("images", "decoded", "woven"))

    def draw(generator):
        rows = torch.randint(count, (batch,), generator=generator)
        kinds = torch.multinomial(torch.tensor(KINDS), batch, True, generator=generator)
        decoded, woven = kinds == 1, kinds == 2
        rows = torch.where(decoded, rows % also, torch.where(woven, count - last + rows % last, rows))
        images = _pictures(data, rows, decoded)
        images[woven] = data["woven"][rows[woven] - (count - last)].float() / 255
        boxes, points, glass = (data[key][rows] for key in ("boxes", "points", "mirror"))
        status = torch.where(decoded[:, None], status_of(data, rows % also), 1)
        status[woven] = data["woven_status"][rows[woven] - (count - last)]
        images, boxes, points, glass = moved(images, boxes, points, glass, generator)
        intact = ~woven  # a weave and a mild spoil may together be too much
        images[intact], status[intact] = spoiled(images[intact], boxes[intact], points[intact], status[intact], generator)
        return photographed(images, generator), boxes, points, status, glass

    return draw


def _pictures(data, rows, decoded):
    """Pictures `rows` as rendered or, where `decoded`, as decoded, (n, 3, 128, 128) in [0, 1]."""
    images = data["images"][rows]
    images[decoded] = data["decoded"][rows[decoded]]
    return images.float() / 255


def moved(images, boxes, points, glass, generator):
    """Pictures mirrored, turned up to 8 degrees, scaled 0.85 to 1.15 and shifted up to 10 pixels, with what is in them."""
    n, size = len(images), images.shape[-1]
    flip = torch.rand(n, generator=generator) < 0.5
    turn, grow = patches.uniform(generator, -0.14, 0.14, n), patches.uniform(generator, 0.85, 1.15, n)
    shift = patches.uniform(generator, -10, 10, n * 2).view(n, 2)
    sign = torch.where(flip, -1.0, 1.0)
    cos, sin = grow * turn.cos(), grow * turn.sin()
    forward = torch.stack([torch.stack([sign * cos, -sin], 1), torch.stack([sign * sin, cos], 1)], 1)  # after the mirror, the turn
    back = torch.linalg.inv(forward)
    middle = size / 2
    theta = torch.cat([back, -(back @ shift[..., None]) * 2 / size], 2)
    images = F.grid_sample(images, F.affine_grid(theta, images.shape, align_corners=False), padding_mode="border", align_corners=False)

    def there(places):
        flat = places.reshape(n, -1, 2)
        return ((flat - middle) @ forward.mT + middle + shift[:, None]).view_as(places)

    points = torch.where(flip[:, None, None, None], there(points)[:, :, SWAP], there(points))
    centre = there(boxes.view(n, -1, 2, 2).mean(2))
    reach = (boxes[..., 2:] - boxes[..., :2]) / 2 * grow[:, None, None]
    corners = there(torch.stack([glass[:, [0, 1]], glass[:, [2, 1]], glass[:, [0, 3]], glass[:, [2, 3]]], 1))
    glass = torch.cat([corners.amin(1), corners.amax(1)], 1)
    return images, torch.cat([centre - reach, centre + reach], -1), points, glass


def spoiled(images, boxes, points, status, generator):
    """Images some of which are spoiled, in one way each, and what then holds of their faces."""
    n, names = len(images), list(spoil.SPOILS)
    images, status = images.clone(), status.clone()
    way = torch.randint(len(names), (n,), generator=generator)
    able = (torch.rand(n, generator=generator) < SPOILED) & (status != 0).all(1)
    strong = torch.rand(n, generator=generator) < STRONG
    degree, pick = torch.rand(n, generator=generator), torch.rand(n, generator=generator)
    others = images.roll(1, 0)
    there = ~boxes[:, :, 0].isnan()
    slot = (there[:, 1] & (pick < 0.5)).long()
    at = torch.arange(n)
    chosen, five = boxes[at, slot], points[at, slot]
    for k, name in enumerate(names):
        row = spoil.SPOILS[name]
        rows = (able & (way == k) & (there.any(1) | row.whole)).nonzero().flatten()
        if not len(rows):
            continue
        low, high = torch.where(strong[rows], row.strong, 0.0), torch.where(strong[rows], 1.0, row.mild)
        # a picture without people is spoiled where a face might be
        nobody = ~there[rows].any(1)
        box = torch.where(nobody[:, None], torch.tensor([42.0, 32.0, 86.0, 90.0]), chosen[rows])
        seen = row.function(images[rows], box, five[rows], low + (high - low) * degree[rows], others[rows], generator)
        images[rows] = seen.clamp(0, 1)
        gone = rows[strong[rows]]
        status[gone, slot[gone]] = 0
        if row.whole:  # over the head alone or everywhere: of the other face nothing is known
            status[gone, 1 - slot[gone]] = -1
    return images, status


def photographed(images, generator):
    """Mild changes that leave a face as it was: light, colour, blur, grain, JPEG."""
    n = len(images)

    def draw(low, high, channels=1):
        return patches.uniform(generator, low, high, n * channels).view(n, channels, 1, 1)

    images = images.clamp(0, 1)
    images = images + draw(-0.6, 0.6) * images * (1 - images)
    contrast, grey = draw(0.7, 1.25), images.mean((1, 2, 3), keepdim=True)
    images = images * contrast + (grey * (1 - contrast) + draw(-0.1, 0.1) + draw(-0.04, 0.04, 3))
    images = torch.lerp(images.mean(1, keepdim=True), images, draw(0.6, 1.3))
    soft = torch.rand(n, generator=generator) < 0.4
    if soft.any():
        images[soft] = patches.smooth(images[soft], patches.uniform(generator, 0.2, 1.1, int(soft.sum())))
    coarse = torch.rand(n, generator=generator) < 0.5
    noise = torch.randn((int(coarse.sum()), *images.shape[1:]), generator=generator)
    images[coarse] += noise * patches.uniform(generator, 0, 0.06, len(noise)).view(-1, 1, 1, 1)
    images = images.clamp(0, 1)
    filed = (torch.rand(n, generator=generator) < 0.3).nonzero().flatten()
    if len(filed):
        qualities = torch.randint(35, 96, (len(filed),), generator=generator).tolist()
        images[filed] = degrade.jpeg(images[filed], qualities)
    return images


def crops(args, batch):
    """(a function generator -> crops (batch, 3, 64, 64), labels (batch,); how many identities there are)."""
    data = portraits.stored(args)
    rows, slots = (data["identities"] >= 0).nonzero(as_tuple=True)
    known, labels = data["identities"][rows, slots].unique(return_inverse=True)
    also = len(data["decoded"])
    fine = data["degrees"] <= torch.tensor([portraits.SAME.get(name, -1.0) for name in portraits.NAMES])[data["kinds"]]

    def draw(generator):
        which = torch.randint(len(rows), (batch,), generator=generator)
        row, slot = rows[which], slots[which]
        decoded = (torch.rand(batch, generator=generator) < 0.6) & (row < also) & fine[row % also]
        images = _pictures(data, row, decoded)
        points, boxes = data["points"][row, slot], data["boxes"][row, slot]
        seen = photographed(align(images, jittered(points, boxes, generator), nets.CROP), generator)
        return hidden(seen, generator), labels[which]

    return draw, len(known)


def jittered(points, boxes, generator):
    """Points (n, 5, 2) as a detector might give them: each a little off, and all moved, grown and turned a little together."""
    n, b = len(points), patches.half(boxes).view(-1, 1, 1)
    turn, grow = patches.uniform(generator, -0.06, 0.06, n), patches.uniform(generator, 0.95, 1.06, n)
    middle = points.mean(1, keepdim=True)
    z = torch.view_as_complex((points - middle).contiguous()) * torch.polar(grow, turn)[:, None]
    off = torch.randn(n, 5, 2, generator=generator) * 0.02 + torch.randn(n, 1, 2, generator=generator) * 0.02
    return torch.view_as_real(z) + middle + off * b


def hidden(crops, generator):
    """Crops of which a quarter have a rectangle painted over, so that no one part says who it is."""
    n, size = len(crops), crops.shape[-1]
    x, y = patches.places(size)
    wide, high = (patches.uniform(generator, 6, 26, n)[:, None, None] for _ in range(2))
    left, top = (patches.uniform(generator, -6, size - 6, n)[:, None, None] for _ in range(2))
    inside = (x >= left) & (x < left + wide) & (y >= top) & (y < top + high)
    inside = inside & (torch.rand(n, 1, 1, generator=generator) < 0.25)
    return torch.where(inside[:, None], torch.rand(n, 3, 1, 1, generator=generator), crops)
