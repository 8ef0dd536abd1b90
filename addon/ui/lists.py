"""Lists of what the artist adds and removes, with the active one's settings below."""

from __future__ import annotations

from typing import Any


class Rows:
    """What such lists (`bpy.types.UIList`) share: a line for each, so much of it for its `first` property."""

    split: float
    first: str
    draw_rest: Any  # given that line and the item: draws what comes after it

    def draw_item(
        self,
        context: Any,
        layout: Any,
        data: Any,
        item: Any,
        icon: int,
        active_data: Any,
        active_property: str,
    ) -> None:
        row = layout.split(factor=self.split, align=True)
        row.use_property_split = False
        row.prop(item, self.first, text="")
        self.draw_rest(row, item)


def draw(
    layout: Any, settings: Any, kind: type[Rows], items: str, index: str, verb: str, **rows: int
) -> tuple[Any, Any]:
    """Draw the list `items` of `settings`, with buttons for the operators VERB_add and VERB_remove.

    Gives the column of the buttons, and the active item, if there is one.
    """
    row = layout.row()
    row.template_list(kind.__name__, "", settings, items, settings, index, **rows)
    buttons = row.column(align=True)
    buttons.operator(f"{verb}_add", text="", icon="ADD")
    buttons.operator(f"{verb}_remove", text="", icon="REMOVE")
    there, active = getattr(settings, items), getattr(settings, index)
    return buttons, there[active] if 0 <= active < len(there) else None
