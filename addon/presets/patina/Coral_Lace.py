import bpy

settings = bpy.context.scene.patina
settings.mode = "transparent"
settings.target.class_name = "coral reef"
