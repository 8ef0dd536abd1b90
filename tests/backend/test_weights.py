"""Weights: found, checked, fetched with resume, and never trusted with code."""

from __future__ import annotations

import hashlib
import pickle
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import models

from backend import networks
from backend.__main__ import main
from backend.conversation import Cancelled
from backend.errors import PatinaError
from backend.networks import fetching, registry, weights
from backend.protocol.events import Event, read_event
from backend.protocol.job import Job
from backend.protocol.job_file import write_job
from backend.protocol.parts import Target

ROOT = Path(__file__).parents[2]


@dataclass
class Server:
    """A file on loopback: its bytes, where it is, and how many bytes it sends before it hangs up."""

    content: bytes = b""
    address: str = ""
    cut_after: int | None = None
    ranges: tuple[str | None, ...] = ()


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.ranges += (wanted,)
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
            if wanted and start >= len(state.content):
                self.send_error(416)
                return
            body = state.content[start:]
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.cut_after])

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    state.address = f"http://127.0.0.1:{http.server_port}/weights.pth"
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "weights"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "weights"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_fetch_reports_progress_and_checks_the_hash(server, folder):
    server.content = bytes(range(256)) * 20_000
    seen: list[tuple[int, int]] = []
    path = weights.fetch(server.address, "w.pth", digest(server.content)[:8], lambda *p: seen.append(p))
    assert path == folder / "w.pth"
    assert path.read_bytes() == server.content
    assert seen[-1] == (len(server.content), len(server.content))
    assert weights.find_downloaded("w.pth") == path
    assert [p.name for p in folder.iterdir()] == ["w.pth"]


def test_a_cut_download_goes_on_where_it_stopped(server, folder):
    server.content = bytes(range(256)) * 20_000
    server.cut_after = 1_000_000
    with pytest.raises(PatinaError, match=r"stopped at|cannot be downloaded"):
        weights.fetch(server.address, "w.pth", digest(server.content))
    assert weights.find_downloaded("w.pth") is None
    here = (folder / "w.pth.part").stat().st_size
    assert 0 < here <= 1_000_000
    server.cut_after = None
    weights.fetch(server.address, "w.pth", digest(server.content))
    assert server.ranges == (None, f"bytes={here}-")
    assert (folder / "w.pth").read_bytes() == server.content


def test_a_whole_part_is_not_sent_again(server, folder):
    server.content = b"weights" * 1000
    folder.mkdir()
    (folder / "w.pth.part").write_bytes(server.content)
    assert weights.fetch(server.address, "w.pth", digest(server.content)).read_bytes() == server.content


def test_the_wrong_bytes_are_refused_and_removed(server, folder):
    server.content = b"something else"
    with pytest.raises(PatinaError, match="not dcbb9e9d"):
        weights.fetch(server.address, "w.pth", "dcbb9e9d")
    assert list(folder.iterdir()) == []


def test_no_server_is_a_clear_error(folder):
    with pytest.raises(PatinaError, match="cannot be downloaded") as caught:
        weights.fetch("http://127.0.0.1:9/none.pth", "none.pth", "00")
    assert "try again" in caught.value.cure


def test_a_file_that_one_has_is_adopted_if_it_is_the_right_one(tmp_path, folder):
    mine = tmp_path / "mine.pth"
    mine.write_bytes(b"weights")
    assert weights.adopt(mine, "w.pth", digest(b"weights")[:8]).read_bytes() == b"weights"
    with pytest.raises(PatinaError, match="damaged or others"):
        weights.adopt(mine, "v.pth", "00000000")
    with pytest.raises(PatinaError, match="no file"):
        weights.adopt(tmp_path / "none", "v.pth", "00")


class _Evil:
    def __reduce__(self):
        return print, ("code from a weights file ran",)


