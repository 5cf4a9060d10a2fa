"""What an installation brings along, besides the modules."""

from __future__ import annotations

import tomllib
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the wheel that pip would build; hatchling refuses unknown classifiers."""
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    with ZipFile(built) as files:
        return {name: files.read(name) for name in files.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel: dict[str, bytes]) -> Message:
    (name,) = (each for each in wheel if each.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel[name])


def test_every_file_of_the_package_is_in_the_wheel(wheel: dict[str, bytes]) -> None:
    package = ROOT / "auditlog_tui"
    here = {file for file in package.rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    assert {file.relative_to(ROOT).as_posix() for file in here} <= set(wheel)
    assert {"LICENSE", "py.typed"} <= {file.name for file in here if file.parent == package}
    assert any(file.suffix == ".tcss" for file in here)


def test_it_says_that_it_is_typed(metadata: Message) -> None:
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_the_licence_is_named_and_its_text_is_there(wheel: dict[str, bytes], metadata: Message) -> None:
    assert metadata["License-Expression"] == "MIT"
    (text,) = (content for name, content in wheel.items() if ".dist-info/licenses/" in name)
    assert text.startswith(b"MIT License\n\nCopyright (c) ")
    assert b'THE SOFTWARE IS PROVIDED "AS IS"' in text


def test_every_python_from_the_oldest_that_can_install_it_is_named(metadata: Message) -> None:
    named = {each.rpartition(" :: ")[2] for each in metadata.get_all("Classifier", []) if "Python :: 3." in each}
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert min(named, key=lambda each: int(each.partition(".")[2])) == oldest
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
