"""Posters and stills for invented titles, painted with Pillow."""
