"""What a reader is told."""

from __future__ import annotations

from collections.abc import Sequence


def instructions(study: str, reader: int, cases: Sequence[str]) -> str:
    """The text that lies beside a reader's cases.

    It does not say how many cases are real, that some come twice, or that some are there to see whether a reader looks.

    Args:
        study: its name.
        reader: number.
        cases: names, in reading order.
    """
    return f"""READING BRAIN MRI: REAL OR SYNTHETIC?

Study {study}, reader {reader}, {len(cases)} cases.

Some of these T1-weighted brain MRIs were acquired by a scanner, others were made by a computer. How many of each is
not told. All were prepared in the same way: skull removed, one grid, one grey scale, one kind of file. Please judge
each for itself.

How to read
1. Open cases/{cases[0]}.nii to cases/{cases[-1]}.nii in ITK-SNAP, FSLeyes, 3D Slicer or any other viewer of NIfTI
   files, one after the other, in the order of the numbers. The file asks for the grey scale 0 to 255; change it as you
   like. Look at all three planes.
2. Fill in the row of the case in answers.csv (any spreadsheet; save as CSV):
     answer       real or synthetic. Every case needs one, a guess too.
     confidence   1 (a guess) to 5 (certain).
     seconds      about how long you looked; may stay empty.
     comment      what gave it away; may stay empty.
   Leave the columns study, reader and case_id as they are, and keep all rows.
3. Do not go back to an earlier case, do not compare cases, and do not change an answer later.
4. Please look at the pictures only: not at the files' properties or histograms, and not with a program that classifies.
5. Do not talk with another reader about the cases before all sheets have been returned. Your numbers are not theirs.
6. Breaks are welcome. Return answers.csv under any name.

contact/ holds pages with three planes of every case, for finding your way. Read the volumes, not these pages.

study.json has the SHA-256 of the sealed key. Whoever runs the study publishes the key afterwards, and you can see that
it was not changed after you had answered.
"""
