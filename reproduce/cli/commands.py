"""The command line: `python -m reproduce list | run | report | claims | protect | purify | customise | bench | doctor`.

Whatever a user can get wrong ends in one line on standard error and status 2; Ctrl-C in one line and status
130; a notebook or an image that failed in status 1. Heavy imports happen inside the commands.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import re
import sys
import time
from pathlib import Path


class Parser(argparse.ArgumentParser):
    """argparse with errors of one line, which name the nearest choice."""

    def error(self, message: str):
        choice = re.match(r"argument (\S+): invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if choice:
            known = [word.strip("' ") for word in choice[3].split(",")]
            near = difflib.get_close_matches(choice[2], known, 1)
            hint = f"; did you mean {near[0]}?" if near else "."
            message = f"no {choice[1]} {choice[2]!r}{hint} There is: {', '.join(known)}"
        complain(message)
        raise SystemExit(2)


def parser() -> Parser:
    """The whole grammar; the README's commands are tested against it."""
    top = Parser(
        prog="reproduce", description="Reproduce the study: figures, tables, and the tools behind them."
    )
    commands = top.add_subparsers(dest="command", metavar="command", required=True, parser_class=Parser)
    commands.add_parser("list", help="every figure and table: notebook, needs, minutes, place")
    commands.add_parser("doctor", help="what this machine can run")
    for name, words in (
        ("claims", "the ledger: each claim of the papers, its effect here, its verdict"),
        ("report", "every table and figure that needs no pixels, made again of the rows; seconds, no model"),
    ):
        reading = commands.add_parser(name, help=words)
        reading.add_argument("--profile", default="bundled", help="whose rows are read")
        reading.add_argument("--scale", default="standard", help="smoke, standard, paper")
        reading.add_argument("--out", default="figures", help="folder of the results")
        reading.add_argument("--images", help="the folder of pictures that was given to the run as IMAGES")
        if name == "claims":
            reading.add_argument("--brief", action="store_true", help="four columns, as in the README")
    run = commands.add_parser("run", help="execute notebooks, all of them unless some are named")
    run.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="name or number, such as 01")
    run.add_argument("--profile", default="bundled", help="bundled, sd15, sd21, or a folder with a model")
    run.add_argument(
        "--scale", default=os.environ.get("REPRODUCE_SCALE") or "standard", help="smoke, standard, paper"
    )
    run.add_argument("--seed", default=0, type=int)
    run.add_argument(
        "--out", default=os.environ.get("REPRODUCE_OUT") or "figures", help="folder for the results"
    )
    run.add_argument("--workers", type=int, help="jobs computed at once, each on one thread; one a core by default, on a GPU one")
    run.add_argument("--executor", help="who computes, in place of processes here: dask=ADDRESS, slurm (pip install 'reproduce[cluster]')")
    run.add_argument("-p", dest="parameters", action="append", default=[], metavar="NAME=VALUE")
    bench = commands.add_parser("bench", help="runtime and memory of every protection, an edit, the renderer; of the JPEG; of the attacks")
    bench.add_argument(
        "what", nargs="?", metavar="benchmark", choices=["everything", "jpeg", "attacks", "rules"], default="everything",
        help="everything; jpeg: beside kornia's and Pillow's, at --size 512 by default; attacks: PhotoGuard's two, beside the plain loop"
        " and the device's limit; rules: which rule of steps gets an attack furthest",
    )  # fmt: skip
    bench.add_argument("--profile", default="bundled", help="bundled, sd15, sd21, or a folder with a model")
    bench.add_argument("--size", type=int, help="pixels a side; the model's own by default")
    bench.add_argument("--batch", type=int, help="pictures at once; 1 by default, for attacks what suits the device")
    bench.add_argument("--steps", type=int, help="steps of an attack that are timed; 10 by default, for a full-size attack on a CPU 1")
    bench.add_argument("--anatomy", help="attacks only: sd15, Stable Diffusion 1.5 in full size with random weights, no download")
    protect = commands.add_parser("protect", help="protect images and write them as PNG")
    protect.add_argument("--eps", type=float, help="budget in grey levels, in place of the settings' own")
    protect.add_argument("--mask", help="a picture, stretched to each image: what is white in it is changed, the rest is left to an editor")
    protect.add_argument("--target", help="a picture, stretched to each image, that the model is to read or paint in place of grey")
    purify = commands.add_parser("purify", help="try to purify a protection out of images and write them as PNG")
    purify.add_argument("--force", action="store_true", help="write over files that are there already")
    for command, known in ((protect, "photoguard-encoder"), (purify, "impress, jpeg, diffpure")):
        command.add_argument(
            "images", nargs="+", metavar="IMAGE_OR_FOLDER", help="done one by one; for a method that takes a set, all of them are one"
        )
        command.add_argument("--method", required=True, help=f"{known} and others; a wrong name lists them")
        command.add_argument("--settings", help="paper, released and others, as the method has them; its first by default")
        command.add_argument("--longest", type=int, default=512, help="reduce the longest side to this many pixels first; 0 keeps all")
        command.add_argument("--square", action="store_true", help="cut out the middle square, at the model's own size, instead")
        command.add_argument("--steps", type=int, help="steps of the method, in place of the settings' own")
        command.add_argument("--profile", default="bundled", help="bundled, sd15, sd21, or a folder with a model")
        command.add_argument("--precision", help="of the networks: float32, bfloat16, float16; what suits the device by default")
        command.add_argument("--seed", default=0, type=int)
        command.add_argument("-o", "--out", required=True, help="folder for the images made")
    tuning = commands.add_parser("customise", help="tune a model to one person's photographs (DreamBooth) and write what it paints of them")
    tuning.add_argument("images", nargs="+", metavar="PHOTO_OR_FOLDER", help="pictures of one person; four or so")
    tuning.add_argument("--prompt", action="append", required=True, help='what to paint, e.g. "a photo of sks person"; may be given again')
    tuning.add_argument("--count", type=int, default=4, help="pictures a prompt")
    tuning.add_argument("--settings", help="equal (the bundled model's), paper, released, lora, kv; what suits the profile by default")
    tuning.add_argument("--steps", type=int, help="steps of the fine-tuning, in place of the settings' own")
    tuning.add_argument("--sampling", type=int, default=50, help="steps a picture is painted in")
    tuning.add_argument("--class-pictures", metavar="FOLDER", help="pictures of other people; by default the model paints some first")
    tuning.add_argument("--force", action="store_true", help="write over files that are there already")
    tuning.add_argument("--profile", default="bundled", help="bundled, sd15, sd21, or a folder with a model")
    tuning.add_argument("--precision", help="of the networks: float32, bfloat16, float16; what suits the device by default")
    tuning.add_argument("--seed", default=0, type=int)
    tuning.add_argument("-o", "--out", required=True, help="folder for the images made")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    from ..artefacts import files

    options = parser().parse_args(arguments)
    try:
        return {
            "list": listing,
            "run": run,
            "protect": protect,
            "purify": purify,
            "customise": customise,
            "claims": claims,
            "report": report,
            "bench": bench,
            "doctor": doctor,
        }[options.command](options)
    except KeyboardInterrupt as stop:
        complain(str(stop) or "interrupted; run the same command again to resume")
        return 130
    except (ValueError, FileNotFoundError, PermissionError, NotADirectoryError, files.NoSpace) as error:
        complain(error)
        return 2
    except BrokenPipeError:  # `reproduce list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def complain(message) -> None:
    """One line on standard error."""
    print("reproduce: " + " ".join(str(message).split()), file=sys.stderr, flush=True)


