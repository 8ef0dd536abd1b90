"""A layout that keeps what is drawn into it, for a Blender without windows, and checks that it exists."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import bpy


class Recorder:
    """Stands where a UILayout would. `texts` are those that the artist reads as they are written."""

    def __init__(self, into: Recorder | None = None) -> None:
        root = into or self
        if into is None:
            self.texts: list[str] = []
            self.props: list[tuple[str, str]] = []
            self.operators: list[str] = []
            self.enabled_rows: list[Recorder] = []
        self.root = root
        self.enabled = True

    def _part(self, *args: Any, **kwargs: Any) -> Recorder:
        self._text(kwargs)
        part = Recorder(self.root)
        self.root.enabled_rows.append(part)
        return part

    row = column = box = split = grid_flow = _part

    def _text(self, kwargs: dict[str, Any]) -> None:
        text = kwargs.get("text") or kwargs.get("heading")
        if text:
            text.encode()  # Blender stumbles over half characters
            self.root.texts.append(text)

    def label(self, **kwargs: Any) -> None:
        self._text(kwargs)

    progress = label

    def separator(self, **kwargs: Any) -> None:
        pass

    def prop(self, data: Any, name: str, **kwargs: Any) -> None:
        assert name in data.bl_rna.properties, name
        getattr(data, name)
        self.root.props.append((data.bl_rna.identifier, name))
        self._text(kwargs)

    def prop_enum(self, data: Any, name: str, value: str, **kwargs: Any) -> None:
        self.prop(data, name, **kwargs)
        prop = data.bl_rna.properties[name]
        known = [item.identifier for item in prop.enum_items]
        assert not known or value in known

    def template_icon_view(self, data: Any, name: str, **kwargs: Any) -> None:
        self.prop(data, name)

    def template_list(
        self, kind: str, _: str, data: Any, name: str, active: Any, index: str, **kw: Any
    ) -> None:
        listed = getattr(bpy.types, kind)
        self.prop(data, name)
        self.prop(active, index)
        for item in getattr(data, name):
            listed.draw_item(listed, bpy.context, self, data, item, 0, active, index)

    def operator(self, name: str, **kwargs: Any) -> Any:
        group, _, verb = name.partition(".")
        properties = getattr(getattr(bpy.ops, group), verb).get_rna_type().properties
        self.root.operators.append(name)
        self._text(kwargs)
        return _Checked(set(properties.keys()))

    def menu(self, name: str, **kwargs: Any) -> None:
        assert hasattr(bpy.types, name)
        self._text(kwargs)

    def panel(self, name: str, **kwargs: Any) -> tuple[Recorder, Recorder]:
        return self._part(), self._part()

    def popover(self, panel: str, **kwargs: Any) -> None:
        assert hasattr(bpy.types, panel)


class _Checked:
    def __init__(self, names: set[str]) -> None:
        object.__setattr__(self, "names", names)

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in self.names, name


def context(width: int = 240, space: Any = None) -> Any:
    """Blender's context with a sidebar of `width` pixels."""
    shading = SimpleNamespace(type="MATERIAL", color_type="MATERIAL")
    return SimpleNamespace(
        scene=bpy.context.scene,
        selected_objects=bpy.context.selected_objects,
        view_layer=bpy.context.view_layer,
        window_manager=bpy.context.window_manager,
        preferences=bpy.context.preferences,
        region=SimpleNamespace(width=width),
        space_data=space or SimpleNamespace(shading=shading),
    )


def draw(panel: type, width: int = 240, space: Any = None) -> Recorder:
    """Draw `panel` and give what was drawn."""
    layout = Recorder()

    class Drawn:
        def __getattr__(self, name: str) -> Any:
            found = getattr(panel, name)
            return found.__get__(self) if callable(found) else found

    drawn = Drawn()
    drawn.layout = layout
    panel.draw(drawn, context(width, space))
    return layout
