"""Tables of images made elsewhere: the files that are meant, or one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.runner.image_manifest import read_manifest

HEADER = "path,subject,session,desc"
ROWS = ("a.nii.gz,01,01,cfAUD", "b.nii.gz,NA,,cfcontrol")
STEMS = {"sub-01_ses-01_desc-cfAUD": "a.nii.gz", "sub-NA_desc-cfcontrol": "b.nii.gz"}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    for name in ("a.nii.gz", "b.nii.gz", "sub-02_desc-cfAUD_T1w.nii.gz"):
        (tmp_path / name).touch()
    path = tmp_path / "mine.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n")
    return path


def names(path: Path) -> dict[str, str]:
    return {stem: file.name for stem, file in read_manifest(path).items()}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        (",", ";"),
        (",", "\t"),
        (",01,01,cfAUD", ",sub-01,ses-01,desc-cfAUD"),
        ("a.nii.gz", '" a.nii.gz "'),
        ("\n", "\r\n"),
        (",desc\n", ',desc,do,extra\n"",,,,,\n'),
    ],
)
def test_the_files_that_are_meant(manifest: Path, old: str, new: str) -> None:
    text = manifest.read_text()
    text = text.replace(old, new) if old else text
    if "extra" in new:
        text = text.replace("cfAUD", 'cfAUD,"{""age"": 71.5}",x').replace("cfcontrol", "cfcontrol,,")
    manifest.write_bytes(text.encode())
    assert names(manifest) == STEMS
    manifest.write_bytes(text.encode("utf-8-sig"))
    assert names(manifest) == STEMS
    manifest.write_bytes(text.encode("utf-16"))
    assert names(manifest) == STEMS


def test_new_brains_need_no_subject(manifest: Path) -> None:
    manifest.write_text("path\nb.nii.gz\na.nii.gz\n")
    assert names(manifest) == {"line-000002": "b.nii.gz", "line-000003": "a.nii.gz"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("b.nii.gz", "a.nii.gz", "line 3: .*a.nii.gz is named in line 2 too; give every image a file of its own"),
        ("b.nii.gz", "./a.nii.gz", "line 3: .*a.nii.gz is named in line 2 too"),
        ("b.nii.gz", "", "line 3: no path; name the image's file"),
        ("b.nii.gz", "c.nii.gz", "line 3: no such file: .*c.nii.gz"),
        ("NA,", ",", "line 3: desc 'cfcontrol' of no subject; add the column 'subject'"),
        ("01,01,", "01_ses-01,,", "line 2: subject '01_ses-01' is no BIDS label"),
        ("cfAUD", "cf-AUD", "line 2: desc 'cf-AUD' is no BIDS label"),
        ("NA,,cfcontrol", "01,01,cfAUD", "b.nii.gz: a second image of sub-01_ses-01_desc-cfAUD"),
        ("b.nii.gz,NA", "sub-02_desc-cfAUD_T1w.nii.gz,03", "the row says sub-03, the file is called sub-02_desc-cfAUD"),
        ("b.nii.gz,NA", "sub-02_desc-cfAUD_T1w.nii.gz,02", "the row says desc-cfcontrol, the file is called"),
        ("path,", "file,", "no column 'path'; the manifest has file, subject"),
        ("subject,", "Subject_ID,", "column 'Subject_ID' is not known; call it subject"),
        (",desc", ",description", "column 'description' is not known; call it desc"),
        ("a.nii.gz,", '"a.nii.gz,', "row 2 has a stray quotation mark"),
        (",cfAUD", "", "row 2 has 3 cells, the header 4"),
    ],
)
def test_manifests_in_doubt_are_refused(manifest: Path, old: str, new: str, said: str) -> None:
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=said) as caught:
        read_manifest(manifest)
    assert str(caught.value).count("\n") == 0
    assert str(manifest.parent) in str(caught.value)
