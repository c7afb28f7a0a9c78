"""PhotoGuard's evaluation (notebook 02): edits of immunised pictures beside edits of the clean ones, with the controls it lacks.

Every edit is an inpainting that keeps the person and repaints the rest, compared with the edit of the clean picture under the same
seed. Controls: the clean picture under another seed, under the same seed once more, through the autoencoder, and with noise of the
attack's bound and of its norm.
"""

import dataclasses
from dataclasses import dataclass

import torch

from .. import images, protect, rng
from ..engine.study import Result
from ..measure import MEASURES, compare, distribution, similarity
from ..measure import clip as judge
from ..misuse import edit
from ..papers import photoguard as paper
from ..protect import as_printed, noise, photoguard
from . import subjects
from .protections import PROTECTIONS, Protected, plain, record, together

TARGETS = ("noise", "encoder", "diffusion")
SIDE = ("encoder, released", "encoder, equal", "diffusion, released", "diffusion, equal")  # settings side by side, on some of the people
MATCHED, ROUND = "noise of the encoder attack's norm", "round trip"  # the other pictures that are edited
AGAIN = "same seed again"
PROMPTED = "diffusion, prompted"  # the diffusion attack through guidance, with the prompt that is asked of the edit
BRIEF = ("ssim", "psnr", "ssim-sewar")  # of edits that no line of Tables 6 and 10 is about
REGIONS = ("ssim_pasted", "psnr_pasted", "ssim_edited", "psnr_edited")


@dataclass(frozen=True)
class Scale:
    """How much is run: people, prompts each, seeds in the list, people for settings side by side and for variations, steps.

    What the attacks run is in protections.AT_MOST.
    """

    people: int
    prompts: int
    seeds: int
    side: int
    variations: int
    edit_steps: int
    printed_steps: int


SCALES = {
    "smoke": Scale(2, 3, 2, 1, 1, 4, 4),
    "standard": Scale(20, 3, 3, 4, 3, 20, 20),
    "paper": Scale(20, 3, 10, 20, 20, 100, 200),
}


