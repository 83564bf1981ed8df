"""CITATION.cff is valid, and agrees with the package."""

from __future__ import annotations

from pathlib import Path

import pytest
from cffconvert.cli.create_citation import create_citation

from pcgm_bench import __version__

FILE = Path(__file__).parents[1] / "CITATION.cff"


@pytest.fixture(scope="module")
def citation() -> dict:
    """The file, after its validation against the schema of CFF 1.2.0 (which cffconvert ships: no network)."""
    found = create_citation(str(FILE), None)
    found.validate()
    return found._parse()


def test_software_is_this_version(citation: dict) -> None:
    assert citation["type"] == "software"
    assert citation["version"] == __version__
    assert citation["license"] == "Apache-2.0"
    assert "cff-version: 1.2.0" in FILE.read_text()


def test_paper_is_the_preferred_citation(citation: dict) -> None:
    paper = citation["preferred-citation"]
    assert [author["family-names"] for author in paper["authors"]] == ["Li", "Peng", "Li", "Adeli", "Pohl"]
    assert paper["title"] == "Integrating Anatomical Priors into a Causal Diffusion Model"
    assert "arXiv:2509.09054" in str(paper["identifiers"])


def test_an_invalid_file_would_be_seen(tmp_path: Path) -> None:
    broken = tmp_path / "CITATION.cff"
    broken.write_text(FILE.read_text().replace("cff-version: 1.2.0\n", "cff-version: 1.2.0\nauthor: somebody\n"))
    with pytest.raises(Exception, match="author"):
        create_citation(str(broken), None).validate()
