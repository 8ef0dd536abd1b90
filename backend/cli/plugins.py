"""The options that load plugins, and the presets that these offer."""

from __future__ import annotations

import argparse

from .. import plugins

VERBS = ("stylize", "dream", "synthesize", "interpolate")  # that take them


def add_plugins(parser: argparse.ArgumentParser) -> None:
    """Add --plugin and --preset."""
    plugins.add_argument(parser)
    parser.add_argument(
        "--preset", metavar="NAME", help="a plugin's preset; what is written besides goes first"
    )


def with_plugins(words: list[str]) -> list[str]:
    """Load the plugins that the command line names, and write out its preset: the words to go on with."""
    if words[:1] not in [[verb] for verb in VERBS]:
        return words
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_plugins(early)
    given, rest = early.parse_known_args(words[1:])
    for file in given.plugin:
        plugins.load(file)
    preset = plugins.preset_words(given.preset) if given.preset else []
    return [words[0], *preset, *rest]