class Edits:
    """The experiment over one study: `protect`, then `edits`, then what is computed from both."""

    def __init__(self, study, *, images="", clip=""):
        study.images = images or study.images
        self.study, self.scale = study, SCALES[study.scale]
        self.people = subjects.people(study, self.scale.people)
        self.clip = judge.clip(clip or study.profile.judges.clip)

    def protect(self):
        """Every person's kept region under every protection."""
        side = min(self.scale.side, len(self.people.names))
        self.protected = Protected(self.study, self.people, dict.fromkeys(TARGETS, len(self.people.names)) | dict.fromkeys(SIDE, side))
        return self.protected

    def arms(self, subject):
        """The protections a person is edited under."""
        return [name for name, count in self.protected.wanted.items() if subject < count]

    def picture(self, subject, arm):
        """What is edited under that name, (1, 3, H, W), on the 8-bit grid."""
        clean = self.protected.picture(subject, "clean")
        if arm == ROUND:
            with torch.no_grad():
                return images.quantise(self.study.model.decode(self.study.model.encode(clean).mean).clamp(0, 1).cpu())
        if arm == MATCHED:
            chance = [rng.generator(self.study.seed, "matched", self.people.names[subject])]
            reference = self.picture(subject, "encoder")
            return noise.matched(clean, reference, chance, mask=self.people.people[subject : subject + 1])
        return self.protected.picture(subject, arm)

    def edits(self):
        """One job an edit asked for (person and prompt); rows one per picture, seed and rule of choosing the seed."""
        jobs = [
            dict(
                subject=i, image=self.people.names[i], prompt=self.people.prompts[i][k], clip=self.clip.fingerprint,
                arms=[[arm, plain(self.protected.settings[arm])] for arm in self.arms(i)], scale=list(dataclasses.astuple(self.scale)),
            )
            for i in range(len(self.people.names)) for k in range(self.scale.prompts)
        ]  # fmt: skip
        self.edited = self.study.sweep("photoguard/edits", jobs, self._edit)
        return self.edited

    def _edit(self, job):
        i, asked, arms = job["subject"], job["prompt"], [arm for arm, _ in job["arms"]]
        sent = {arm: self.picture(i, arm) for arm in ("clean", *arms, MATCHED, ROUND)}
        list_of_seeds = range(1, self.scale.seeds)
        wanted = [(arm, 0) for arm in sent] + [(arm, seed) for seed in list_of_seeds for arm in ("clean", *TARGETS)] + [(AGAIN, 0)]
        sent[AGAIN] = sent["clean"]  # far from the first one in the batch
        made = dict(zip(wanted, self._paint(job, wanted, sent).split(1), strict=True))
        fits = [self.clip.similarity(made["clean", seed], [asked]).item() for seed in (0, *list_of_seeds)]
        best = max(range(len(fits)), key=fits.__getitem__)
        shown = [("fixed", arm, 0, made[arm, 0], 0) for arm in sent if arm != AGAIN]
        shown += [("fixed", "another seed", 1, made["clean", 1], 0), ("fixed", AGAIN, 0, made[AGAIN, 0], 0)]
        shown += [("list", arm, seed, made[arm, seed], seed) for seed in list_of_seeds for arm in ("clean", *TARGETS)]
        shown += [("best", arm, best, made[arm, best], best) for arm in ("clean", *TARGETS)]
        kept, clean = self.people.people[i : i + 1], sent["clean"]
        measured = {}  # the best seed's edits are among the list's
        for _, arm, seed, done, against in shown:
            if (arm, seed) not in measured:
                fit = self.clip.similarity(done, [asked]).item()
                names = MEASURES if seed == 0 and arm in TARGETS else BRIEF
                measured[arm, seed] = self._compared(done, made["clean", against], clean, kept, names) | dict(fit=fit)
        rows = [dict(seeds=rule, protection=arm, seed=seed, **measured[arm, seed]) for rule, arm, seed, *_ in shown]
        rows.append(dict(seeds="none", protection="photograph", fit=self.clip.similarity(clean, [asked]).item()))
        return Result(rows, {f"{rule}: {arm}": done for rule, arm, _, done, _ in shown if rule != "list"})

    def _paint(self, job, wanted, sent):
        """Inpaintings of the pictures under the seeds in `wanted`, all but the person repainted."""
        seeds = [rng.generator(self.study.seed, "edit", seed, job["prompt"], job["image"]) for _, seed in wanted]
        batch = torch.cat([sent[arm] for arm, _ in wanted])
        masks = 1 - self.people.people[job["subject"]].expand(len(batch), -1, -1, -1)
        return edit.inpaint(batch, masks, [job["prompt"]] * len(batch), self.study.model, settings=self.settings, generator=seeds)

    @property
    def settings(self):
        """How pictures are edited: Table 8, with this scale's number of steps."""
        return dataclasses.replace(paper.PHOTOGUARD_EDIT["paper"], steps=self.scale.edit_steps)

    @staticmethod
    def _compared(done, reference, clean, kept, names):
        """The named measures; then SSIM and PSNR with the clean person pasted back; then over the repainted region."""
        values = compare(done, reference, tuple(names))
        pasted = [one * (1 - kept) + clean * kept for one in (done, reference)]
        over = [measure(done, reference, 1 - kept) for measure in (similarity.ssim_over, similarity.psnr_over)]
        values |= dict(zip(REGIONS, [*compare(*pasted, ("ssim", "psnr")).values(), *over], strict=True))
        return {name: value.item() for name, value in values.items()}

    def distances(self):
        """FID, precision and recall of every set of edits to the clean edits under the same seeds: a row a set."""
        features, label = distribution.extractor(self.study.profile.judges, self.clip)
        sets = [("fixed", arm) for arm in (*TARGETS, MATCHED, ROUND, "another seed", AGAIN)]
        sets += [("best", arm) for arm in TARGETS]
        known = {rule: features(self.edited.images({}, f"{rule}: clean")) for rule in ("fixed", "best")}
        rows = []
        for rule, arm in sets:
            found = features(self.edited.images({}, f"{rule}: {arm}"))
            precision, recall = distribution.precision_recall(found, known[rule])
            fid = distribution.fid(found, known[rule])
            rows.append(dict(seeds=rule, protection=arm, fid=fid, precision=precision, recall=recall, edits=len(found), features=label))
        return rows

    def transfer(self):
        """Some people's edits in few steps and many, without and with their prompt, under encoder, diffusion and prompted attack."""
        count, group = min(self.scale.side, len(self.people.names)), together(self.people.images)
        jobs = [
            dict(
                first=first, pictures=self.people.names[first : min(first + group, count)], edit_steps=self.scale.edit_steps,
                arms=[plain(self.protected.settings[arm]) for arm in TARGETS],
            )
            for first in range(0, count, group)
        ]  # fmt: skip
        self.transferred = self.study.sweep("photoguard/transfer", jobs, self._transfer)
        return self.transferred

    def _transfer(self, job):
        model, seed, meant = self.study.model, self.study.seed, self.protected.settings["diffusion"]
        some = range(job["first"], job["first"] + len(job["pictures"]))
        asked, kept = [self.people.prompts[i][0] for i in some], self.people.people[some.start : some.stop]
        sent = {arm: torch.cat([self.picture(i, arm) for i in some]) for arm in ("clean", *TARGETS)}
        chance = [rng.generator(seed, "protect", PROMPTED, name) for name in job["pictures"]]
        clean, mask = sent["clean"].to(model.device), kept.to(model.device)
        sent[PROMPTED] = photoguard.diffusion(clean, model, settings=meant, generator=chance, mask=mask, prompts=asked).cpu()
        rows = []
        for steps, prompts in ((n, each) for n in (meant.chain, self.scale.edit_steps) for each in ([""] * len(asked), asked)):
            settings, done = dataclasses.replace(self.settings, steps=steps), {}
            for arm, pictures in sent.items():
                chance = [rng.generator(seed, "transfer", name) for name in job["pictures"]]
                done[arm] = edit.inpaint(pictures, 1 - kept, prompts, model, settings=settings, generator=chance)
            for arm in (*TARGETS, PROMPTED):
                ssim = compare(done[arm], done["clean"], ("ssim",))["ssim"].tolist()
                common = dict(protection=arm, steps=steps, prompted=prompts is asked)
                rows += [dict(common, image=name, ssim=value) for name, value in zip(job["pictures"], ssim, strict=True)]
        return Result(rows)

    def variations(self):
        """Figure 4: image variations of clean, noised and protected whole pictures (no mask); rows one per picture."""
        steps = record("encoder", self.study.scale).steps
        names, prompts = self.people.names[: self.scale.variations], self.people.prompts
        jobs = [dict(subject=i, image=name, prompt=prompts[i][0], steps=steps) for i, name in enumerate(names)]
        self.varied = self.study.sweep("photoguard/variations", jobs, self._vary)
        return self.varied

    def _vary(self, job):
        i, model, seed = job["subject"], self.study.model, self.study.seed
        clean = self.people.images[i : i + 1]
        sent = {"clean": clean}
        for arm in ("noise", "encoder"):
            method, settings = PROTECTIONS[arm]
            own = rng.child(seed, "whole", job["image"])
            sent[arm] = protect.apply(clean, model, method, settings=settings, seed=own, steps=job["steps"])
        batch, settings = torch.cat([*sent.values(), clean]), paper.PHOTOGUARD_EDIT["released variation"]
        chance = [rng.generator(seed, "variation", which, job["image"]) for which in [0] * len(sent) + [1]]
        steps = max(4, self.scale.edit_steps * 2)  # strength 1/2 takes half of them
        done = edit.vary(batch, [job["prompt"]] * len(batch), model, settings=dataclasses.replace(settings, steps=steps), generator=chance)
        values = compare(done, done[:1].expand(len(done), -1, -1, -1), ("ssim", "psnr"))
        rows = [dict(protection=arm, **{k: v[n].item() for k, v in values.items()}) for n, arm in enumerate([*sent, "another seed"])]
        return Result(rows, {"sent": torch.cat([*sent.values()]), "edit": done})

    def printed(self):
        """Algorithm 1 as printed beside the attack it stands for, on one whole picture: levels moved after every step."""
        job = dict(subject=0, image=self.people.names[0], steps=self.scale.printed_steps)
        self.specimen = self.study.sweep("photoguard/as printed", [job], self._printed)
        return self.specimen

    def _printed(self, job):
        clean, settings, rows = self.people.images[:1].to(self.study.model.device), self.protected.settings["encoder"], []

        def note(form):
            def kept(n, x, *_):
                moved, outside = (x - clean).mul(255).abs(), ((x < 0) | (x > 1)).float()
                step = n + (form != "as printed")  # pgd counts from 0
                rows.append(dict(form=form, step=step, largest=moved.max().item(), mean=moved.mean().item(), outside=outside.mean().item()))

            return kept

        target = photoguard.target(clean, self.study.model, settings.target)
        loss = as_printed.encoder_loss(self.study.model, target)
        made = as_printed.printed(clean, loss, eps=settings.eps, step=settings.step, steps=job["steps"], callback=note("as printed"))
        meant = dataclasses.replace(settings, steps=job["steps"])
        kept = photoguard.encoder(clean, self.study.model, settings=meant, callback=note("as in equation 4"))
        return Result(rows, {"as printed": made.cpu().clamp(0, 1), "as in equation 4": kept.cpu()})