def listing(options) -> int:
    """Print every artefact: where it lands, its notebook, what it needs, minutes per scale."""
    from .. import notebook
    from ..diffusion import profiles

    for entry in notebook.catalogue():
        minutes = " / ".join(f"{entry.minutes[scale]:g}" for scale in profiles.SCALES)
        print(f"{entry.name}: {entry.title}")
        scales = " / ".join(profiles.SCALES)
        print(f"    needs {entry.needs}; {minutes} minutes at {scales} (two CPU cores, bundled)")
        for artefact in entry.artefacts:
            print(f"    {artefact:<28} figures/<profile>/{artefact}.*")
    return 0


def run(options) -> int:
    """Execute the notebooks named, or all; one that fails does not keep the others from running."""
    from .. import notebook
    from ..notebook import execute

    notebook.check(options.profile, options.scale, options.seed)
    if options.workers is not None and options.workers < 1:
        raise ValueError(f"expected --workers of at least 1, got {options.workers}")
    if options.executor and options.executor != "slurm" and not options.executor.startswith("dask="):
        raise ValueError(f"expected --executor dask=ADDRESS or slurm, got {options.executor!r}")
    entries = [notebook.find(name) for name in options.notebooks] or notebook.catalogue()
    if not entries:
        raise ValueError(f"no notebooks in {notebook.root() / 'notebooks'}")
    given = dict(pair(text) for text in options.parameters)
    for entry in entries:
        notebook.check_parameters(entry, given)
    out = Path(options.out)
    if Path.cwd() != notebook.root() and options.out != "figures":
        out = out.absolute()  # notebooks work at the root; the user meant a folder here
    failed = 0
    for i, entry in enumerate(entries, 1):
        print(f"[{i}/{len(entries)}] {entry.name}: {entry.title}", file=sys.stderr, flush=True)
        begun = time.monotonic()
        try:
            target = notebook.run(
                entry.name,
                profile=options.profile,
                scale=options.scale,
                seed=options.seed,
                out=str(out),
                parameters=given,
                workers=options.workers,
                executor=options.executor,
            )
        except execute.Failed as error:
            complain(error)
            failed += 1
            continue
        print(f"{shown(target)} ({time.monotonic() - begun:.0f} s)", flush=True)
    return 1 if failed else 0


