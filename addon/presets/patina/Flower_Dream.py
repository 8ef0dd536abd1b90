import bpy

settings = bpy.context.scene.patina
settings.mode = "dream"
settings.target.class_name = "daisy"
