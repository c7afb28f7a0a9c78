"""The command line: `python -m reproduce list | run | report | claims | protect | purify | customise | bench | doctor`.

Whatever a user can get wrong ends in one line on standard error and status 2; Ctrl-C in one line and status
130; a notebook or an image that failed in status 1. Heavy imports happen inside the commands.
"""

from __future__ import annotations

import ast
import os
import sys
import time
from pathlib import Path

from .grammar import complain, parser


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
