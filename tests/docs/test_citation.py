"""What is cited and published says the same in CITATION.cff, Zenodo's file, README, the package and the workflows."""

import json
import re
import tomllib
from pathlib import Path

import yaml
from rattler_build import Stage0Recipe, VariantConfig

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
ZENODO = json.loads((ROOT / ".zenodo.json").read_text())
RECIPE = Stage0Recipe.from_file(str(ROOT / "scripts" / "maintain" / "recipe.yaml"))
IN_CONDA = {"torch": "pytorch"}  # names that differ
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")}


def test_the_entry_of_the_software_is_its_own_and_the_paper_a_reference():
    assert (CITATION["type"], CITATION["version"], CITATION["license"]) == (
        "software",
        PROJECT["version"],
        PROJECT["license"],
    )
    assert CITATION["repository-code"] == PROJECT["urls"]["Homepage"]
    assert f"\n## [{PROJECT['version']}] - " in (ROOT / "CHANGELOG.md").read_text()
    (paper,) = CITATION["references"]
    assert [one["family-names"] for one in paper["authors"]] == ["Petrini", "Favero", "Geiger", "Wyart"]
    assert "preferred-citation" not in CITATION


def test_zenodo_and_readme_say_the_same():
    assert ZENODO["title"] == CITATION["title"]
    assert ZENODO["keywords"] == CITATION["keywords"]
    assert [one["name"] for one in ZENODO["creators"]] == [one["name"] for one in CITATION["authors"]]
    software, paper = re.findall(r"@\w+\{.*?\n\}\n", (ROOT / "README.md").read_text(), re.DOTALL)
    told = dict(re.findall(r"^  (\w+) = \{+(.*?)\}+,?$", software, re.MULTILINE))
    assert (told["title"], told["version"], told["url"]) == (
        CITATION["title"],
        CITATION["version"],
        CITATION["repository-code"],
    )
    assert CITATION["references"][0]["title"] in paper


def test_workflows_test_two_pythons_and_three_systems_and_publish_without_a_secret():
    jobs = {name: one["jobs"] for name, one in WORKFLOWS.items()}
    assert len(jobs["test"]["test"]["strategy"]["matrix"]["python"]) == 2
    assert jobs["test"]["smoke"]["strategy"]["matrix"]["system"] == ["macos-latest", "windows-latest"]
    publish = jobs["wheels"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert "tag" in publish["if"]
    text = "".join(path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    assert "secrets." not in text
    assert "index-url" not in text
    assert all(one["permissions"]["contents"] == "read" for one in WORKFLOWS.values())


def test_the_conda_recipe_renders_and_needs_what_the_package_needs():
    (made,) = RECIPE.render(VariantConfig.from_yaml("c_compiler: [gcc]\nc_stdlib: [sysroot]\npython: [3.12.*]"))
    recipe = made.recipe.to_dict()
    assert recipe["package"] == {"name": PROJECT["name"], "version": PROJECT["version"]}
    told = [re.fullmatch("([^>]+)(.*)", one.lower()).groups() for one in PROJECT["dependencies"]]
    needed = {f"{IN_CONDA.get(name, name)} {least}" for name, least in told}
    assert set(recipe["requirements"]["run"]) == needed | {f"python {PROJECT['requires-python']}"}
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert {one.replace(">=", " >=") for one in build} <= set(recipe["requirements"]["host"])
    about = {"homepage": "Homepage", "documentation": "Documentation"}
    assert {name: recipe["about"][name].rstrip("/") for name in about} == {
        name: PROJECT["urls"][url] for name, url in about.items()
    }
