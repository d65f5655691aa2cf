"""Starts the scripts of figures: each is one command of `diffstab figure`."""

from diffstab.cli import figure_command

__all__ = ["figure_command"]
