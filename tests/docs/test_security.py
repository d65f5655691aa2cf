"""Each sentence of docs/security.md has a test that fails when it is untrue, named here."""

import ast
import re
from pathlib import Path

import pytest
from support.measured_stores import failed
from support.planted import heard

from diffstab import Store

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "security.md").read_text()
# by how a sentence begins
SHOWN = {
    "diffstab reads models": ["docs/test_security.py::test_every_sentence_has_a_test"],
    "Each sentence below": ["docs/test_security.py::test_every_sentence_has_a_test"],
    "Weights run no code": ["models/test_hostile_folders.py::test_a_pickle_of_weights_runs_no_code",
                            "models/test_spoiled_folders.py::test_nothing_in_a_folder_runs_hangs_or_writes_outside"],
    "A pickle with anything but": ["models/test_checkpoints.py::test_bad_checkpoints_are_refused"],
    "CIFAR's files": ["data/test_arrays.py::test_pickles_with_another_checksum_are_never_opened"],
    "Own code runs because": ["models/test_own_code.py::test_a_function_without_weights_is_measured"],
    "Code in a repository": ["models/test_from_transformers.py::test_a_config_that_leads_on_is_refused",
                             "models/test_from_transformers.py::test_code_beside_a_known_network_does_not_run"],
    "`measure --from-row` does nothing": ["cli/test_trust.py::test_a_rows_command_is_not_run",
                                          "cli/test_trust.py::test_what_a_row_leads_to_is_listed_and_not_looked_at"],
    "The config.json": ["models/test_hostile_folders.py::test_what_a_folder_leads_to_is_not_looked_at",
                        "models/test_hostile_folders.py::test_no_config_makes_timm_read_fetch_or_run_anything_else"],
    "A dry run": ["sweep/test_dry_run.py::test_a_dry_run_neither_runs_code_nor_writes"],
    "A sweep runs": ["sweep/test_changed.py::test_the_command_tells_it_before_and_after"],
    "Pickles that are planted": ["cli/test_planted_stores.py::test_a_training_goes_on_from_no_planted_pickle",
                                 "cli/test_planted_stores.py::"
                                 "test_a_sweep_in_a_strangers_store_unpickles_nothing_of_it"],
    "A pipe, socket": ["cli/test_special_files.py::test_a_command_tells_what_stands_in_the_place_of_a_file",
                       "store/test_strangers.py::test_what_is_no_regular_file_is_told_and_never_waited_for"],
    "Among images": ["cli/test_special_files.py::test_among_images_they_are_left_out_and_counted"],
    "Configs and lists": ["docs/test_security.py::test_large_configs_and_lists_are_refused",
                          "sweep/test_large_specs.py::test_a_large_spec_is_refused_within_seconds"],
    "Specs are YAML": ["sweep/test_spec.py::test_a_bad_file_is_refused_with_the_place"],
    "Weights that claim": ["models/test_checkpoints.py::test_a_header_that_claims_more_than_the_file_is_told",
                           "models/test_checkpoints.py::test_a_zip_file_that_unpacks_to_more_than_it_is_is_refused"],
    "Raw values": ["store/test_strangers.py::test_raw_values_are_unpacked_if_they_are_those_of_their_row"],
    "MNIST's and": ["data/test_idx.py::test_a_packed_file_of_more_than_the_published_size_is_not_unpacked"],
    "Of a data set": ["data/test_tables.py::test_files_of_other_kinds_and_elsewhere_are_refused",
                      "data/test_tables.py::test_a_script_in_the_folder_does_not_run"],
    "Weights of an ONNX": ["models/test_from_onnx.py::test_files_that_are_no_graph_or_lack_a_part"],
    "An image that": ["data/test_hostile_images.py::test_broken_images_are_read_or_refused",
                      "data/test_hostile_images.py::test_odd_images_are_deformed_or_refused_in_one_line"],
    "Data sets are fetched": ["docs/test_security.py::test_nothing_is_fetched_unasked"],
    "An archive": ["data/test_layout.py::test_an_archive_writes_nothing_outside_its_folder"],
    "A row whose columns": ["store/test_hostile_rows.py::test_a_measurement_holds_each_column_as_its_kind",
                            "store/test_parts.py::test_a_damaged_line_costs_one_row_and_is_reported"],
    "So is a row": ["cli/test_texts_from_elsewhere.py::test_rows_that_were_edited_are_left_out_everywhere_and_told"],
    "A checksum tells": ["store/test_check.py::test_check_finds_every_kind_of_damage"],
    "`diffstab results check`": ["store/test_check.py::test_check_finds_every_kind_of_damage",
                                 "store/test_check.py::test_any_flipped_bit_of_a_row_is_found"],
    "A cell whose": ["store/test_from_row.py::test_lost_raw_values_are_put_back_and_a_sweep_misses_them"],
    "Reading a store": ["store/test_strangers.py::test_reading_a_store_changes_no_byte_of_it"],
    "Nothing is written through": ["store/test_strangers.py::test_nothing_is_written_through_a_link",
                                   "training/test_state.py::test_nothing_is_written_through_links_in_the_folder"],
    "A file appears": ["test_writing.py::test_a_full_disk_leaves_the_old_file_and_nothing_else",
                       "test_writing.py::test_a_replaced_file_keeps_its_permissions_and_a_new_one_gets_the_umasks"],
    "What a killed run": ["test_writing.py::test_a_killed_writers_temporary_goes_when_the_target_is_written_again",
                          "training/test_state.py::test_a_killed_writers_files_go_when_the_training_goes_on"],
    "A row is in": ["cli/test_kept_before_printed.py::test_what_can_not_be_printed_is_kept"],
    "Texts from files": ["cli/test_texts_from_elsewhere.py::test_each_such_letter_is_escaped",
                         "cli/test_texts_from_elsewhere.py::test_commands_print_a_strangers_store_harmlessly",
                         "cli/test_texts_from_elsewhere.py::test_commands_print_through_one_file"],
    "Text is never": ["cli/test_kept_before_printed.py::test_names_in_brackets_are_texts_everywhere"],
    "A CSV holds": ["cli/test_texts_from_elsewhere.py::test_a_spreadsheet_finds_no_formula"],
    "Pages (": ["pages/test_report.py::test_the_page_is_one_small_valid_file",
                "pages/test_explorer.py::test_the_page_is_one_small_file_that_asks_for_nothing"],
    "Texts from a store": ["pages/test_report_in_a_browser.py::test_text_of_a_store_is_text"],
    "Rows hold": ["docs/test_security.py::test_rows_hold_paths"],
    "Measurements, trainings": ["measuring/test_threads.py::test_one_network_in_eight_threads_gives_the_numbers_of_one",
                                "measuring/test_threads.py::test_cells_by_name_give_the_numbers_of_one_thread",
                                "training/test_loop.py::"
                                "test_trainings_in_several_threads_give_the_weights_of_one"],
    "Several processes": ["store/test_parts.py::test_writers_at_once_keep_a_row_once",
                          "docs/test_security.py::test_threads_write_one_store"],
    "Hostile stores": ["store/test_hostile_rows.py::test_stores_of_odd_rows_are_read_or_refused",
                       "docs/test_security.py::test_as_many_cases_as_it_says"],
    "Those of stores": ["store/test_hostile_stores.py::test_nothing_in_a_store_runs_hangs_or_writes_outside",
                        "models/test_spoiled_folders.py::test_nothing_in_a_folder_runs_hangs_or_writes_outside"],
}  # fmt: skip


