"""Weights: found, checked, fetched with resume, and never trusted with code."""

from __future__ import annotations

import hashlib
import pickle
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from backend import networks, weights
from backend.__main__ import main
from backend.networks import registry
from backend.protocol import PatinaError


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
    thread = threading.Thread(target=http.serve_forever)
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


@pytest.mark.parametrize("read", [weights.read_arrays, weights.read_state_dict])
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


@pytest.mark.parametrize("name", ["googlenet", "resnet18"])
def test_torchvision_weights_from_server_to_logits(name, server, tmp_path, monkeypatch, capsys):
    """The whole way of a download, with a state dict of torchvision's own architecture."""
    entry = networks.entry(name)
    torch.manual_seed(0)
    model = entry.build().eval()
    torch.save(model.state_dict(), tmp_path / "state.pth")
    server.content = (tmp_path / "state.pth").read_bytes()
    file = f"{name}-{digest(server.content)[:8]}.pth"
    source = entry.sources[-1]
    monkeypatch.setattr(registry.Downloaded, "address", server.address.replace("weights.pth", file))

    with pytest.raises(PatinaError, match=f"networks {name} --fetch") as caught:
        registry.assemble(entry)
    assert caught.value.field == "network"
    assert main(["networks", name, "--fetch"]) == 0
    assert source.file in capsys.readouterr().out
    network = networks.load(name, torch.device("cpu"))
    images = torch.rand(1, 3, 64, 64)
    expected = model((images - network.mean) / network.deviation)
    assert torch.allclose(network(images, ["logits"])["logits"], expected, rtol=1e-3, atol=1e-4)
    weights.find_downloaded(file).unlink()
    assert main(["networks", name, "--file", str(tmp_path / "state.pth")]) == 0
    assert weights.find_downloaded(file)


def test_a_file_of_another_network_does_not_fit(tmp_path, monkeypatch):
    path = tmp_path / "state.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    entry = networks.entry("resnet18")
    source = replace(registry._EFFICIENTNET_LITE0, digest=weights.sha256(path))
    monkeypatch.setattr(registry.Packaged, "find", lambda self: path)
    with pytest.raises(PatinaError, match="do not fit resnet18"):
        registry.assemble(replace(entry, sources=(source,)))
