"""The doctor: what it says of things that are amiss, with one cure each, and nothing of the person."""

from __future__ import annotations

import builtins
import getpass
import platform
import re
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from backend import cli
from backend.cli.doctor import Report, doctor
from backend.networks import feedforward, registry


def look(monkeypatch: pytest.MonkeyPatch) -> tuple[Report, dict[str, list[str]]]:
    """The report, and its lines with what mends them, by what was looked at."""
    report = doctor(job_probe=False)
    lines = str(report).splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        assert line.startswith("!") == after.strip().startswith("->"), line  # one action for each, no more
    by_subject: dict[str, list[str]] = {}
    for finding in report.findings:
        by_subject.setdefault(finding.subject, []).append(
            f"{finding.text} -> {finding.cure or finding.advice}"
        )
    return report, by_subject


def test_all_is_well_here(monkeypatch):
    report, found = look(monkeypatch)
    assert report.amiss == ()
    assert {"Patina", "Python", "Processor", "torch", "Device", "Embree", "nvdiffrast", "Disk"} <= set(found)
    assert "free for any use" in found["Embree"][0]
    assert "research" in found["nvdiffrast"][0]
    assert re.search(r"GB of memory", found["Processor"][0])
    assert len(found["Weights"]) >= 5
    text = str(report)
    assert getpass.getuser() not in text.split()
    assert str(Path.home()) not in text


def test_weights_that_are_missing_or_damaged(monkeypatch, tmp_path):
    damaged = tmp_path / "secret folder" / "vgg16.ckpt"
    damaged.parent.mkdir()
    damaged.write_bytes(b"half")
    places = {registry._VGG16: damaged, registry._SQUEEZENET: None}
    theirs = registry.Packaged.find
    monkeypatch.setattr(registry.Packaged, "find", lambda self: places.get(self, theirs(self)))
    report, found = look(monkeypatch)
    assert {finding.subject for finding in report.amiss} == {"Weights"}
    said = "\n".join(found["Weights"])
    assert "vgg16: vgg16.ckpt is damaged, its hash is wrong -> Press Repair" in said
    assert "squeezenet: missing -> Press Repair" in said
    assert "arbitrary_stylization: 3 MB, hash right (MIT; the network Apache-2.0)" in said
    assert "secret folder" not in str(report)
    assert str(report).endswith("Broken: Weights.")


def test_without_the_network_that_paints_in_one_pass_it_works(monkeypatch):
    theirs = registry.Packaged.find
    lacking = feedforward.SOURCES[1]
    monkeypatch.setattr(registry.Packaged, "find", lambda self: None if self == lacking else theirs(self))
    report, found = look(monkeypatch)
    assert report.amiss == ()
    assert (
        "arbitrary_stylization: missing -> Press Repair in Preferences > Add-ons > Patina."
        in found["Weights"]
    )
    assert str(report).endswith("It works, but look at: Weights.")


def test_a_damaged_network_that_paints_in_one_pass_is_told(monkeypatch, tmp_path):
    damaged = tmp_path / "arbitrary_transform.onnx"
    damaged.write_bytes(b"half")
    theirs = registry.Packaged.find
    broken = feedforward.SOURCES[1]
    monkeypatch.setattr(registry.Packaged, "find", lambda self: damaged if self == broken else theirs(self))
    report, found = look(monkeypatch)
    assert [finding.subject for finding in report.amiss] == ["Weights"]
    said = "arbitrary_stylization: arbitrary_transform.onnx is damaged, its hash is wrong -> Press Repair"
    assert any(line.startswith(said) for line in found["Weights"])


def test_a_disk_that_is_nearly_full_hampers_only(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**12, 10**12 - 10**9, 10**9))
    report, found = look(monkeypatch)
    assert report.amiss == ()
    assert found["Disk"] == [
        "1.0 GB free beside the backend -> Free some space on the disk that holds the backend."
    ]
    assert str(report).endswith("It works, but look at: Disk.")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card, and torch can use it")
@pytest.mark.parametrize(
    ("cuda", "advice"),
    [(None, "Choose NVIDIA (CUDA) as Torch"), ("13.0", "Update the NVIDIA driver: CUDA 13.0")],
)
def test_a_card_that_torch_cannot_use(monkeypatch, cuda, advice):
    monkeypatch.setattr(cli.doctor, "_nvidia_driver", lambda: "470.1")
    monkeypatch.setattr(torch.version, "cuda", cuda)
    report, found = look(monkeypatch)
    assert report.amiss == ()
    assert advice in found["Device"][0]


@pytest.mark.parametrize(
    ("error", "on", "cure"),
    [
        (ImportError("No module named 'torch'"), "Linux", "Press Repair"),
        (OSError("[WinError 126] Error loading C:\\Users\\anna\\x\\c10.dll"), "Windows", "Visual C++"),
        (OSError("/home/anna/libtorch.so: cannot open"), "Linux", "Press Repair"),
    ],
)
def test_torch_that_cannot_be_loaded(monkeypatch, error, on, cure):
    theirs = builtins.__import__

    def refuse(name: str, *rest: object) -> object:
        if name == "torch":
            raise error
        return theirs(name, *rest)

    monkeypatch.setattr(platform, "system", lambda: on)
    monkeypatch.setattr(builtins, "__import__", refuse)
    report = doctor(job_probe=False)
    monkeypatch.undo()
    (finding,) = report.amiss
    assert finding.subject == "torch"
    assert cure in finding.cure
    assert "anna" not in str(report)
