"""Activations -> loss. An objective does not know whether it looks at a mesh or at a flat image."""
