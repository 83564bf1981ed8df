"""Settings of a generator that a user may change: fields of a frozen dataclass, read from text by their types.

    @dataclass(frozen=True)
    class MySettings:
        rule: Annotated[Literal["ranked", "proportional"], Field(description="which voxels move")] = "ranked"
        guidance: Annotated[float | None, Field(ge=0, description="one weight")] = None

Every field has a default. Pydantic's ``Field`` says what a value means and which values are allowed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic import ValidationError

from pcgm_bench.contracts.errors import UserError


@dataclass(frozen=True)
class NoSettings:
    """Of a generator that has nothing to set."""


@dataclass(frozen=True)
class Setting:
    """One setting, for a reader.

    Attributes:
        name: what is written before the equals sign.
        values: allowed values, in words.
        default: its text.
        meaning: one line.
    """

    name: str
    values: str
    default: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.name}={self.values} (default {self.default}): {self.meaning}"


def read_settings(kind: type[Any], given: Mapping[str, str], who: str) -> Any:
    """The settings that a user gave as text, the others at their defaults.

    Args:
        kind: a frozen dataclass.
        given: name -> text.
        who: the generator, for messages.

    Raises:
        UserError: an unknown name (the message lists the known ones), or a value that is not allowed.
    """
    known = settings_of(kind)
    names = [setting.name for setting in known]
    if unknown := sorted(set(given) - set(names)):
        there = f"it has {', '.join(names)}" if names else "it has none"
        raise UserError(f"--set {unknown[0]}={given[unknown[0]]}: {who} has no such setting; {there}")
    try:
        return TypeAdapter(kind).validate_strings(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        allowed = next(setting for setting in known if setting.name == name)
        raise UserError(f"--set {name}={given[name]}: {first['msg']}; {allowed}") from error


def texts_of(settings: Any) -> dict[str, str]:
    """Name -> text of all settings, in the order of the class."""
    return {name: text_of(value) for name, value in dataclasses.asdict(settings).items()}


def changed_settings(settings: Any) -> dict[str, str]:
    """Name -> text of the settings that are not at their defaults, in the order of the class."""
    defaults = texts_of(type(settings)())
    return {name: text for name, text in texts_of(settings).items() if text != defaults[name]}


def settings_of(kind: type[Any]) -> list[Setting]:
    """The settings of a generator's class."""
    if not dataclasses.fields(kind):
        return []
    properties = TypeAdapter(kind).json_schema()["properties"]
    return [
        Setting(name, _values(schema), text_of(schema.get("default")), schema.get("description", ""))
        for name, schema in properties.items()
    ]


def with_settings(method: str, changed: Mapping[str, str]) -> str:
    """A method's name with the settings that are not at their defaults.

    >>> with_settings("pcgm", {"cmg": "proportional"}), with_settings("pcgm", {})
    ('pcgm (cmg=proportional)', 'pcgm')
    """
    words = ", ".join(f"{name}={value}" for name, value in changed.items())
    return f"{method} ({words})" if words else method


def text_of(value: object) -> str:
    """A value as a user writes it."""
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _values(schema: Mapping[str, Any]) -> str:
    options = schema.get("anyOf", [schema])
    words = []
    for option in options:
        if "enum" in option:
            words += [str(value) for value in option["enum"]]
        elif option.get("type") == "boolean":
            words += ["on", "off"]
        elif option.get("type") in ("number", "integer"):
            words.append("NUMBER")
        elif option.get("type") == "string":
            words.append("NAME")
    return "|".join(words)
