"""R_f under each transformation at one delta: diffeomorphisms, translations, rotations and changes of scale.

    diffstab sweep scripts/figures/transformations.yaml --store transformations
    python scripts/figures/transformations.py transformations -o transformations.png

Writes FIGURE.png, FIGURE.pdf and FIGURE.csv with the points behind them.
"""

from figure_command import figure_command


def draw(rows, filters):
    from diffstab.figures.transformations import transformations_figure  # takes matplotlib

    return transformations_figure(rows, filters)


ABOUT = """Draw R_f under each transformation, a line for each and a marker for each network.

RESULTS is a store's folder, or what `diffstab results export --format csv` wrote of it."""
main = figure_command(draw, "Relative stability under transformations", ABOUT)

if __name__ == "__main__":
    main()
