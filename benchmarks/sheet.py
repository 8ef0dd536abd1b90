"""Sheets of captioned pictures."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

LARGEST = 290_000  # bytes of a file
CAPTION = 16  # pixels under a picture
GAP = 4  # pixels between pictures


def write(path: Path, pictures: list[tuple[str, Image.Image]], columns: int) -> Path:
    """Write `pictures`, of one height, with their captions to the JPEG `path`, as well as LARGEST allows."""
    width, height = max(image.width for _, image in pictures), pictures[0][1].height
    rows = -(-len(pictures) // columns)
    size = columns * (width + GAP) - GAP, rows * (height + CAPTION + GAP) - GAP
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for i, (text, image) in enumerate(pictures):
        x, y = i % columns * (width + GAP), i // columns * (height + CAPTION + GAP)
        page.paste(image, (x, y))
        draw.text((x + 3, y + height + 2), text, "black")
    path.parent.mkdir(parents=True, exist_ok=True)
    for quality in (92, 85, 75, 60, 45):
        page.save(path, quality=quality)
        if path.stat().st_size < LARGEST:
            break
    return path
