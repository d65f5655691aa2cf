"""R_f of every layer against its relative depth, before and after training: the paper's Fig. 14.

    diffstab sweep scripts/figures/depth.yaml --store depth
    python scripts/figures/fig14_depth.py depth -o depth.png

Writes FIGURE.png, FIGURE.pdf and FIGURE.csv with the points behind them.
"""

from figure_command import figure_command


def draw(rows, filters):
    from diffstab.figures.depth import depth_figure  # takes matplotlib

    return depth_figure(rows, filters)


ABOUT = "Draw R_f of every layer against its depth. RESULTS is a store's folder, measured with layers."
main = figure_command(draw, "Relative stability against depth", ABOUT)

if __name__ == "__main__":
    main()