@pytest.mark.parametrize("read", [weights.read_arrays, weights.read_state_dict])
def test_reading_never_runs_code(read, tmp_path, capsys):
    path = tmp_path / "evil"
    path.write_bytes(pickle.dumps({"a": _Evil()}, protocol=2))
    with pytest.raises(PatinaError, match="cannot be read"):
        read(path)
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize("read", [weights.read_arrays, weights.read_state_dict, weights.read_onnx])
@pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps({"a": 1}, protocol=2)[:-3]])
def test_a_broken_file_is_a_clear_error(read, content, tmp_path):
    path = tmp_path / "broken"
    path.write_bytes(content)
    with pytest.raises(PatinaError, match="cannot be read"):
        read(path)


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_are_read_whatever_the_pickle_protocol(protocol, tmp_path):
    path = tmp_path / "arrays"
    arrays = {"a": {"b": np.arange(6, dtype=np.float32).reshape(2, 3)}, "c": [np.ones(2, np.float32)]}
    path.write_bytes(pickle.dumps(arrays, protocol=protocol))
    found = weights.read_arrays(path)
    assert np.array_equal(found["a"]["b"], arrays["a"]["b"])
    assert np.array_equal(found["c"][0], arrays["c"][0])


def test_every_registered_network_resolves():
    """Address, size and the hash in the file's name agree with torchvision's own record, for all of them."""
    found = {
        source.model: source
        for entry in registry.entries().values()
        for source in entry.sources
        if isinstance(source, registry.Downloaded)
    }
    assert len(found) > 50
    assert len({source.file for source in found.values()}) == len(found)
    for name, source in found.items():
        record = models.get_model_weights(name)[registry.WEIGHTS]
        assert source.address == record.url
        assert source.address.startswith("https://")
        assert source.address.endswith(source.file)
        assert re.fullmatch(r"[0-9a-f]{8,}", source.digest), name
        assert source.megabytes == record.meta["_file_size"] > 1
        assert source.find() is None
        assert source.file in source.origin


@dataclass
class Offered:
    """A network whose weights, torchvision's own architecture with random values, a server offers."""

    name: str
    model: torch.nn.Module
    mine: Path  # the same file, on this machine's disk
    file: str
    patch: str  # Python that makes a process of its own take that server for torchvision's

    @property
    def source(self) -> registry.Downloaded:
        return networks.entry(self.name).sources[-1]


@pytest.fixture(params=["resnet18"])
def offered(request, server, tmp_path, monkeypatch) -> Offered:
    name = request.param
    torch.manual_seed(0)
    model = networks.entry(name).build().eval()
    mine = tmp_path / "state.pth"
    torch.save(model.state_dict(), mine)
    server.content = mine.read_bytes()
    file = f"{name}-{digest(server.content)[:8]}.pth"
    address = server.address.replace("weights.pth", file)
    theirs = registry.Downloaded.address.fget  # the other networks keep their own

    def found(self: registry.Downloaded) -> str:
        return address if self.model == name else theirs(self)

    monkeypatch.setattr(registry.Downloaded, "address", property(found))
    patch = (
        "from backend.networks import registry; theirs = registry.Downloaded.address.fget; "
        "registry.Downloaded.address = property("
        f"lambda s: {address!r} if s.model == {name!r} else theirs(s)); "
    )
    return Offered(name, model, mine, file, patch)


@pytest.mark.parametrize("offered", ["googlenet", "resnet18"], indirect=True)
def test_torchvision_weights_from_server_to_logits(offered, capsys):
    """The whole way of a download, on the command line; the file's name is in the list of what is here."""
    name = offered.name
    entry = networks.entry(name)
    with pytest.raises(PatinaError, match=f"weights --fetch {name}") as caught:
        registry.assemble(entry)
    assert caught.value.field == "network"
    assert main(["weights"]) == 0
    assert re.search(rf"^{name} +absent +torchvision {offered.file} ", capsys.readouterr().out, re.MULTILINE)
    assert main(["weights", "--fetch", name]) == 0
    assert f"The weights of {name} are here." in capsys.readouterr().out
    assert main(["weights"]) == 0
    assert re.search(rf"^{name} +here ", capsys.readouterr().out, re.MULTILINE)
    network = networks.load(name, torch.device("cpu"))
    images = torch.rand(1, 3, 64, 64)
    expected = offered.model((images - network.mean) / network.deviation)
    assert torch.allclose(network(images, ["logits"])["logits"], expected, rtol=1e-3, atol=1e-4)


