"""docs/gallery.md, put together from the rows' numbers."""

from __future__ import annotations

from typing import Any

from .workshop import ROOT

# Row: its title, what one sees, and the article's claim that its numbers check.
TEXTS: dict[str, tuple[str, str, str]] = {
    "feature_visualization": (
        "Feature visualization",
        "What excites a channel, a neuron, a direction, a class, and a sum of two classes.",
        "",
    ),
    "class_dreams": (
        "Classes by name",
        "Ten ImageNet classes dreamt by EfficientNet-Lite0 from nothing. A star: SqueezeNet, which had no "
        "part in it, has the class among its first five.",
        "A class dream is recognised by a second network for at least half of the ten.",
    ),
    "unchosen_classes": (
        "Classes that nobody chose",
        "The settings were found with the classes above. These are every 97th of the thousand.",
        "The same.",
    ),
    "deep_dream": ("DeepDream", "What VGG-16 sees in Mary Cassatt's Summertime, amplified.", ""),
    "aligned_interpolation": (
        "Aligned interpolation",
        "Five frames between two channels. Above, with shared parameters; below, each on its own.",
        "Landmarks stay put: neighbouring aligned frames differ less than half as much as independent ones "
        "(AlexNet's relu3, place by place).",
    ),
    "style_transfer": (
        "Style transfer, any network",
        "Summertime in the style of The Starry Night through the networks that need no download, and in two "
        "styles at once.",
        "",
    ),
    "decorrelation": (
        "Decorrelated parameterization",
        "The article's Figure 4 on SqueezeNet, from grey: one objective on plain pixels, on a decorrelated "
        "spectrum, and on a spectrum seen through random transforms.",
        "Less than a third of the Nyquist-band energy, at an equal or lower loss.",
    ),
    "parameterizations": ("Parameterizations", "The class daisy as pixels, spectrum, pyramid and CPPN.", ""),
    "cppn_morph": (
        "CPPN morph",
        "Frames between the weights of two CPPNs; the second was trained on from the first.",
        "A CPPN has no resolution, and frames change smoothly.",
    ),
    "transparency": (
        "Semi-transparent patterns",
        "A daisy with alpha, optimised over random backgrounds.",
        "Alpha falls where the objective does not care: blended, the objective keeps 90 % of its opaque "
        "value while mean alpha is below .5.",
    ),
    "texture_synthesis": (
        "Texture synthesis",
        "More of The Starry Night and The Great Wave: sewn from pieces of them, and by their statistics from "
        "their mean colours.",
        "Snelgrove's pyramid is closer to the exemplar at large scale than plain Gram matrices.",
    ),
    "mesh_classes": (
        "Classes on a mesh",
        "What makes a fox a daisy, and a monarch, from wherever one looks: close views span half of the fox, "
        "whole ones all of it.",
        "The class that was asked for is among the network's first five on held-out views.",
    ),
    "mesh_dreams": (
        "On a mesh",
        "Every other objective on the fox's texture, seen from one side. The CPPN, which stays at few "
        "colours, and transparency, which thins what it paints, are of interest to researchers only.",
        "",
    ),
    "mesh_frames": ("Frames on a mesh", "Four aligned textures between two channels.", ""),
    "mesh_style": (
        "Style transfer on a mesh",
        "The Starry Night through renderings, through another network and parameterization (murky, and of "
        "interest to researchers only), and as a texture that was made without rendering.",
        "A naive texture has at least twice our seam ratio.",
    ),
    "mesh_relief": (
        "Relief",
        "Colour and a height map optimised together, under a random light in every view: bump and relief "
        "for a render or a print. Relief is not graded to the painting's palette, and is paler for it.",
        "",
    ),
    "moving_keys": (
        "Keys",
        "As it was, *The Starry Night*, *The Great Wave*, and back: 18 textures of three keys, as in "
        "[motion.md](motion.md).",
        "",
    ),
    "moving_dreams": ("Keys of dreams", "From channel to channel to channel, and back: twelve textures.", ""),
    "moving_formulas": (
        "Two formulas",
        "Two CPPNs of the surface, and what lies between their weights.",
        "",
    ),
    "moving_turn": ("Turntable", "*The Starry Night*, turned around once.", ""),
    "moving_run": (
        "A fox that runs",
        "Painted over eight poses of its run, and its strokes boil: four paintings.",
        "",
    ),
}

HEAD = """# Gallery

Made by `make gallery` from real weights on a CPU, from fixed seeds; small pictures and few steps, so that
all of it takes well under an hour on two cores. Method and claims: Mordvintsev et al. 2018,
[Differentiable Image Parameterizations](https://distill.pub/2018/differentiable-parameterizations/).
Numbers are printed as they came out, whether they bear the claim out or not.

Paintings: Van Gogh, *The Starry Night* (1889); Hokusai, *The Great Wave* (c. 1830) and *Poppies* (1833–34);
Cassatt, *Summertime* (1894); all in the public domain. Fox: CC-BY 4.0, model by PixelMannen, rigging by
@tomkranis, conversion by @AsoboStudio with @scurest.
"""

FIGURES = {"deep_dream": "deepdream"}
FILMS = ("moving_keys", "moving_dreams", "moving_formulas", "moving_turn", "moving_run")


def write_page(numbers: dict[str, dict[str, Any]]) -> None:
    """Write docs/gallery.md with every row that has numbers."""
    parts = [HEAD]
    for row, (title, text, claim) in TEXTS.items():
        if row not in numbers:
            continue
        figure = f"{FIGURES.get(row, row)}.{'webp' if row in FILMS else 'jpg'}"
        parts.append(f"## {title}\n\n{text}\n\n![{title}](gallery/{figure})\n")
        if claim:
            parts.append(f"*Claim:* {claim}\n")
        lines = [line for key, value in numbers[row].items() for line in _lines(key, value, 0)]
        parts.append("\n".join(lines) + "\n")
    seconds = sum(row["processor seconds"] for row in numbers.values())
    parts.append(f"All rows together took {seconds / 60:.0f} minutes of one processor core.\n")
    (ROOT / "docs" / "gallery.md").write_text("\n".join(parts), encoding="utf-8")


def _lines(key: str, value: Any, depth: int) -> list[str]:
    indent = "  " * depth
    if not isinstance(value, dict):
        return [f"{indent}- {key}: {value}"]
    return [f"{indent}- {key}:", *(line for k, v in value.items() for line in _lines(k, v, depth + 1))]
