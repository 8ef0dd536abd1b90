"""What becomes of the rest of a material."""

from bpy.props import BoolProperty, FloatProperty


class WholeMaterial:
    """What is made beside the colours."""

    relief: BoolProperty(
        name="Relief",
        description="Also make the strokes stand out: a height and a normal map, which catch the light",
    )
    material: BoolProperty(
        name="Whole Material",
        description="Paint roughness, metalness, normals and height beside the colour: thick strokes stand "
        "out and shine, thin ones are dry",
    )
    roughness: FloatProperty(
        name="Roughness",
        description="How far strokes set the roughness. At 0 it stays as it is",
        default=1.0,
        min=0.0,
        max=1.0,
    )
    metalness: FloatProperty(
        name="Metalness",
        description="How far paint hides metal. At 0 it stays as it is",
        default=1.0,
        min=0.0,
        max=1.0,
    )
    normal: FloatProperty(
        name="Normals",
        description="How far strokes turn the normals, and so catch the light. At 0 these stay as they are",
        default=1.0,
        min=0.0,
        max=1.0,
    )
    height: FloatProperty(
        name="Stroke Height",
        description="How high strokes stand in the height map, for displacement. At 0 there is none",
        default=1.0,
        min=0.0,
        max=1.0,
    )
    detail: FloatProperty(
        name="Detail",
        description="What becomes of the normals that the object has, its pores and stitches: at 0 they are "
        "kept, at 0.5 smoothed away, at 1 strokes stand thick where they were",
        default=0.4,
        min=0.0,
        max=1.0,
    )
