import bpy

settings = bpy.context.scene.patina
settings.mode = "style"
settings.style = "village_street_in_auvers"
settings.strength = 0.55
