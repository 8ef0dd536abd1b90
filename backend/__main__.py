"""The command line: `python -m backend VERB`; one verb a function."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

from . import run, serve
from .errors import PatinaError
from .protocol.events import FAILED, FINISHED
from .run import do_job


def main(arguments: list[str] | None = None) -> int:
    """Parse and do; gives the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["run"]:  # before the imports below, which take seconds: it listens meanwhile
        parser = argparse.ArgumentParser(prog="python -m backend run")
        run.add_arguments(parser)
        return run.run(parser.parse_args(words[1:]))
    if words == ["serve"]:
        return serve.serve()
    try:
        return _do(words)
    except PatinaError as error:
        return _tell(error)
    except OSError as error:
        named = f" ({error.filename})" if error.filename else ""
        return _tell(PatinaError(f"{error.strerror or error}{named}.", "Check the path and the disk."))
    except MemoryError:
        return _tell(
            PatinaError("There is not enough memory.", "Close other programs, or use smaller files.")
        )


def _do(words: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):  # a file's name is told as it is, where it is no text, too
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=sys.getfilesystemencodeerrors())
    from .cli import film
    from .cli.plugins import with_plugins
    from .cli.verbs import add as add_verbs

    parser = argparse.ArgumentParser(prog="python -m backend", description="Paint a surface in a style.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    run.add_arguments(verbs.add_parser("run", help="do the job in a folder, telling events on stdout"))
    verbs.add_parser("serve", help="do jobs as a program asks for them on stdin, telling events on stdout")
    add_verbs(verbs, do_job)
    film.add(verbs)
    _weights_arguments(verbs.add_parser("weights", help="fetch a network's weights, or take a file"))
    _export_arguments(verbs.add_parser("export", help="write a model for a game engine or a printer"))
    _farm_arguments(verbs.add_parser("farm", help="paint a library of models as a recipe says"))
    verbs.add_parser("doctor", help="say what this machine can do, and what is missing").set_defaults(
        do=_doctor
    )
    options = parser.parse_args(with_plugins(words))
    do: Callable[[argparse.Namespace], int] = options.do
    return do(options)


def _tell(error: PatinaError) -> int:
    print(f"patina: {error.message}", file=sys.stderr)
    if error.cure:
        print(f"        {error.cure}", file=sys.stderr)
    return FAILED


def _weights_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--fetch", metavar="NETWORK", help="download this network's weights")
    which.add_argument("--from", dest="file", type=Path, metavar="FILE", help="take weights from this file")
    parser.add_argument("--events", action="store_true", help="speak as a job does, for a program")
    parser.set_defaults(do=_weights)


def _weights(options: argparse.Namespace) -> int:
    """List what is here, fetch, or take a file."""
    from .cli.weights import provide

    return provide(options.fetch, options.file, options.events)


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    from . import export

    export.add_arguments(parser)
    parser.set_defaults(do=export.run)


def _farm_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recipe", type=Path, metavar="RECIPE.toml", help="what to paint, and how: docs/farm.md"
    )
    parser.add_argument("--address", metavar="auto|HOST:PORT", help="the Ray cluster to paint on")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder for the results")
    parser.set_defaults(do=_farm)


def _farm(options: argparse.Namespace) -> int:
    from .farm.drive import farm

    return farm(options.recipe, options.address, options.out)


def _doctor(options: argparse.Namespace) -> int:
    from .cli.doctor import doctor

    report = doctor()
    print(report)
    return FAILED if report.amiss else FINISHED


if __name__ == "__main__":
    sys.exit(main())
