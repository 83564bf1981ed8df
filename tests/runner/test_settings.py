"""Settings of a method: typed, refused with the list of what there is, part of the key, shown beside the numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import fakes
import numpy as np
import pytest
from fakes_tuned import TunedSettings
from toy_registry import register
from toy_runs import request
from typer.testing import CliRunner

from pcgm_bench.cli.main import app
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import NoSettings
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts.settings import changed_settings
from pcgm_bench.contracts.settings import read_settings
from pcgm_bench.contracts.settings import settings_of
from pcgm_bench.contracts.settings import texts_of
from pcgm_bench.runner.generators import find_generator
from pcgm_bench.runner.one_off import fit
from pcgm_bench.runner.one_off import named_grid
from pcgm_bench.runner.one_off import sample
from pcgm_bench.runner.request import MethodRequest
from pcgm_bench.runner.run import run
from pcgm_bench.store import RunFolder


@pytest.fixture
def tuned(toys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The toys, with the methods of `fakes_tuned` among them."""
    names = {name: f"fakes_tuned:{name.capitalize()}" for name in ("tuned", "spoken", "trained")}
    register(monkeypatch, {"methods": names})


def test_text_is_read_by_the_type_of_the_field() -> None:
    given = {"gain": "2.5", "rule": "hard", "sharp": "off", "level": "0.5"}
    read = read_settings(TunedSettings, given, "toy")
    assert read == TunedSettings(2.5, "hard", sharp=False, level=0.5)
    assert changed_settings(read) == given
    assert changed_settings(read_settings(TunedSettings, {"gain": "1", "sharp": "on"}, "toy")) == {}
    assert texts_of(TunedSettings())["level"] == "unset"
    assert [setting.name for setting in settings_of(TunedSettings)] == ["gain", "rule", "sharp", "level", "size"]
    assert str(settings_of(TunedSettings)[1]) == "rule=soft|hard (default soft): nothing much"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gian": "2"}, "--set gian=2: toy has no such setting; it has gain, rule, sharp, level, size"),
        ({"gain": "two"}, r"--set gain=two: .*valid number.*; gain=NUMBER"),
        ({"gain": "0"}, r"--set gain=0: .*greater than 0"),
        ({"level": "1.5"}, r"--set level=1.5: .*less than or equal to 1"),
        ({"rule": "firm"}, r"--set rule=firm: .*'soft' or 'hard'; rule=soft\|hard \(default soft\)"),
        ({"sharp": "maybe"}, r"--set sharp=maybe: .*boolean"),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_is(given: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_settings(TunedSettings, given, "toy")
    with pytest.raises(UserError, match="toy has no such setting; it has none"):
        read_settings(NoSettings, given, "toy")


def image_of(folder: RunFolder) -> np.ndarray:
    path = sorted(folder.derivative("tuned").root.rglob("*T1w.nii.gz"))[0]
    import nibabel as nib

    return np.asarray(nib.load(path).get_fdata())


def test_a_setting_is_part_of_the_run_and_said_beside_its_numbers(home: Path, tuned: None) -> None:
    plain = run(request(home, method="tuned"))
    same = run(request(home, method="tuned", settings={"gain": "1.0"}))
    other = run(request(home, method="tuned", settings={"gain": "1.2"}))
    assert plain.folder.root == same.folder.root != other.folder.root
    np.testing.assert_allclose(image_of(other.folder), 1.2 * image_of(plain.folder), rtol=1e-5)
    assert other.folder.identity.settings == {"gain": "1.2"}
    assert other.folder.identity.method_with_settings == "tuned (gain=1.2)"
    said = other.scores.method
    assert said["settings"] == "gain=1.2 rule=soft sharp=on level=unset size=small"
    assert next(what for what in said if what != "settings") == "means, fold 1"
    assert said["means, fold 1"].endswith("of controls")
    table = next(table for table in other.tables if table.name == "method")
    assert ["settings", said["settings"]] in table.rows


def test_a_setting_is_part_of_what_images_are_made_from(home: Path, tuned: None) -> None:
    plain, same, other = (find_generator("tuned", home, settings=given) for given in ({}, {"gain": "1"}, {"gain": "2"}))
    assert plain.digest == same.digest != other.digest


def test_an_unknown_setting_ends_a_run_before_any_work(home: Path, tuned: None, toys: list[str]) -> None:
    with pytest.raises(UserError, match="tuned has no such setting; it has gain, rule"):
        run(request(home, method="tuned", settings={"speed": "9"}))
    assert not toys
    with pytest.raises(UserError, match="shifter has no such setting; it has none"):
        run(request(home, settings={"speed": "9"}))


def test_notes_that_are_no_texts_are_the_method_s_fault(home: Path, tuned: None) -> None:
    result = run(request(home, method="spoken"))
    assert "not a mapping of texts" in result.failure


def test_other_networks_have_weights_of_their_own(
    home: Path, tuned: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = dataclasses.replace(named_grid("3mm"), shape=fakes.SHAPE)
    monkeypatch.setattr("pcgm_bench.runner.one_off.named_grid", lambda _name: grid)
    small = MethodRequest(method="trained", home=home, cohort=CohortRequest("toy"), segmenter="toy")
    large = dataclasses.replace(small, settings={"size": "large"})
    assert fit(small) == home / "weights" / "trained"
    with pytest.raises(UserError, match="pcgm-bench fit --method trained --set size=large"):
        sample(large, 1, tmp_path / "large")
    assert fit(large) == home / "weights" / "trained-large"
    images = [sample(one, 1, tmp_path / name)[0] for one, name in ((small, "small"), (large, "large"))]
    assert images[0].read_bytes() != images[1].read_bytes()
    with pytest.raises(UserError, match=r"--set gain=2: training trained does not depend on it .*size"):
        fit(dataclasses.replace(small, settings={"gain": "2"}))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "cgm=ranked"], "it has pgm, cmg, config, mask, controlnet, metadata, guidance, strength"),
        (["--set", "cmg=best"], "cmg=ranked|proportional"),
        (["--config", "huge"], "choose one of paper, phantom"),
        (["--config", "paper", "--set", "config=phantom"], "config is given twice"),
        (["--set", "guidance"], "write it as name=value"),
    ],
)
def test_the_command_line_names_what_there_is(home: Path, options: list[str], said: str) -> None:
    answer = CliRunner().invoke(app, ["sample", str(home / "out"), "--method", "pcgm", *options])
    assert answer.exit_code != 0
    words = " ".join(f"{answer.output} {answer.exception or ''}".split())
    assert said in words


def test_the_list_of_methods_says_what_can_be_set() -> None:
    answer = CliRunner().invoke(app, ["list", "methods", "--settings"])
    assert "    cmg=ranked|proportional (default ranked): which border voxels change" in answer.output
