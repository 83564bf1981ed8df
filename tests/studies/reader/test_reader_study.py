"""The reader study: nothing on disk tells, sheets are refused by name, and scores are the textbook's."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from pcgm_bench.board.paper import paper_table
from pcgm_bench.cli.reader import score as score_command
from pcgm_bench.contracts import ReaderCase
from pcgm_bench.contracts import ReaderRequest
from pcgm_bench.contracts import ReadingStudy
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import UserError
from pcgm_bench.results.scores import read_scores
from pcgm_bench.results.select import only
from pcgm_bench.statistics.accuracy import accuracy
from pcgm_bench.studies.reader import ReaderStudy
from pcgm_bench.studies.reader import records as terms
from pcgm_bench.studies.reader.cases import window
from pcgm_bench.studies.reader.records import study_records
from pcgm_bench.studies.reader.scores import StudyScore
from pcgm_bench.studies.reader.scores import score_readings

SHAPE = (20, 22, 20)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


def pool(prefix: str, n: int, seed: int, decimals: int | None) -> list[ReaderCase]:
    """Brains: a noisy ball; synthetic ones are rounded differently and clipped at 0, as generators do."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, size) for size in SHAPE], indexing="ij"))
    cases = []
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        image = ((grid**2).sum(axis=0) < rng.uniform(0.5, 0.7)) * rng.normal(0.8, 0.1, SHAPE)
        image = np.maximum(image, 0).astype(np.float32)
        image = image if decimals is None else np.round(image, decimals)
        cases.append(ReaderCase(f"{prefix}{i:03d}", f"{prefix}{i:03d}", lambda image=image: (image, AFFINE)))
    return cases


def study(out: Path, **design: object) -> Path:
    wanted = {"readers": 2, "cases": 6, "repeats": 0.2, "catch": 2, "seed": 3} | design
    ReaderStudy().export(pool("real", 12, 0, None), pool("made", 12, 1, 3), out, {"run": "x"}, ReaderRequest(**wanted))
    return out


def record(records: list[Record], metric: str, group: str = "") -> Record:
    """The one record of a reader, or of all."""
    chosen = only([given for given in records if given.row], metric=metric, group=group)
    assert chosen is not None, (metric, group)
    return chosen


def key_of(out: Path) -> dict:
    return json.loads((out / "sealed" / "key.json").read_text())


def test_nothing_but_the_voxels_tells(tmp_path: Path) -> None:
    out = study(tmp_path / "study", cases=10)
    for reader in (1, 2):
        files = sorted((out / f"reader-{reader}" / "cases").glob("*"))
        assert [path.name for path in files] == [f"case-{i:03d}.nii" for i in range(1, len(files) + 1)]
        assert len({path.stat().st_size for path in files}) == 1
        assert len({path.stat().st_mtime for path in files}) == 1
        assert len({path.read_bytes()[:352] for path in files}) == 1
        voxels = [np.asarray(nib.load(path).dataobj) for path in files]
        assert all(volume.dtype == np.int16 for volume in voxels)
        assert {int(volume[0, 0, 0]) for volume in voxels} == {0}
        # Rounding: shares of even levels are alike for both kinds.
        key = key_of(out)
        truth = {case: key["images"][name]["truth"] for case, name in key["readers"][str(reader)].items()}
        odd = {kind: [] for kind in ("real", "synthetic")}
        levels = {kind: [] for kind in ("real", "synthetic")}
        for path, volume in zip(files, voxels, strict=True):
            if key["images"][key["readers"][str(reader)][path.stem]]["kind"] == "catch":
                continue
            inside = volume[volume > 0]
            odd[truth[path.stem]].append((inside % 2).mean())
            levels[truth[path.stem]].append(len(np.unique(inside)))
        assert abs(np.mean(odd["real"]) - np.mean(odd["synthetic"])) < 0.03
        assert np.mean(levels["real"]) == pytest.approx(np.mean(levels["synthetic"]), rel=0.1)
    for path in out.rglob("*"):
        if path.is_file() and "sealed" not in path.parts and path.suffix in (".csv", ".json", ".txt"):
            text = path.read_text()
            assert "made0" not in text
            assert "real0" not in text


def test_a_rim_that_fades_out_does_not_tell() -> None:
    image = np.zeros(SHAPE, np.float32)
    image[4:16, 4:18, 4:16] = np.random.default_rng(0).uniform(0.3, 1.0, (12, 14, 12))
    faded = image.copy()
    rim = np.zeros(SHAPE, bool)
    rim[3:17, 3:19, 3:17] = True
    faded[rim & (image == 0)] = 0.03
    faded[~rim] = 1e-5
    np.testing.assert_array_equal(window(faded, "faded"), window(image, "cut off"))


