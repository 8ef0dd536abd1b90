import bpy

settings = bpy.context.scene.patina
settings.mode = "style"
settings.style = "poppies"
settings.strength = 0.5
