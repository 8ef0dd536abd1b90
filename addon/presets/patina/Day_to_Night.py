import bpy

settings = bpy.context.scene.patina
settings.mode = "animate"
settings.style = "village_street_in_auvers"
settings.style_to.style = "starry_night"
