"""The stages of training that make the face networks: the detector and the embedder; started by `reproduce.world.train`."""

import torch
import torch.nn.functional as F
from torch import nn

from ...diffusion.precision import single
from ...measure import face_nets as nets
from . import face_batches as batches
from .loop import train

CORE, RING = 0.75, 1.75  # cells around a face's middle: that say so, and that may say what they like
SCALE, MARGIN = 32.0, 0.3  # of the angular margin loss
LOGS = ("detector", "embedder")
GROW = 400  # steps until the margin is whole


def train_detector(args):
    """Boxes, scores and points, on faces whole and spoiled; goes on from the bundle args.start, if that has a detector."""
    _, batch = args.size["detector"]
    draw = batches.scenes(args, batch)
    torch.manual_seed(args.seed)
    begun = args.start is not None and (args.start / "faces" / "detector.safetensors").exists()
    net = nets.load(args.start / "faces", "detector")[0].train().requires_grad_(True) if begun else nets.Detector()
    net = net.to(args.device, memory_format=torch.channels_last)

    def loss(net, step, generator):
        with single(args.device):
            images, boxes, points, status, glass = draw(generator)
        out = net(images.contiguous(memory_format=torch.channels_last))
        with single(images.device):
            return detection_loss(out.float(), boxes, points, status, glass)

    from .face_quality import SEED, detector_quality, under_weaves

    weaves = under_weaves(args, args.size["judged"])

    def judge(net):
        return detector_quality(net, args.size["judged"], weaves=weaves)

    net = train(args, "detector", net, loss, judge=judge, judge_every=2000, muon=5e-3, adam=1e-3)
    threshold = detector_quality(net, 3 * args.size["judged"], SEED + 4, weaves)["threshold"]
    nets.save(args.work / "faces", "detector", net, threshold=threshold)


def train_embedder(args):
    """Unit vectors of one person lie together: classification of the training identities with an angular margin, always from nothing."""
    _, batch = args.size["embedder"]
    draw, classes = batches.crops(args, batch)
    torch.manual_seed(args.seed)
    net = Classifier(nets.Embedder(), classes).to(args.device, memory_format=torch.channels_last)

    def loss(net, step, generator):
        with single(args.device):
            crops, labels = draw(generator)
        found = net.embedder(crops.contiguous(memory_format=torch.channels_last))
        with single(crops.device):
            return net.loss(found.float(), labels, MARGIN * min(1.0, step / GROW))

    from .face_quality import embedder_quality

    def judge(net):
        return embedder_quality(net.embedder, args.size["judged"] // 8)

    net = train(args, "embedder", net, loss, judge=judge, judge_every=2000, muon=5e-3, adam=1e-3)
    nets.save(args.work / "faces", "embedder", net.embedder)


def publish(source, target, work):
    """Copy the face networks that the stages wrote in the folder `source` to `target`, with the last log entries of those run in `work`.

    Their log is no part of the model's, so that other face networks leave the model's fingerprint alone.
    """
    target.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "detector.safetensors", "embedder.safetensors"):
        if not (source / name).is_file():
            raise ValueError(f"{source} lacks {name}; run the stages `portraits`, `detector` and `embedder` first")
        (target / name).write_bytes((source / name).read_bytes())
    logs = [work / f"{stage}.jsonl" for stage in LOGS]
    if (source / "training.jsonl").is_file():
        (target / "training.jsonl").write_bytes((source / "training.jsonl").read_bytes())
    elif all(log.exists() for log in logs):
        (target / "training.jsonl").write_text("".join(log.read_text().splitlines()[-1] + "\n" for log in logs))


class Classifier(nn.Module):
    """An embedder and a direction for each identity it is trained on."""

    def __init__(self, embedder, classes):
        super().__init__()
        self.embedder = embedder
        self.class_embedding = nn.Parameter(torch.randn(classes, nets.WIDTH) * 0.05)

    def loss(self, found, labels, margin):
        """Cross entropy after `margin` radians are added to each embedding's angle with its own identity (ArcFace)."""
        cosine = F.normalize(found) @ F.normalize(self.class_embedding).T
        own = cosine.gather(1, labels[:, None]).clamp(-0.999, 0.999)
        angle = own.acos() + margin
        harder = torch.where(angle < torch.pi, angle.cos(), own - margin * torch.tensor(margin).sin())
        return F.cross_entropy(SCALE * cosine.scatter(1, labels[:, None], harder), labels)


def detection_loss(out, boxes, points, status, glass):
    """The loss of a detector's map `out` (N, 15, h, w): scores, boxes and points.

    boxes (N, K, 4), points (N, K, 5, 2) in pixels, nan where there is no face; status (N, K): 1 a face, 0 a spoiled one, -1 no matter.
    glass (N, 4): a box in which nothing matters, nan for none. Cells away from faces count by how wrong they are (focal).
    """
    n, _, h, w = out.shape
    x, y = ((torch.arange(k, device=out.device) + 0.5) * nets.STRIDE for k in (w, h))
    cells = torch.stack([x.expand(h, w), y[:, None].expand(h, w)], -1)
    middle = boxes.view(n, -1, 2, 2).mean(2)
    far = (cells - middle[:, :, None, None]).norm(dim=-1).nan_to_num(1e9) / nets.STRIDE  # (N, K, h, w)
    state = status[:, :, None, None].expand_as(far)
    core, ring = far <= CORE, far <= RING
    inside = (cells[None] >= glass[:, None, None, :2]).all(-1) & (cells[None] <= glass[:, None, None, 2:]).all(-1)
    good, bad = (core & (state == 1)).any(1), (core & (state == 0)).any(1)
    unsure = inside | (ring & (state == 1)).any(1) | (ring & (state == -1)).any(1)
    entropy = F.binary_cross_entropy_with_logits(out[:, 0], good.float(), reduction="none")
    weight = torch.where(good | bad, 1.0, torch.where(unsure, 0.0, 4 * out[:, 0].detach().sigmoid() ** 2))
    score = (entropy * weight).sum() / (good | bad).sum().clamp(min=1)
    item, face, row, column = ((far <= 1.25) & (state == 1)).nonzero(as_tuple=True)
    if not len(item):
        return score
    told, at = out[item, 1:, row, column], cells[row, column]
    box, five = boxes[item, face], points[item, face]
    sides = torch.cat([at - box[:, :2], box[:, 2:] - at], 1) / nets.REACH
    away = (five - at[:, None]).flatten(1) / nets.SPREAD
    return score + 4 * F.smooth_l1_loss(told, torch.cat([sides, away], 1), beta=0.05)
