"""What the artist sets, on the scene, and what objects and materials remember of their stylization.

The settings are one group (`settings.PatinaSettings`), put together from the parts in the other files. All
names are in artists' files, so they stay. There is no `from __future__ import annotations` where properties
are: a function given to one would lose its module's names.
"""
