"""The preferences page: where the backend lies, which torch it has, its set-up, and the doctor."""

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from . import folders, installation, studio
from .installation import known
from .setup import environment, variants
from .setup.variants import GB
from .ui.text import wrapped

# No `from __future__ import annotations` here: see `properties`.

_ITEMS = [
    ("auto", "Automatic", "What suits this machine"),
    *((variant.name, variant.label, variant.summary) for variant in variants.available()),
]


def _look_again(self: bpy.types.AddonPreferences, context: bpy.types.Context) -> None:
    installation.refresh()


class PatinaPreferences(bpy.types.AddonPreferences):
    """What an artist sets once."""

    bl_idname = folders.PACKAGE

    folder: StringProperty(
        name="Folder",
        description="Where the backend goes, several gigabytes; empty for Blender's own folder. In a folder "
        "of your own, one backend serves several versions of Blender",
        subtype="DIR_PATH",
        update=_look_again,
    )
    variant: EnumProperty(
        name="Torch", description="The build of torch, by what it computes on", items=_ITEMS, default="auto"
    )
    device: EnumProperty(
        name="Compute On",
        description="What paints: a graphics card is many times faster than the processor",
        items=(
            ("auto", "Automatic", "The fastest that this machine has"),
            ("cpu", "Processor", "Slow, but it works everywhere and leaves the graphics card to Blender"),
            ("cuda", "NVIDIA or AMD Card", "A graphics card that torch calls CUDA, AMD's with ROCm included"),
            ("mps", "Apple GPU", "The graphics part of Apple's processors"),
        ),
        default="auto",
    )
    keep_painter: BoolProperty(
        name="Keep the Painter",
        description="The program that paints starts when the panel is first shown, and stays after a job, so "
        "that the next begins at once",
        default=True,
    )
    idle_minutes: IntProperty(
        name="Idle Minutes",
        description="How long it stays without a job",
        default=10,
        min=1,
        max=1440,
    )
    leave_for_renders: BoolProperty(
        name="Not While Rendering",
        description="It goes when a render begins, to leave it the memory",
    )
    python: StringProperty(
        name="Python",
        description="The Python to make the backend with, from 3.10 to 3.13; empty for Blender's own",
        subtype="FILE_PATH",
    )
    wheelhouse: StringProperty(
        name="Folder of Wheels",
        description="Set up from this folder, which `make wheelhouse` fills, without any network",
        subtype="DIR_PATH",
    )
    farm: BoolProperty(
        name="Farms (Ray)",
        description="Also set up Ray, by which `python -m backend farm` paints many models at once",
    )
    torch_index: StringProperty(
        name="PyTorch Index",
        description="The address of one of PyTorch's own indexes, or the whole command that pytorch.org "
        "shows under Get Started",
        update=_look_again,
    )
    index: StringProperty(
        name="Index Address",
        description="A package index in place of pip's own; empty to let pip's settings decide",
    )
    show_more: BoolProperty(name="More Settings", description="Python, wheels and index")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        width = context.region.width if context.region else 600
        if installation.process is not None:
            _draw_running(layout)
        else:
            _draw_state(layout, width)
            _draw_buttons(layout)
        settings = layout.column()
        settings.enabled = installation.process is None
        self.draw_settings(settings, width)
        if known.doctor:
            _draw_doctor(layout)

    def draw_settings(self, layout: bpy.types.UILayout, width: float) -> None:
        layout.prop(self, "variant")
        row = layout.row()
        row.alignment = "RIGHT"
        row.active = False
        row.label(text=installation.chosen().summary)
        settled = self.variant == "auto" and not self.torch_index
        other = known.record.state == environment.READY and known.record.variant != installation.chosen().name
        if other and not settled:
            row = layout.row()
            row.alignment = "RIGHT"
            row.label(text=f"The backend has that for {known.label}: Repair changes it", icon="INFO")
        wanted = known.best if self.variant == "auto" else installation.chosen()
        if wanted.shelf and not self.wheelhouse:
            self.draw_torch_index(layout, wanted, width)
        layout.prop(self, "farm")
        layout.prop(self, "device")
        self.draw_painter(layout)
        layout.prop(self, "folder")
        row = layout.row()
        row.alignment = "RIGHT"
        row.active = False
        row.label(text=f"{known.free / GB:.0f} GB free there")
        icon = "DISCLOSURE_TRI_DOWN" if self.show_more else "DISCLOSURE_TRI_RIGHT"
        row = layout.row()
        row.use_property_split = False
        row.alignment = "LEFT"
        row.prop(self, "show_more", icon=icon, emboss=False)
        if self.show_more:
            layout.prop(self, "python")
            layout.prop(self, "wheelhouse")
            layout.prop(self, "index")

    def draw_painter(self, layout: bpy.types.UILayout) -> None:
        layout.prop(self, "keep_painter")
        if self.keep_painter:
            layout.prop(self, "idle_minutes")
            layout.prop(self, "leave_for_renders")
        held = studio.memory()
        if held:
            row = layout.row()
            row.alignment = "RIGHT"
            row.label(text=f"It waits, and holds {held / GB:.1f} GB")
            row.operator("patina.let_painter_go", text="", icon="X")

    def draw_torch_index(self, layout: bpy.types.UILayout, wanted: variants.Variant, width: float) -> None:
        """Draw how to get the address of PyTorch's own index, for a build of torch that only it has."""
        box = layout.box()
        text = (
            f"Torch for {wanted.label} is on PyTorch's own index. At pytorch.org choose Pip and "
            f"{wanted.shelf}, copy the command that it shows, and paste it here."
        )
        wrapped(box, text, width, "INFO" if self.torch_index else "ERROR")
        box.prop(self, "torch_index")
        box.operator("wm.url_open", text="Open pytorch.org", icon="URL").url = variants.GET_STARTED


