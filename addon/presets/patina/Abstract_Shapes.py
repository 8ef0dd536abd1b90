import bpy

settings = bpy.context.scene.patina
settings.mode = "style"
settings.style = "composition_viii"
settings.strength = 0.8