def test_dark_voxels_inside_do_not_tell() -> None:
    image = np.zeros(SHAPE, np.float32)
    image[4:16, 4:18, 4:16] = np.random.default_rng(0).uniform(0.3, 1.0, (12, 14, 12))
    image[10, 10, 10] = 0.05 * np.quantile(image[image > 0], 0.999)
    pitted = image.copy()
    pitted[10, 10, 10] = 0.001
    np.testing.assert_allclose(window(pitted, "pitted"), window(image, "whole"), rtol=1e-4)


def test_same_seed_same_bytes_and_another_order_per_reader(tmp_path: Path) -> None:
    trees = []
    for name in ("a", "b"):
        out = study(tmp_path / name)
        trees.append({str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()})
    assert trees[0] == trees[1]
    readers = key_of(tmp_path / "a")["readers"]
    assert list(readers["1"].values()) != list(readers["2"].values())
    assert sorted(readers["1"].values()) == sorted(readers["2"].values())
    other = study(tmp_path / "c", seed=4)
    assert key_of(other) != key_of(tmp_path / "a")


def test_the_seal_is_the_keys_hash(tmp_path: Path) -> None:
    out = study(tmp_path / "study")
    sha = hashlib.sha256((out / "sealed" / "key.json").read_bytes()).hexdigest()
    assert sha in (out / "reader-1" / "study.json").read_text()


def test_out_must_be_new_and_failures_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "x").write_text("x")
    with pytest.raises(UserError, match="used"):
        study(tmp_path / "used")
    with pytest.raises(UserError):
        study(tmp_path / "many", cases=50)
    with pytest.raises(UserError, match="--rule best"):
        study(tmp_path / "rule", rule="best")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["used"]


def fill(out: Path, reader: int, answer: object) -> Path:
    """Fill in a sheet by a function of (truth, place)."""
    key = key_of(out)
    path = out / f"reader-{reader}" / "answers.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for place, row in enumerate(rows):
        image = key["images"][key["readers"][str(reader)][row["case_id"]]]
        row["answer"] = answer(image, place)  # type: ignore[operator]
        row["confidence"] = "3"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_perfect_reader_and_one_who_always_says_real(tmp_path: Path) -> None:
    out = study(tmp_path / "study", cases=12, repeats=0.25)
    sheets = [
        fill(out, 1, lambda image, _place: image["truth"]),
        fill(out, 2, lambda _image, _place: "real"),
    ]
    records = ReaderStudy().score(out / "sealed" / "key.json", sheets)
    perfect, blind = "reader 1", "reader 2"
    assert [record(records, terms.ACCURACY, reader).estimate for reader in (perfect, blind)] == [1.0, 0.5]
    assert (record(records, terms.D_PRIME, perfect).estimate or 0) > 2
    assert record(records, terms.D_PRIME, blind).estimate == pytest.approx(0)
    assert (record(records, terms.CRITERION, blind).estimate or 0) > 1
    assert [record(records, terms.CATCH, reader).estimate for reader in (perfect, blind)] == [2, 0]
    with_self = record(records, terms.SELF, perfect)
    assert (with_self.estimate, with_self.n) == (1.0, 6)
    assert record(records, terms.SELF, blind).estimate is None, "who gives one answer agrees with chance"
    assert record(records, terms.ACCURACY, terms.AVERAGE).estimate == 0.75
    printed = "\n".join(table.markdown() for table in ReaderStudy().tables(records))
    assert "| average | 100.0 | 50.0 | 75.0 |" in printed
    assert "No kappa with self of reader 2: one and the same answer" in printed
    assert "24 cases, 2 of 2 readers" in printed


@pytest.mark.filterwarnings("error")
def test_too_few_repeats_give_no_kappa_and_say_so(tmp_path: Path) -> None:
    out = study(tmp_path / "study")
    places: list[int] = []

    def wavering(_image: dict, place: int) -> str:
        places.append(place)
        return "real" if len(places) % 2 else "synthetic"

    sheets = [fill(out, 1, wavering), fill(out, 2, lambda _image, _place: "real")]
    records = ReaderStudy().score(out / "sealed" / "key.json", sheets)
    kappas = [record(records, terms.SELF, f"reader {reader}") for reader in (1, 2)]
    assert [kappa.n for kappa in kappas] == [2, 2]
    assert [kappa.estimate for kappa in kappas] == [None, None]
    (readers,) = (table for table in ReaderStudy().tables(records) if table.name == "readers")
    column = [head.name for head in readers.columns].index("kappa with self")
    assert [row[column] for row in readers.rows] == [None, None]
    assert "No kappa with self of reader 1, 2: 2 repeats, and fewer than 5 cannot tell" in readers.markdown()


