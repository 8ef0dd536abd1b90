"""What the add-on and the backend say to each other: a job (a folder) and events (JSON lines).

Standard library only: the add-on imports it inside Blender, the backend in its own Python.

A job folder holds `job.json` (a `Job`) and the files it names, by paths relative to the folder:

    mesh.npz      vertices (V, 3) float32, scene units; faces (F, 3) int32 into them;
                  uvs (F, 3, 2) float32, one per corner, v up; normals (F, 3, 3) float32, one per corner
    content.png   the object's present base colour, sRGB; row 0 is v = 1
    style.jpg     any image Pillow reads

mesh.npz may hold more:

    tiles         (F,) int32, index into `Job.tiles` of the texture that a face shows; without it, one texture
    objects       (F,) int32, index of the object that a face is of; no vertex is of two; without it, one
    weights       (F, 3) float32, one per corner, 0..1: how far to paint there; without it, all the way
    directions    (F, 3, 3) float32, one per corner, scene axes, any length: along it strokes run; 0: anyhow

A surface that moves may come with a file of poses, which views look at in turn, so that what is painted suits
all of them:

    poses.npz     vertices (K, V, 3) float32, scene units: where those of mesh.npz are at K other times

So several objects, or the tiles of a UDIM image, are one job. `Job.tiles` names the textures, all of
`texture_size`, and each face names its own; UVs wrap within it (those of UDIM tiles may stay as they are).
They are painted together, to one set of statistics, with strokes of one size in scene units. Unless
`Job.occlusion` is set, each view shows one object, as if it stood alone.

A mask (`weights`, a mask picture, or both, multiplied) limits what is painted: outside it, views show the
content, and so does the result. The whole mask is then written too, as `mask.png`: 8 bits of grey, 0 where
nothing was painted, at the content's own size (of one of more than 67 million pixels, at half or less),
so that it can be composed at the content's own depth.

`Job.material` asks for the whole material: beside the colours, maps of what else it is (`Maps`) are painted,
and written as `roughness.png`, `metalness.png` (grey), `normal.png` (tangent space, green up) and
`height.png` (grey; the middle is the surface), of the textures' size; what is not to change is not written. A
height has 16 bits, another map as many as the job's own has, 8 or 16. `Job.reflectance` has a dream be of
roughness and metalness, too, which are written likewise.

The backend adds `preview.png`, `texture.png` (`image.png` where there is no mesh), `report.json` and
`checkpoint.npz` (from which another job can go on: see `backend/painting/checkpoint.py`),
each written beside and renamed, so a reader never sees half a file. Several frames are `texture_0.png`,
`texture_1.png`, …, and so are the textures of several tiles, their masks and previews (`files.numbered`);
frames of several tiles are `texture_TILE_FRAME.png`. Frames of a style are there one after the other, and a
job that goes on keeps those that its folder has already;
a CPPN is also kept as `picture.cppn`, from two of which a morph makes frames; relief gives `height.png`
(16 bits) and `normal.png` (tangent space, green up) too. It writes one event a line to stdout; everything
else goes to stderr. It reads stdin: a line `cancel` ends the job within two seconds, and so does the end of
the stream.

A painter (`python -m backend serve`) stays after a job. It reads one `Request` a line from stdin and does the
jobs one after the other; each event names its job's folder. `enough` has a job take what there is by now as
its result. `steer` has one go on, from what it has painted, by what its job.json says now, of which only the
fields in `requests.STEERED` may have changed; with another seed, other style images or other targets it
starts over. New files have new names: those that the job had stay as they are. The end of stdin ends the
painter.
"""
