"""One field says everything about a setting: names, order, checks, columns and roles are read from it alone."""

from dataclasses import dataclass

import pytest

from diffstab.options import CommandOptions, MeasureOptions, MeasureSettings, Recipe, TrainOptions
from diffstab.options.setting import Role, Whole, first, names_with, setting, settings_of


@dataclass(frozen=True, kw_only=True)
class Small(CommandOptions):
    """Two settings, of which the first has its own column."""

    rule: str | None = setting(None, "Rule.", allowed=("one", "two"), usual="one", column="rule_used", after="images")
    count: int = first(3, "Count.", Whole(2, 5))

    def __post_init__(self) -> None:
        self._check_each()


@dataclass(frozen=True, kw_only=True)
class Larger(Small):
    """Further settings, one of which comes before an inherited one, and a field that is no setting."""

    size: float = setting(1.0, "Size.", lambda name, value: float(value), roles=Role.COLUMN | Role.KEY, before="count")
    on: bool = setting(False, "Switch.", lambda name, value: bool(value), before="count", roles=Role.ASKED)
    last: str | None = setting(None, "Text.", after="R", roles=Role.ASKED | Role.COMPARED)
    plain: int = 0


def test_settings_come_in_their_order_with_kind_default_and_column():
    found = settings_of(Larger)
    assert list(found) == ["rule", "size", "on", "count", "last"]
    assert [one.kind for one in found.values()] == [str, float, bool, int, str]
    assert [one.default for one in found.values()] == [None, 1.0, False, 3, None]
    assert [one.shown for one in found.values()] == ["one", 1.0, False, 3, None]
    assert [one.column for one in found.values()] == ["rule_used", "size", "", "", "last"]
    assert list(settings_of(Small)) == ["rule", "count"]
    assert settings_of(Larger) is settings_of(Larger)


def test_roles_are_found_by_any_of_them():
    assert names_with(Larger, Role.ASKED) == ("on", "last")
    assert names_with(Larger, Role.COMPARED | Role.KEY) == ("size", "last")
    assert names_with(Larger, Role.FIRST) == ("count",)
    assert names_with(Larger, Role.EXECUTION) == names_with(Larger, Role.NONE) == ()


def test_options_are_read_checked_and_told_by_their_fields():
    made = Larger.from_mapping({"rule": "two", "count": 2, "size": "2.5"})
    assert made.to_dict() == {"rule": "two", "size": 2.5, "on": False, "count": 2, "last": None}
    assert made.trusted == ()
    assert MeasureOptions(trust=["net.py:Net", "folder"]).trusted == ("net.py:Net", "folder")
    for wrong, error, message in (
        ({"count": 1}, ValueError, "count is 1; it must be at least 2"),
        ({"count": 6}, ValueError, "count is 6; it must be at most 5"),
        ({"count": None}, TypeError, "count is None; leave it out to get its default, 3"),
        ({"rule": "three"}, ValueError, "rule is 'three'; allowed: one, two"),
        ({"last": 5}, TypeError, "last is 5; a name is needed"),
        ({"plain": 5}, ValueError, "'plain' is not an option"),
    ):
        with pytest.raises(error, match=message):
            Larger.from_mapping(wrong)


def test_the_options_that_a_user_chose_are_not_those_that_follow_from_others():
    assert MeasureOptions().changed() == TrainOptions().changed() == Small().changed() == {}
    assert Small(count=5).changed() == {"count": 5}
    asked = {"weights": "init", "cutoff": 5.0, "draws": 1}
    assert list(MeasureOptions(**asked).changed().items()) == [("cutoff", 5.0), ("weights", "init")]
    assert MeasureOptions(**asked, batch_norm="running").changed()["batch_norm"] == "running"
    told = TrainOptions(recipe="laptop", model="fc_l4", lr=0.5).changed()
    assert list(told.items()) == [("lr", 0.5), ("model", "fc_l4"), ("recipe", "laptop")]


def test_a_value_s_schema_has_its_type_its_limits_and_null_for_the_default():
    schemas = {name: one.schema() for name, one in settings_of(Larger).items()}
    assert schemas == {
        "rule": {"enum": ["one", "two", None]},
        "size": {"type": ["number", "null"]},
        "on": {"type": ["boolean", "null"]},
        "count": {"type": ["integer", "null"], "minimum": 2, "maximum": 5},
        "last": {"type": ["string", "null"]},
    }
    assert settings_of(MeasureOptions)["images"].schema() == {"type": ["integer", "null"], "minimum": 2}


def test_a_whole_number_is_at_least_one_unless_told_otherwise():
    assert Whole()("count", 1) == Whole(0)("count", 1) == 1
    with pytest.raises(ValueError, match="count is 0; it must be at least 1"):
        Whole()("count", 0)


def test_settings_as_they_were_used_are_not_checked_and_stand_alone():
    used = MeasureOptions(model="lenet", draws=2).used(noise_radius="given", cutoff=None)
    assert type(used) is MeasureSettings
    assert (used.noise_radius, used.cutoff, used.draws, used.convention) == ("given", None, 2, "paper")
    assert MeasureSettings.of_columns(used.columns()) == used
    older = {name: value for name, value in used.columns().items() if name not in ("transform", "seed")}
    assert (MeasureSettings.of_columns(older).transform, MeasureSettings.of_columns(older).seed) == ("diffeo", None)


def test_every_option_of_a_measurement_is_in_its_row_or_changes_no_number():
    """What a row does not tell in a column of its own, in `asked`, or by a column of the result, can't be repeated."""
    by_results = {"num_classes", "in_chans", "model_kwargs", "weights", "precision", "amp", "until_precision"}
    for name, one in settings_of(MeasureOptions).items():
        assert one.column or one.has(Role.ASKED | Role.EXECUTION) or name in by_results, name
        assert not (one.has(Role.KEY) and one.has(Role.KEY_IF_SET)), name


def test_a_recipe_s_values_are_given_by_the_recipe_until_they_are_set():
    assert TrainOptions.__init__.__kwdefaults__["epochs"] is None
    assert set(settings_of(Recipe).values()) <= set(settings_of(TrainOptions).values())
    with pytest.raises(TypeError, match="recipe is None; leave it out to get its default, 'paper'"):
        TrainOptions(recipe=None)
