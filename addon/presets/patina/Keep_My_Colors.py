import bpy

settings = bpy.context.scene.patina
settings.mode = "style"
settings.style = "starry_night"
settings.strength = 0.6
settings.palette = 1.0
