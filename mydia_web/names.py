"""When two written names are the same name: whatever their case, and however their accents are put
together.
"""

import unicodedata


def name_key(name: str) -> str:
    """Return what all spellings of a name have in common, for keeping it unique and for finding it
    again.
    """
    folded = unicodedata.normalize("NFD", name.strip()).casefold()
    return unicodedata.normalize("NFC", folded)


def is_same_name(one: str, other: str) -> bool:
    return name_key(one) == name_key(other)
