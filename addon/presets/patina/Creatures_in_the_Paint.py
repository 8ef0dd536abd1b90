import bpy

settings = bpy.context.scene.patina
settings.mode = "dream"
settings.present = True
