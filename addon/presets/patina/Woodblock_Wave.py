import bpy

settings = bpy.context.scene.patina
settings.mode = "style"
settings.style = "great_wave"
settings.strength = 0.6
