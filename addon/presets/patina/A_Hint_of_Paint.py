import bpy

settings = bpy.context.scene.patina
settings.mode = "style"
settings.style = "summertime"
settings.strength = 0.25
settings.colors = "object"