@pytest.mark.filterwarnings("error")
def test_readers_who_all_say_the_same_have_no_kappa(tmp_path: Path) -> None:
    out = study(tmp_path / "study")
    sheets = [fill(out, reader, lambda _image, _place: "real") for reader in (1, 2)]
    records = ReaderStudy().score(out / "sealed" / "key.json", sheets)
    assert record(records, terms.BETWEEN).estimate is None
    assert "Fleiss" not in ReaderStudy().tables(records)[1].markdown()


def test_bad_sheets_are_refused_by_name(tmp_path: Path) -> None:
    out = study(tmp_path / "study")
    key = out / "sealed" / "key.json"
    good = fill(out, 1, lambda image, _place: image["truth"])
    with pytest.raises(UserError, match=r"second sheet of reader 1"):
        ReaderStudy().score(key, [good, good])
    text = good.read_text()
    for change, lines in {
        "incomplete": text.splitlines()[:-1],
        "double": [*text.splitlines(), text.splitlines()[-1]],
        "unknown": [line.replace(",real,", ",perhaps,") for line in text.splitlines()],
        "empty": [line.replace(",synthetic,", ",,") for line in text.splitlines()],
    }.items():
        bad = tmp_path / f"{change}.csv"
        bad.write_text("\n".join(lines) + "\n")
        with pytest.raises(UserError, match=f"{change}.csv"):
            ReaderStudy().score(key, [bad])
    stranger = study(tmp_path / "other", seed=9)
    with pytest.raises(UserError, match=r"answers.csv"):
        ReaderStudy().score(key, [fill(stranger, 1, lambda image, _place: image["truth"])])
    with pytest.raises(UserError, match="not a key"):
        ReaderStudy().score(good, [good])


def simulated(probability_made: float, probability_real: float, seed: int, n: int = 50) -> pd.DataFrame:
    """Three readers who say "synthetic" with these probabilities."""
    rng = np.random.default_rng(seed)
    rows = []
    for reader in (1, 2, 3):
        for i in range(2 * n):
            made = i < n
            said = rng.random() < (probability_made if made else probability_real)
            rows.append([reader, f"p{i:03d}", "case", "synthetic" if made else "real", "x", i, 1, said, 3.0, 9.0])
    names = ["reader", "case", "kind", "truth", "source", "place", "look", "synthetic", "confidence", "seconds"]
    return pd.DataFrame(rows, columns=names)


def records_of(score: StudyScore, **origin: str) -> list[Record]:
    return study_records(score, "abc", 3, origin)


def test_golden_numbers_of_table_2() -> None:
    frame = simulated(0.5, 0.5, 0)
    printed = paper_table("table2")
    for reader in (1, 2, 3):
        for kind in ("real", "synthetic"):
            rows = frame.index[(frame["reader"] == reader) & (frame["truth"] == kind)]
            right = np.arange(len(rows)) < round(len(rows) * printed.value(f"expert {reader}", kind) / 100)
            frame.loc[rows, "synthetic"] = right == (kind == "synthetic")
    scores = score_readings(frame)
    assert scores.pooled.right == 138
    table = next(table for table in ReaderStudy().tables(records_of(scores)) if table.name == "table2")
    ours = [[f"{share:.1f}%" for share in row[1:]] for row in table.rows]
    assert ours == list(printed.rows.values())
    assert [ours[0], ours[-1]] == [["46.0%", "54.0%", "50.0%"], ["46.0%", "46.0%", "46.0%"]]
    mean = accuracy(46, 100)
    assert mean.p_chance == pytest.approx(0.13, abs=0.01)
    assert (round(100 * mean.low, 1), round(100 * mean.high, 1)) == (36.6, 55.7)
    assert accuracy(138, 300).p_chance == pytest.approx(0.020, abs=0.003)
    assert accuracy(46, 100).low == proportion_confint(46, 100, method="wilson")[0]


def test_simulated_readers_are_told_apart() -> None:
    chance, good, biased = (
        score_readings(simulated(*p, seed)) for seed, p in enumerate([(0.5, 0.5), (0.8, 0.2), (0.9, 0.9)])
    )
    assert chance.pooled.low < 0.5 < chance.pooled.high
    assert good.pooled.low > 0.7
    assert not good.at_chance
    assert good.model is not None
    assert chance.model is not None
    assert biased.model is not None
    assert good.model.discrimination.low > 1.5
    assert abs(chance.model.discrimination.value) < 0.6
    assert biased.model.bias.low > 1
    assert good.between.value > 0.2 > abs(chance.between.value)


def test_an_images_origin_stands_with_the_numbers() -> None:
    records = records_of(score_readings(simulated(0.5, 0.5, 0)), cohort="phantom-aud", method="pcgm")
    assert {given.row for given in records} == {"", "pcgm"}
    assert "phantom scans" in ReaderStudy().tables(records)[0].title


# Warnings, and the three sentences.


