import bpy

settings = bpy.context.scene.patina
settings.mode = "texture"
settings.style = "great_wave"
