"""The explorer's JavaScript draws and deforms as the package does; run by node, where there is one."""

import pytest
import torch
from support.in_node import in_node, needs_node

from diffstab import MaxEntropyEnsemble, StreamKeys, deform
from diffstab.options.choices import GAUSSIAN_SIGMA
from diffstab.streams import philox, sphere_noise

pytestmark = [pytest.mark.slow, needs_node]
CASES = [
    {"size": (17, 11), "cutoff": 3, "temperature": 1e-3, "seed": 0, "draw": 0},
    {"size": (5, 40), "cutoff": 7, "temperature": 1e-2, "seed": 2**64 - 1, "draw": 2**32 - 1},
    {"size": (33, 32), "cutoff": 5, "temperature": 0.0, "seed": 4, "draw": 1},
    {"size": (224, 224), "cutoff": 15, "temperature": 3e-4, "seed": 2**63 + 12345, "draw": 7},
]
EXACT = 1e-9  # pixels


def run(function, asked):
    return in_node(function, asked, "field.js")


def close(values, wanted, within):
    torch.testing.assert_close(
        torch.tensor(values, dtype=torch.float64), wanted.double().flatten(), rtol=0, atol=within
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_fields_and_deformed_images_are_those_of_the_package(case):
    height, width = case["size"]
    ensemble = MaxEntropyEnsemble(case["size"], case["cutoff"], temperature=case["temperature"])
    keys = StreamKeys(case["seed"], torch.zeros(1, dtype=torch.int64), case["draw"])
    field = ensemble.sample(keys, dtype=torch.float64)[0]
    image = torch.rand(3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    pixels = image.permute(1, 2, 0).flatten().tolist()
    asked = {**case, "seed": str(case["seed"]), "width": width, "height": height, "pixels": pixels}
    found = run(
        """({ Fields: F }, asked) => {
          const { width, height } = asked, field = F.field(F.draw(asked), asked.temperature, width, height);
          const told = [field.gradientNorm, field.xi, field.leastDeterminant, field.rms,
            asked.temperature * F.squaredDelta(asked.cutoff, width, height)];
          return { dx: [...field.dx], dy: [...field.dy], folded: [...field.folded], told,
            bilinear: [...F.bilinear(asked.pixels, 3, field)],
            gaussian: [...F.gaussian(asked.pixels, 3, field, asked.sigma)] };
        }""",
        {**asked, "sigma": GAUSSIAN_SIGMA},
    )
    close(found["dx"], field.dx, EXACT)
    close(found["dy"], field.dy, EXACT)
    determinant = field.jacobian_determinant()
    assert found["folded"] == (determinant <= 0).int().flatten().tolist()
    rms = field.displacement().square().sum(0).mean().sqrt()
    wanted = [
        field.gradient_norm(),
        field.xi().amax(),
        determinant.amin(),
        rms,
        torch.tensor(ensemble.delta**2, dtype=torch.float64),
    ]
    close(found["told"], torch.stack([value.double() for value in wanted]), EXACT)
    for name, within in (("bilinear", EXACT), ("gaussian", 1e-8)):  # the latter leaves out weights of 2e-9
        close(found[name], deform(image, field, name).permute(1, 2, 0), within)


def test_random_words_are_philox():
    generator = torch.Generator().manual_seed(3)
    counters = torch.randint(0, 2**32, (200, 4), generator=generator)
    counters[0], counters[1] = 0, 2**32 - 1
    seeds = [0, 2**64 - 1, 0x0123456789ABCDEF]
    for seed in seeds:
        asked = {"counters": counters.tolist(), "key": [seed & 0xFFFFFFFF, seed >> 32]}
        found = run("({ Fields: F }, asked) => asked.counters.map((counter) => F.philox(counter, asked.key))", asked)
        assert torch.equal(torch.tensor(found), torch.stack(philox(tuple(counters.T), seed), 1))


def test_the_inverse_normal_law_holds_to_the_ends():
    ends = torch.logspace(-16, -1, 60, dtype=torch.float64)
    uniform = torch.cat([ends, torch.linspace(0.02, 0.98, 99, dtype=torch.float64), 1 - ends[5:]])
    found = run("({ Fields: F }, asked) => asked.map(F.normal)", uniform.tolist())
    close(found, torch.special.ndtri(uniform), 1e-13)


def test_noise_is_that_of_the_package():
    keys = StreamKeys(12, torch.zeros(1, dtype=torch.int64), 3)
    found = run("({ Fields: F }, asked) => [...F.noise(asked)]", {"seed": "12", "draw": 3, "count": 3 * 17 * 11})
    close(found, sphere_noise(keys, (3, 17, 11))[0], 1e-6)
