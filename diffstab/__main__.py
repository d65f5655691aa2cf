"""`python -m diffstab` is the command `diffstab`."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="diffstab")
