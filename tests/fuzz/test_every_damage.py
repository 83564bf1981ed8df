"""Every kind of damage to a volume, a table or a folder: refused in one line, or read with its twin's numbers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from fuzz_table import is_wrong
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from outcomes import Damage
from table_rooms import TableRoom
from table_rooms import table_rooms
from volume_rooms import Room
from volume_rooms import rooms

Place = Room | TableRoom
VOLUMES: list[tuple[Place, Damage]] = [(room, damage) for room in rooms() for damage in room.damages]
TABLES: list[tuple[Place, Damage]] = [(room, damage) for room in table_rooms() for damage in room.damages]


@pytest.mark.parametrize(("room", "damage"), VOLUMES + TABLES, ids=lambda value: value.name.replace(" ", "-"))
def test_every_damage_once(room: Place, damage: Damage, tmp_path: Path) -> None:
    trial = room.attempt(damage, 1, tmp_path)
    assert not is_wrong(damage, trial), f"{trial.outcome}: {trial.line}"


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(VOLUMES), st.integers(100, 2**32 - 1))
def test_damages_of_volumes_anywhere(pair: tuple[Place, Damage], seed: int) -> None:
    check_anywhere(*pair, seed)


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(TABLES), st.integers(100, 2**32 - 1))
def test_damages_of_tables_anywhere(pair: tuple[Place, Damage], seed: int) -> None:
    check_anywhere(*pair, seed)


def check_anywhere(room: Place, damage: Damage, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trial = room.attempt(damage, seed, Path(folder))
    assert not is_wrong(damage, trial), f"{room.name}, {damage.name}: {trial.outcome}: {trial.line}"
