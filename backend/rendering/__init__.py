"""Texture + camera -> what the network sees."""
