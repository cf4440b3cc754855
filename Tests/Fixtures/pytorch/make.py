"""Writes the files of this folder with PyTorch: make.py. Checks that PyTorch reads what our writer wrote: make.py --check

Of each FILE.pt that is good, FILE.safetensors has what a reader must find: the tensors that convert, as float32, row
after row; of the others (integers, booleans) the tensors as they are.

ours.pt was written by this project (PyTorchWriterTests compares its bytes); --check loads it with weights_only=True.

Made with Python 3.11, torch 2.15.0 and safetensors 0.8.0.
"""

import os
import pathlib
import sys
import zipfile

import torch
from safetensors.torch import load_file, save_file

here = pathlib.Path(__file__).parent

numbers = torch.tensor(
    [0.0, -0.0, 1.0, -2.5, 1 / 3, 65504.0, 6e-8, 6.1e-5, -1e-3, 3.4e38, 1e-40, float("inf"), float("-inf")],
    dtype=torch.float64,
)


def counting(*shape):
    """-0.5, -0.25, 0 … in this shape."""
    return (torch.arange(torch.Size(shape).numel(), dtype=torch.float32) / 4 - 0.5).reshape(shape)


def types():
    return {
        "F32": numbers.to(torch.float32),
        "F16": numbers.to(torch.float16),
        "BF16": numbers.to(torch.bfloat16),
        "F64": numbers,
        "I64": torch.tensor([-7, 2**40, 5]),
        "I32": torch.tensor([-7, 2**30], dtype=torch.int32),
        "I16": torch.tensor([-7, 2**14], dtype=torch.int16),
        "I8": torch.tensor([-7, 127], dtype=torch.int8),
        "U8": torch.tensor([7, 255], dtype=torch.uint8),
        "BOOL": torch.tensor([True, False]),
    }


def views():
    shared, cube, half = counting(6, 4), counting(2, 3, 4), counting(3, 5).to(torch.float16)
    return {
        "shared": shared,
        "shared.rows": shared[2:4],
        "shared.columns": shared[:, 1:3],
        "shared.every-other": shared[::2],
        "shared.transposed": shared.T,
        "shared.element": shared[3, 2],
        "shared.none": shared[4:4],
        "shared.expanded": shared[0].expand(3, 4),
        "permuted": cube.permute(2, 0, 1),
        "half.transposed": half.T,
        "column": counting(5, 1).T,
        "scalar": torch.tensor(3.25),
        "empty": torch.zeros(0, 4),
        'weird "name"\t é 語 🙂': torch.tensor([1.5]),
        "parameter": torch.nn.Parameter(counting(3)),
        "ids.transposed": torch.arange(6).reshape(2, 3).T,
    }


def ours():
    return {
        "weight": counting(4, 6),
        "bias": torch.tensor([0.125, -0.0, float("inf"), 2.0**-140]),
        "scalar": torch.tensor(3.25),
        "empty": torch.zeros(2, 0, 3),
        "ids": torch.tensor([-7, 2**40, 5]),
        'weird "name"\t é 語 🙂': torch.tensor([3.25]),
    }


class Module(torch.nn.Module):
    """One whose state dict is an OrderedDict with `_metadata`, and tied weights, as those of `transformers` once were."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.linear = torch.nn.Linear(3, 2)
        self.norm = torch.nn.LayerNorm(2)
        self.tied = torch.nn.Linear(3, 2, bias=False)
        self.tied.weight = self.linear.weight
        self.register_buffer("position_ids", torch.arange(4).expand((1, -1)))


class Command:
    """What its pickle runs when it is loaded: a program of the attacker's choice."""

    def __reduce__(self):
        return os.system, ("touch colbert-was-here",)


def save(name, tensors, **options):
    torch.save(tensors, here / f"{name}.pt", **options)
    expected = {
        key: (tensor.detach().to(torch.float32) if tensor.is_floating_point() else tensor).contiguous().clone()
        for key, tensor in tensors.items()
    }
    save_file(expected, here / f"{name}.safetensors")


def write():
    save("types", types())
    save("views", views())
    save("module", Module().state_dict())
    save("protocol-3", Module().state_dict(), pickle_protocol=3)
    save("protocol-4", Module().state_dict(), pickle_protocol=4)
    torch.serialization.set_crc32_options(False)
    save("without-crc", Module().state_dict())
    torch.serialization.set_crc32_options(True)

    save_file(ours(), here / "ours.safetensors")

    # What is refused.
    torch.save(Module().state_dict(), here / "bad-legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(Module(), here / "bad-module.pt")
    torch.save(counting(3), here / "bad-tensor.pt")
    torch.save({"state_dict": Module().state_dict(), "epoch": 3}, here / "bad-checkpoint.pt")
    torch.save({"weight": counting(3), "quantized": torch.quantize_per_tensor(counting(3), 0.1, 0, torch.qint8)},
               here / "bad-quantized.pt")
    torch.save({"weight": torch.zeros(2, 2).to_sparse()}, here / "bad-sparse.pt")
    torch.save({"weight": torch.zeros(3).to(torch.float8_e4m3fn)}, here / "bad-float8.pt")
    torch.save({"weight": torch.conj(torch.zeros(3, dtype=torch.complex64))}, here / "bad-complex.pt")
    torch.save({"weight": counting(3), "bias": Command()}, here / "bad-malicious.pt")
    torch.jit.script(torch.nn.Linear(1, 1)).save(here / "bad-script.pt")
    with zipfile.ZipFile(here / "module.pt") as source:
        with zipfile.ZipFile(here / "bad-compressed.pt", "w", zipfile.ZIP_DEFLATED) as target:
            for name in source.namelist():
                target.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)
        with zipfile.ZipFile(here / "bad-byte-order.pt", "w", zipfile.ZIP_STORED) as target:
            for name in source.namelist():
                data = b"big" if name.endswith("byteorder") else source.read(name)
                target.writestr(zipfile.ZipInfo(name), data)


def check():
    read, expected = torch.load(here / "ours.pt", weights_only=True), ours()
    assert list(read) == list(expected), list(read)
    for name, tensor in read.items():
        assert tensor.dtype == expected[name].dtype and tensor.shape == expected[name].shape, name
        assert tensor.is_contiguous() and torch.equal(tensor, expected[name]), name
    print(f"ours.pt: {len(read)} tensors, as they should be")


if sys.argv[1:] == ["--check"]:
    check()
elif not sys.argv[1:]:
    write()
else:
    raise SystemExit(__doc__)
