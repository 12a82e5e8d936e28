"""What is safe to show on a terminal: names and messages come from people and servers."""

from rich.text import Text


def plain(value: object) -> Text:
    """The words alone: no colours of rich's, no commands to the terminal."""
    words = "" if value is None else str(value)
    return Text("".join(letter if letter.isprintable() else " " for letter in words))