def _draw_state(layout: bpy.types.UILayout, width: float) -> None:
    record = known.record
    box = layout.box()
    if record.state == environment.READY:
        made_of = f"torch for {known.label}, Python {record.python}"
        wrapped(box, f"The backend is ready: {made_of}.", width, "CHECKMARK")
    elif record.state == environment.ABSENT:
        wrapped(box, "The backend, which does the painting, is not set up yet.", width, "INFO")
    else:
        wrapped(box, record.reason, width, "ERROR")
        wrapped(box, record.cure, width, "BLANK1")
    if known.error and known.error.message != record.reason:
        wrapped(box, known.error.message, width, "ERROR")
        wrapped(box, known.error.cure, width, "BLANK1")
    elif known.message:
        wrapped(box, known.message, width, "BLANK1")
    if known.elsewhere is not None:
        row = box.row()
        row.label(text="Another version of Blender has one.", icon="INFO")
        row.operator("patina.use_other_backend")
    if record.state != environment.READY and installation.needs_network() and not bpy.app.online_access:
        wrapped(box, "Set-up downloads packages, and Blender may not go online.", width, "ERROR")
        row = box.row()
        row.use_property_split = False
        row.enabled = installation.may_allow()
        row.prop(bpy.context.preferences.system, "use_online_access")


def _draw_buttons(layout: bpy.types.UILayout) -> None:
    record = known.record
    row = layout.row(align=True)
    row.scale_y = 1.4
    if record.state == environment.READY:
        if folders.preferences().farm and not known.has_farm:
            row.operator("patina.set_up", text="Add Ray", icon="IMPORT")
        row.operator("patina.verify", icon="CHECKMARK")
        row.operator("patina.repair", icon="FILE_REFRESH")
        row.operator("patina.remove", icon="TRASH")
        return
    labels = {"Press Repair": "patina.repair", "Press Update": "patina.update"}
    verb = next((name for words, name in labels.items() if words in record.cure), "patina.set_up")
    row.operator(verb, icon="IMPORT")
    if record.state != environment.ABSENT:
        row.operator("patina.verify", icon="CHECKMARK")
        row.operator("patina.remove", icon="TRASH")


def _draw_running(layout: bpy.types.UILayout) -> None:
    event = installation.progress
    box = layout.box()
    box.label(text=event.stage.capitalize())
    row = box.row()
    row.use_property_split = False
    row.progress(factor=event.fraction, text=event.message)
    box.operator("patina.cancel_set_up", icon="CANCEL")


def _draw_doctor(layout: bpy.types.UILayout) -> None:
    box = layout.box()
    row = box.row()
    row.label(text="Doctor", icon="SYSTEM")
    row.operator("patina.copy_report", icon="COPYDOWN")
    column = box.column(align=True)
    column.scale_y = 0.8
    *lines, sum_of_it = known.doctor
    for line in lines:  # a mark, the subject, two spaces or more, the text: see backend/cli/doctor.py
        subject, _, text = line[2:].partition("  ")
        row = column.split(factor=0.2)
        row.label(text=subject, icon="ERROR" if line.startswith("!") else "BLANK1")
        row.label(text=text.strip())
    box.label(text=sum_of_it)


classes = (PatinaPreferences,)


def register() -> None:
    """Tell `folders` what the page begins with, for a Blender that does not list the add-on."""
    for name, declared in PatinaPreferences.__annotations__.items():
        vars(folders.unlisted).setdefault(name, declared.keywords.get("default", ""))