def pair(text: str) -> tuple[str, object]:
    """NAME=VALUE as a name and a Python literal, or text where it is none."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ValueError(f"expected -p NAME=VALUE, got {text!r}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def shown(path: Path) -> Path:
    """`path` as seen from here, where it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def protect(options) -> int:
    """Protect each image, of folders each file; one that cannot be read gives one line, the others go on."""
    from .. import notebook
    from . import batch

    notebook.quiet()
    return batch.protect_files(options, complain)


def purify(options) -> int:
    """Purify each image, of folders each file; one that cannot be read gives one line, the others go on."""
    from .. import notebook
    from . import batch

    notebook.quiet()
    return batch.purify_files(options, complain)


def customise(options) -> int:
    """Tune a copy of the profile's model to the pictures and write what it paints."""
    for name, count in (("--count", options.count), ("--sampling", options.sampling)):
        if count < 1:
            raise ValueError(f"expected {name} of at least 1, got {count}")
    from .. import notebook
    from .customise import customise_files

    notebook.quiet()
    return customise_files(options)


def bench(options) -> int:
    """Print what protections, an edit, the renderer and opening the model cost here; or the JPEG, or the attacks."""
    for name, count in (("--batch", options.batch), ("--steps", options.steps)):
        if count is not None and count < 1:
            raise ValueError(f"expected {name} of at least 1, got {count}")
    if options.anatomy is not None and options.what != "attacks":
        raise ValueError(f"--anatomy is for bench attacks, not for bench {options.what}")
    from .. import notebook, report
    from ..bench import attacks, jpeg, rules
    from ..bench import everything as clock

    notebook.quiet()
    if options.what == "jpeg":
        found = jpeg.rows(512 if options.size is None else options.size)
        heads = {key: head for key, head in jpeg.HEADS.items() if any(key in row for row in found)}
        print(report.table_markdown(found, heads, [jpeg.FOOTNOTE]))
        return 0
    if options.what == "attacks":
        print(attacks.report(options.profile, options.anatomy, options.size, options.batch, options.steps), end="")
        return 0
    if options.what == "rules":
        print(report.table_markdown(rules.rows(options.profile, options.steps), rules.HEADS, [rules.FOOTNOTE]))
        return 0
    rows = clock.rows(options.profile, options.size, options.steps or 10, options.batch or 1)
    print(report.table_markdown(rows, clock.HEADS))
    return 0


def claims(options) -> int:
    """Print the ledger, judged on the rows that runs have left; needs no model."""
    from . import results

    return results.claims(options)


def report(options) -> int:
    """Make every table and figure of the rows that runs have left; needs no model."""
    from . import results

    return results.report(options)


def doctor(options) -> int:
    """Print what this machine can run."""
    from . import doctor as report

    print("\n".join(report.lines()))
    return 0
