"""The grammar of the command line, with errors of one line."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys


def complain(message) -> None:
    """One line on standard error."""
    print("reproduce: " + " ".join(str(message).split()), file=sys.stderr, flush=True)


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