def concluded(probability_made: float, probability_real: float, n: int = 50, **origin: str) -> tuple[list[str], str]:
    """Warnings, and what follows, of three readers who say "synthetic" with these probabilities."""
    records = records_of(score_readings(simulated(probability_made, probability_real, 1, n)), **origin)
    said = ReaderStudy().conclusion(records)
    assert said is not None
    return ReaderStudy().warnings(records), said.follows


def test_the_conclusion_says_what_was_asked_and_answered() -> None:
    scores = score_readings(simulated(0.8, 0.2, 1))
    said = ReaderStudy().conclusion(records_of(scores, method="pcgm", cohort="bids-x"))
    assert said is not None
    assert said.asked == "3 readers were to say which of 100 images are real scans and which are made by pcgm."
    low, high = (f"{100 * end:.0f}" for end in (scores.pooled.low, scores.pooled.high))
    shares = sorted(round(100 * reader.accuracy.value) for reader in scores.readers)
    assert said.shown.startswith(
        f"{100 * scores.pooled.value:.0f} % [{low}, {high}] of the answers are right, {shares[0]} % to {shares[-1]} %"
    )
    right = np.mean([reader.detection.specificity for reader in scores.readers])
    assert f"{100 * right:.0f} % of the scans" in said.shown


@pytest.mark.parametrize(
    ("made", "real", "n", "words"),
    [
        (0.8, 0.2, 50, "these readers can tell made images from scans; "),
        (0.54, 0.46, 200, "these readers can tell made images from scans, by less than 10 points above guessing; "),
        (0.2, 0.8, 50, "nothing about the images: who is wrong more often than by guessing can tell them apart"),
        (0.5, 0.5, 200, "these readers together are within 10 points of guessing"),
        (0.5, 0.5, 8, "neither that these readers can tell made images from scans nor that they cannot: any accuracy"),
        (0.95, 0.95, 50, "nothing about the images: the answers of reader 1, reader 2 and reader 3 are no evidence"),
    ],
)
def test_what_follows_from_the_answers(made: float, real: float, n: int, words: str) -> None:
    assert concluded(made, real, n)[1].startswith(words)


def test_one_reader_who_can_tell_is_not_lost_in_the_mean() -> None:
    frame = simulated(0.5, 0.5, 1)
    made, first, last = frame["truth"] == "synthetic", frame["reader"] == 1, frame["reader"] == 3
    frame.loc[first, "synthetic"] = made[first] ^ (frame["place"][first] % 4 == 0)
    frame.loc[last, "synthetic"] = made[last] ^ (frame["place"][last] % 4 > 0)
    assert record(records_of(score_readings(frame)), terms.ACCURACY, "reader 1").estimate == pytest.approx(
        0.75, abs=0.02
    )
    said = ReaderStudy().conclusion(records_of(score_readings(frame)))
    assert said is not None
    assert said.follows.startswith("made images can be told from scans by reader 1 (75 % [66, 82]), though not by all")


def test_phantoms_say_nothing_of_real_brains() -> None:
    assert "phantoms say nothing" in concluded(0.8, 0.2, cohort="phantom-aud")[1]
    assert "phantoms" not in concluded(0.8, 0.2, cohort="bids-x")[1]


def test_warnings_name_the_reader_who_did_not_look(tmp_path: Path) -> None:
    assert concluded(0.8, 0.2)[0] == []
    out = study(tmp_path / "study", readers=3)
    sheets = [
        fill(out, 1, lambda image, _place: image["truth"]),
        fill(out, 2, lambda image, _place: {"real": "synthetic", "synthetic": "real"}[image["truth"]]),
    ]
    records = ReaderStudy().score(out / "sealed" / "key.json", sheets)
    assert ReaderStudy().warnings(records) == [
        "2 of 3 planned readers are scored; the sheets of the others are missing",
        "reader 2 called 2 of 2 obvious fakes real, as who does not look at the images",
    ]
    said = ReaderStudy().conclusion(records)
    assert said is not None
    assert "the answers of reader 2 are no evidence" in said.follows
    always = concluded(0.95, 0.95)[0]
    assert [line.split(" gave")[0] for line in always] == ["reader 1", "reader 2", "reader 3"]


def test_the_command_ends_with_warnings_and_conclusion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = study(tmp_path / "study", readers=3)
    sheets = [fill(out, 1, lambda image, _place: image["truth"])]
    score_command(out / "sealed" / "key.json", sheets, tmp_path / "scores", 0)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[-5:]] == ["scores", "warning", "Asked", "Shown", "It follows"]
    kept = read_scores(tmp_path / "scores" / "scores.json")
    assert kept.warnings == ["1 of 3 planned readers are scored; the sheets of the others are missing"]


def test_without_answers_there_is_nothing_to_conclude() -> None:
    assert ReaderStudy().conclusion([]) is None


def test_the_study_keeps_the_contract() -> None:
    assert isinstance(ReaderStudy(), ReadingStudy)
