import bpy

settings = bpy.context.scene.patina
settings.mode = "style"
settings.style = "starry_night"
settings.quality = "final"
settings.texture_size = "4096"
