"""The paintings that come with the extension; CREDITS.md beside this file says whose they are."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent

OWN_IMAGE = "FILE"  # stands for the artist's own image among the identifiers

# Identifier (also the file's name): title, painter and year.
PAINTINGS = {
    "starry_night": ("The Starry Night", "Vincent van Gogh, 1889"),
    "great_wave": ("The Great Wave", "Katsushika Hokusai, around 1830"),
    "composition_viii": ("Composition VIII", "Vasily Kandinsky, 1923"),
    "village_street_in_auvers": ("Village Street in Auvers", "Vincent van Gogh, 1890"),
    "poppies": ("Poppies", "Katsushika Hokusai, 1833–34"),
    "summertime": ("Summertime", "Mary Cassatt, 1894"),
}


def path(identifier: str) -> Path:
    """Find the image file of a painting."""
    return FOLDER / f"{identifier}.jpg"
