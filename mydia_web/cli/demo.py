"""`demo`: a sample household."""

import click


@click.command()
def demo() -> None:
    """Show a sample household."""
