"""What each mode has to set; the rest is below the fold, in `advanced`."""

from __future__ import annotations

from typing import Any

from bpy.app.translations import pgettext_iface as iface

from ...backend.terminal import clock
from .. import catalogue, job_fields, modes, timings
from ..export import film
from ..properties.advanced import network_for_style
from . import keys, styles

BUTTONS = {
    "style": "Stylize",
    "dream": "Dream",
    "texture": "Make Texture",
    "transparent": "Dream",
    "animate": "Make Textures",
}
QUALITIES = (("sketch", "Sketch"), ("draft", "Draft"), ("standard", "Standard"), ("final", "Final"))

# What else is set of an animation, by what it goes between.
OF_ANIMATIONS = {
    "styles": ("frames", "aligned"),
    "dreams": ("frames", "aligned"),
    "boil": ("frames", "boil", "hold"),
    "keys": ("textures", "easing", "loop"),
    "dream_keys": ("textures", "easing", "loop"),
    "formulas": ("textures",),
}


def draw(layout: Any, settings: Any, mode: str, picture: bool = False) -> None:
    """Draw the settings of `mode`; `picture`: for the image of an Image Editor."""
    if mode == "animate":
        draw_animation(layout, settings)
    elif modes.uses_styles(settings, mode):
        if not (picture and mode == "texture"):
            styles.draw_choice(layout, settings)
            styles.draw_mixture(layout, settings)
    else:
        if mode == "dream" and not picture:
            row = layout.row()
            row.use_property_split = False
            row.prop(settings, "present")
        if not modes.is_deepdream(settings, mode, picture):
            draw_target(layout, settings.target, settings)
    column = layout.column()
    if mode == "dream" and not picture and not settings.present:
        column.prop(settings, "reflectance")
    if modes.look_of(settings, mode) == "style":
        if not modes.has_keys(settings, mode):
            column.prop(settings, "strength", slider=True)
        column.prop(settings, "palette", slider=True)
        if not picture:
            row = column.row(heading="Follow Shape")
            row.prop(settings, "use_follow_shape", text="")
            row = row.row()
            row.active = settings.use_follow_shape
            row.prop(settings, "follow_shape", text="", slider=True)
            if not modes.has_keys(settings, mode):
                column.prop(settings, "style_size")
            column.prop(settings, "motifs")
    if mode in ("style", "texture") and not picture:
        column.prop(settings, "relief")
    if mode == "style" and not picture:
        draw_material(column, settings)
    in_pieces = mode == "texture" and job_fields.parameterization(settings, mode, picture) == "pieces"
    if mode == "texture":
        if not in_pieces:
            column.prop(settings, "scales")
        elif not picture:
            column.prop(settings, "style_size")
        if picture:
            column.prop(settings, "tileable")
    if picture:
        column.prop(settings, "picture_size")
    if not in_pieces and not modes.morphs(settings, mode):  # which take seconds, and have none
        draw_quality(layout, settings, mode, picture)
    row = layout.row(align=True)
    row.prop(settings, "seed")
    row.operator("patina.new_seed", text="", icon="FILE_REFRESH")


def draw_material(column: Any, settings: Any) -> None:
    """Draw whether the whole material is painted, and how far each of its maps."""
    row = column.row()
    row.active = not settings.relief
    row.prop(settings, "material")
    if settings.material and not settings.relief:
        for name in ("roughness", "metalness", "normal", "height", "detail"):
            column.prop(settings, name, slider=True)


def draw_animation(layout: Any, settings: Any) -> None:
    layout.prop(settings, "between")
    if settings.between == "boil":
        styles.draw_choice(layout, settings)
        styles.draw_mixture(layout, settings)
    elif settings.between == "keys":
        keys.draw(layout, settings)
    elif settings.between == "dream_keys":
        active = keys.draw(layout, settings)
        if active:
            draw_target(layout, active, settings)
    elif settings.between == "formulas":
        column = layout.column()
        column.prop(settings, "formula", icon="VIEWZOOM")
        column.prop(settings, "formula_to", icon="VIEWZOOM")
    elif settings.between == "styles":
        styles.draw_choice(layout, settings)
        styles.draw_choice(layout, settings.style_to)
    else:
        draw_target(layout, settings.target, settings)
        draw_target(layout, settings.target_to, settings)
    column = layout.column()
    for name in OF_ANIMATIONS[settings.between]:
        column.prop(settings, name)
    filmed = film.current
    if filmed is not None:
        column = layout.column(align=True)
        text = iface("Film: {} of {} frames").format(filmed.written, filmed.frames)
        column.progress(factor=filmed.written / filmed.frames, text=text)
        column.operator("patina.film_cancel", icon="CANCEL")
        return
    row = layout.row(align=True)
    row.operator("patina.film", icon="RENDER_ANIMATION")
    row.operator("patina.flip_book", icon="MESH_GRID")


def draw_target(layout: Any, target: Any, settings: Any) -> None:
    """Draw what to dream of."""
    column = layout.column(align=True)
    column.prop(target, "kind")
    if target.kind == "class":
        column.prop(target, "class_name", icon="VIEWZOOM")
        return
    column.prop(target, "layer", icon="VIEWZOOM")
    column.prop(target, "channel")
    count = catalogue.networks()[network_for_style(settings)].layers.get(target.layer)
    if count is not None and target.channel >= count:
        column.label(text=f"0–{count - 1}", icon="ERROR", translate=False)


def draw_quality(layout: Any, settings: Any, mode: str, picture: bool) -> None:
    """Draw the qualities, one below the other, each with the time that it takes on this machine."""
    column = layout.column(align=True)
    column.use_property_split = False
    guessed = False
    for quality, label in QUALITIES:
        expected = timings.expected(job_fields.kind(settings, mode, quality, picture))
        guessed = guessed or (expected is not None and not expected.measured)
        column.prop_enum(
            settings, "quality", quality, text=iface(label) + time_text(expected), translate=False
        )
    if guessed:
        row = column.row()
        row.active = False
        row.label(text="≈ estimated from other jobs")


def time_text(expected: timings.Expected | None) -> str:
    """Write what follows a quality's name: nothing while nothing is known."""
    if expected is None:
        return ""
    return f"   {'' if expected.measured else '≈ '}{clock(expected.seconds)}"
