"""The explorer's sliders obey the ensemble's law, and the lines to copy give the field that the page shows."""

import shlex

import pytest
import torch
from support.in_node import in_node, needs_node

from diffstab import MaxEntropyEnsemble, StreamKeys
from diffstab.cli.fields import deform, make_ensemble
from diffstab.fields import DisplacementField

pytestmark = [pytest.mark.slow, needs_node]
LEAST, MOST = 1e-6, 1.0  # temperatures of the diagram
ROUNDED = 0.011  # of T, for a delta of three digits


def settings(count=200):
    """Random positions of the sliders over images of pairwise different sides."""
    generator = torch.Generator().manual_seed(0)
    u = torch.rand(count, 5, generator=generator, dtype=torch.float64)
    for k, (delta, temperature, cutoff, width, height) in enumerate(u.tolist()):
        asked = {"delta": 10 ** (3 * delta - 1), "cutoff": 2 + int(19 * cutoff)}
        more = {"temperature": 10 ** (6 * temperature - 6)} if k % 2 else {}
        yield {**asked, **more}, {"width": 21 + int(240 * width), "height": 22 + int(240 * height)}


def ask(function, asked):
    return in_node(f"({{ Fields: F, Settings: S }}, asked) => asked.map({function})", asked, "field.js", "settings.js")


def test_delta_and_temperature_are_tied_by_the_law_of_the_ensemble():
    cases = list(settings())
    kept = clipped = 0
    for (asked, size), found in zip(cases, ask("([asked, size]) => S.tied(asked, size)", cases), strict=True):
        ensemble = MaxEntropyEnsemble((size["height"], size["width"]), asked["cutoff"], delta=found["delta"])
        assert found["temperature"] == pytest.approx(ensemble.temperature, rel=1e-12)
        assert found["cutoff"] == asked["cutoff"]
        wanted = asked.get("temperature")
        if wanted is not None:
            assert found["temperature"] == pytest.approx(wanted, rel=ROUNDED)
        elif found["temperature"] * (1 - ROUNDED) > LEAST and found["temperature"] * (1 + ROUNDED) < MOST:
            assert found["delta"] == float(f"{asked['delta']:.3g}")
            kept += 1
        else:
            assert min(abs(found["temperature"] / end - 1) for end in (LEAST, MOST)) < ROUNDED
            clipped += 1
    assert min(kept, clipped) > 3


def test_every_position_of_the_slider_is_a_displacement_of_its_own_and_found_again():
    ((deltas, positions),) = ask("() => [S.DELTAS, S.DELTAS.map(S.position)]", [0])
    assert (deltas[0], deltas[-1]) == (0.1, 100)
    assert positions == list(range(len(deltas)))
    steps = torch.tensor(deltas[1:]) / torch.tensor(deltas[:-1])
    assert 1.01 < steps.min() < steps.max() < 1.06
    assert {0.5, 1, 4, 8, 32} <= set(deltas)


@pytest.mark.parametrize("shrinking", [1, 3.7], ids=["shown-whole", "shown-smaller"])
def test_the_command_gives_the_field_of_the_page(shrinking):
    cases = []
    for k, (asked, size) in enumerate(settings(40)):
        of_file = {"file_width": round(shrinking * size["width"]), "file_height": round(shrinking * size["height"])}
        state = {"seed": str(2**64 - 1 - k), "draw": k}
        cases.append([asked, state, {"name": "it's a photo.png", **size, **of_file}])
    answers = ask(
        """([asked, more, picture]) => {
          const { width, height } = picture, state = { ...more, ...S.tied(asked, picture) };
          const field = F.field(F.draw({ ...state, width, height }), state.temperature, width, height);
          return { dx: [...field.dx], command: S.command(state, picture, "gaussian"), scale: S.scale(picture) };
        }""",
        cases,
    )
    for (_, _, picture), answer in zip(cases, answers, strict=True):
        program, command, *words = shlex.split(answer["command"])
        options = deform.make_context(command, words).params
        assert (program, command, str(options["source"])) == ("diffstab", "deform", picture["name"])
        assert options["interpolation"] == "gaussian"
        of_file = (picture["file_height"], picture["file_width"])
        ensemble = make_ensemble(
            of_file,
            **{
                name: options[name]
                for name in ("cutoff", "delta", "temperature", "convention", "cutoff_rule", "delta_rule")
            },
        )
        keys = StreamKeys(options["seed"], torch.zeros(1, dtype=torch.int64), options["draw"])
        field = ensemble.sample(keys, dtype=torch.float64)[0]
        shown = DisplacementField(field.coefficients, (picture["height"], picture["width"]))
        found = torch.tensor(answer["dx"], dtype=torch.float64).view_as(shown.dx)
        torch.testing.assert_close(found, shown.dx, rtol=1e-5, atol=1e-5 * float(shown.dx.abs().max()))
        assert bool(answer["scale"]) == (shrinking > 1)
