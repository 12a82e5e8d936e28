"""Comparing names of people and sources, whatever their case and the form of their accents."""

import unicodedata


def name_key(name: str) -> str:
    """Return a key that is equal for all spellings of a name."""
    folded = unicodedata.normalize("NFD", name.strip()).casefold()
    return unicodedata.normalize("NFC", folded)


def is_same_name(name: str, other: str) -> bool:
    return name_key(name) == name_key(other)