def test_a_file_is_recognised_by_its_hash(offered, tmp_path, folder, capsys):
    assert main(["weights", "--from", str(offered.mine)]) == 0
    assert f"The weights of {offered.name} are here." in capsys.readouterr().out
    assert [path.name for path in folder.iterdir()] == [offered.file]
    assert offered.source.find() == folder / offered.file
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(offered.mine.read_bytes()[:-1])
    assert main(["weights", "--from", str(damaged)]) == 1
    assert "damaged.pth holds no weights that are known here" in capsys.readouterr().err
    assert main(["weights", "--from", str(tmp_path / "none.pth")]) == 1
    assert "There is no file" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == [offered.file]


def test_events_of_a_download_that_is_cut_off_and_goes_on(offered, server, folder):
    server.cut_after = len(server.content) // 2
    events: list[Event] = []
    with pytest.raises(PatinaError, match=r"stopped at|cannot be downloaded"):
        fetching.ensure(offered.name, True, events.append)
    assert {(event.kind, event.stage) for event in events} == {("progress", fetching.STAGE)}
    assert 0.3 < events[-1].fraction <= 0.5
    server.cut_after = None
    fetching.ensure(offered.name, True, events.append)
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    size = len(server.content) / 1e6
    assert events[-1].message == f"{offered.file}: {size:.0f} of {size:.0f} MB"
    assert (folder / offered.file).read_bytes() == server.content
    events.clear()
    fetching.ensure(offered.name, True, events.append)  # it is here
    assert events == []
    assert len(server.ranges) == 2


def test_a_cancelled_download_is_kept(offered, server, folder):
    events: list[Event] = []
    with pytest.raises(Cancelled):
        fetching.ensure(offered.name, True, events.append, lambda: len(events) >= 5)
    here = (folder / f"{offered.file}.part").stat().st_size
    assert 0 < here < len(server.content)
    fetching.ensure(offered.name, True, events.append)
    assert server.ranges == (None, f"bytes={here}-")


def test_nothing_is_fetched_unless_it_is_allowed(offered, server):
    with pytest.raises(PatinaError, match=f"weights of {offered.name} are not here") as caught:
        fetching.ensure(offered.name, False, lambda event: None)
    assert "online access" in caught.value.cure
    assert offered.file in caught.value.cure
    assert server.ranges == ()


def _process(offered: Offered, *arguments: str) -> tuple[int, list[Event]]:
    """The command line in a process of its own, as the add-on runs it."""
    code = f"{offered.patch}import sys; from backend.__main__ import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-B", "-c", code, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        events = [event for line in child.stdout if (event := read_event(line))]
    return child.returncode, events


@pytest.mark.parametrize("offered", ["squeezenet1_1"], indirect=True)
def test_a_job_fetches_what_it_needs(offered, server, tmp_path, folder):
    """First refused, then allowed: the download's events come before the job's own."""
    target = Target("channel", layer="features.3", channel=1)
    job = Job(task="dream", targets=(target,), network=offered.name, parameterization="pixel", steps=1)
    write_job(tmp_path, replace(job, image_size=64))
    code, events = _process(offered, "run", str(tmp_path))
    assert (code, events[-1].kind, events[-1].field) == (1, "failed", "network")
    assert server.ranges == ()
    code, events = _process(offered, "run", "--online", str(tmp_path))
    assert (code, events[-1].kind) == (0, "finished"), events
    stages = [event.stage for event in events if event.stage]
    assert stages[0] == fetching.STAGE
    assert stages[-1] != fetching.STAGE
    assert (tmp_path / "image.png").is_file()


def test_the_verb_speaks_as_a_job_does(offered, server):
    code, events = _process(offered, "weights", "--events", "--fetch", offered.name)
    assert code == 0
    assert [event.kind for event in events[-2:]] == ["progress", "finished"]
    code, events = _process(offered, "weights", "--events", "--from", "/nowhere.pth")
    assert code == 1
    assert (events[-1].kind, events[-1].field) == ("failed", "weights")


def test_a_file_of_another_network_does_not_fit(tmp_path, monkeypatch):
    path = tmp_path / "state.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    entry = networks.entry("resnet18")
    source = replace(registry._EFFICIENTNET_LITE0, digest=weights.sha256(path))
    monkeypatch.setattr(registry.Packaged, "find", lambda self: path)
    with pytest.raises(PatinaError, match="do not fit resnet18"):
        registry.assemble(replace(entry, sources=(source,)))
