"""G_f against the norm of the noise, and D_f against that of the deformation: the paper's Fig. 11.

    diffstab sweep scripts/figures/noise.yaml --store noise
    python scripts/figures/fig11_noise.py noise -o noise.png

Writes FIGURE.png, FIGURE.pdf and FIGURE.csv with the points behind them.
"""

from figure_command import figure_command


def draw(rows, filters):
    from diffstab.figures.curves import noise_figure  # takes matplotlib

    return noise_figure(rows, filters)


ABOUT = """Draw G_f against the norm of the noise, and D_f against that of the deformation where delta was swept.

RESULTS is a store's folder, or what `diffstab results export --format csv` wrote of it."""
main = figure_command(draw, "Stability against the norm of noise and deformations", ABOUT)

if __name__ == "__main__":
    main()
