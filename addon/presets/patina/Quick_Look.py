import bpy

settings = bpy.context.scene.patina
settings.mode = "style"
settings.style = "starry_night"
settings.quality = "draft"
settings.texture_size = "512"
