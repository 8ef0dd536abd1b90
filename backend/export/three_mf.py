"""Full-colour 3MF by the 3MF Consortium's own library: a mesh, its textures, its UVs."""

from __future__ import annotations

import ctypes

import lib3mf
import numpy as np

from .encode import png
from .model import Model

_TEXTURE_RELATION = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dtexture"


def three_mf(model: Model) -> bytes:
    """Pack `model`, in millimetres, as 3MF, its textures as PNG by the Materials extension."""
    wrapper = lib3mf.Wrapper()
    package = wrapper.CreateModel()
    package.SetUnit(lib3mf.ModelUnit.MilliMeter)
    mesh = package.AddMeshObject()
    mesh.SetName(model.name)
    mesh.SetGeometry(
        (lib3mf.Position * len(model.vertices)).from_buffer_copy(model.vertices.astype(np.float32).tobytes()),
        (lib3mf.Triangle * len(model.faces)).from_buffer_copy(model.faces.astype(np.uint32).tobytes()),
    )
    # Each triangle's property: the texture group's id, then its three coordinates' ids.
    properties = np.zeros((len(model.faces), 4), np.uint32)
    for i, texture in enumerate(model.textures):
        here = model.texture_of == i
        attachment = package.AddAttachment(f"/3D/Textures/texture{i}.png", _TEXTURE_RELATION)
        attachment.ReadFromBuffer(png(texture))
        picture = package.AddTexture2DFromAttachment(attachment)
        picture.SetContentType(lib3mf.TextureType.PNG)
        picture.SetTileStyleUV(lib3mf.TextureTileStyle.Wrap, lib3mf.TextureTileStyle.Wrap)
        group = package.AddTexture2DGroup(picture)
        places, index = np.unique(model.uvs[here].reshape(-1, 2), axis=0, return_inverse=True)
        ids = np.array([group.AddTex2Coord(lib3mf.Tex2Coord(u, v)) for u, v in places.tolist()], np.uint32)
        properties[here, 0] = group.GetResourceID()
        properties[here, 1:] = ids[index.reshape(-1, 3)]
    mesh.SetAllTriangleProperties(
        (lib3mf.TriangleProperties * len(properties)).from_buffer_copy(properties.tobytes())
    )
    # Triangles without a property of their own would fall back on the object's, which the format asks for.
    mesh.SetObjectLevelProperty(int(properties[0, 0]), int(properties[0, 1]))
    identity = lib3mf.Transform(
        ((ctypes.c_float * 3) * 4)(*(((ctypes.c_float * 3)(*row)) for row in np.eye(4, 3).tolist()))
    )
    package.AddBuildItem(mesh, identity)
    return bytes(package.QueryWriter("3mf").WriteToBuffer())
