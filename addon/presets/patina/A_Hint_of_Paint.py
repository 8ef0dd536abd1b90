import bpy

settings = bpy.context.scene.patina
settings.mode = "style"
settings.style = "summertime"
settings.strength = 0.25
settings.palette = 1.0
