"""R_f against the displacement delta, for several cutoffs, before and after training: the paper's Fig. 3, left.

    diffstab sweep scripts/figures/delta.yaml --store delta
    python scripts/figures/fig3_delta.py delta -o delta.png

Writes FIGURE.png, FIGURE.pdf and FIGURE.csv with the points behind them.
"""

from figure_command import figure_command


def draw(rows, filters):
    from diffstab.figures.curves import delta_figure  # takes matplotlib

    return delta_figure(rows, filters)


ABOUT = """Draw R_f against delta, a panel for each network and a colour for each cutoff.

RESULTS is a store's folder, or what `diffstab results export --format csv` wrote of it."""
main = figure_command(draw, "Relative stability against displacement", ABOUT)

if __name__ == "__main__":
    main()