def sentences():
    lines = [line for line in PAGE.splitlines() if not line.startswith("#")]
    text = re.sub(r"\s+", " ", "\n".join(re.sub(r"^- ", "\0", line) for line in lines))
    return [one.strip() for part in text.split("\0") for one in re.split(r"(?<=[.;]) (?=[A-Z`])", part) if one.strip()]


def test_every_sentence_has_a_test():
    found = {one: [begin for begin in SHOWN if one.startswith(begin)] for one in sentences()}
    assert {one for one, begins in found.items() if len(begins) != 1} == set()
    assert {begin for begins in found.values() for begin in begins} == SHOWN.keys()
    for names in SHOWN.values():
        for name in names:
            file, _, function = name.partition("::")
            tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
            assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name


def test_large_configs_and_lists_are_refused(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("net/config.json", "tiny-imagenet-200/wnids.txt"):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(" " * 10_000_001)
    (tmp_path / "tiny-imagenet-200" / "val" / "images").mkdir(parents=True)
    where = ("--images", 5, "--model", "fc_l2", "--weights", "init")
    for words in (
        ("measure", "--model", "local-dir:net"),
        ("measure", *where, "--dataset", "tinyimagenet", "--data-dir", "."),
    ):
        answer = cli(*words)
        assert answer.exit_code == 2
        assert "has 10,000,001 bytes; at most 10,000,000 are allowed" in answer.stderr


@pytest.mark.parametrize("name", ["mnist", "fashionmnist", "cifar10", "cifar100", "tinyimagenet", "imagenette"])
def test_nothing_is_fetched_unasked(cli, tmp_path, name):
    with heard() as events:
        answer = cli("measure", "--model", "lenet", "--weights", "init", "--dataset", name, "--data-dir", tmp_path)
    assert answer.exit_code == 2
    assert "download" in answer.stderr
    assert not [event for event in events if "http" in event or ":443" in event]
    assert not any(tmp_path.iterdir())


def test_rows_hold_paths(cli, tmp_path):
    weights = TESTS.parent / "pretrained" / "fc_l4-mnist5k" / "model.safetensors"
    words = ("--images", 20, "--resamples", 100, "--checkpoint", weights, "--store", tmp_path / "s")
    assert cli("measure", "--model", "fc_l4", *words).exit_code == 0
    assert str(weights) in str(Store(tmp_path / "s").rows())


def test_threads_write_one_store(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    store = Store(tmp_path / "s", create=True)
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda number: store.add(failed(f"job {number % 40}", "x")), range(80)))
    assert sum(added) == len(added)  # a failure again is a row again, of the same job
    assert len(store) == 40
    assert len(Store(tmp_path / "s")) == 40
    assert not Store(tmp_path / "s").notes


def test_as_many_cases_as_it_says():
    counts = [
        int(number)
        for path in TESTS.rglob("test_*.py")
        for names, numbers in re.findall(r"^([A-Z, ]+) = ([\d, ]+)$", path.read_text(), re.MULTILINE)
        for name, number in zip(names.split(", "), numbers.split(", "), strict=False)
        if f"@cases({name})" in path.read_text()
    ]
    assert 7_500 <= sum(counts) <= 9_000
    assert "DIFFSTAB_FUZZ=20" in (TESTS.parent / "Makefile").read_text()
