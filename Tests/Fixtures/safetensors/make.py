"""Writes the files of this folder with the reference implementation.

Made with Python 3, numpy 2.4.6, torch 2.15.0 and safetensors 0.8.0: `python3 make.py`.
"""

import pathlib

import numpy
import safetensors.numpy
import safetensors.torch
import torch

here = pathlib.Path(__file__).parent

# What our writer can write, too: its bytes must be these.
safetensors.numpy.save_file(
    {
        "vectors": (numpy.arange(6, dtype=numpy.float32) / 4 - 0.5).reshape(3, 2),
        "starts": numpy.array([0, 1, 3], dtype=numpy.int64),
        "ids": numpy.array([-7, 2**40, 5], dtype=numpy.int64),
        'weird "name"\\\t é 語 🙂': numpy.array([1.5], dtype=numpy.float32),
        "scalar": numpy.array(3.25, dtype=numpy.float32),
        "empty": numpy.zeros((0, 4), dtype=numpy.float32),
    },
    here / "reference.safetensors",
    metadata={"format": 'pt "quoted" \n 語'},
)

# The same numbers in the types that are converted, and as float32 what they convert to.
numbers = torch.tensor(
    [0.0, -0.0, 1.0, -2.5, 1 / 3, 65504.0, 6e-8, 6.1e-5, -1e-3, 3.4e38, 1e-40, float("inf"), float("-inf")],
    dtype=torch.float64,
)
tensors = {"F64": numbers, "F16": numbers.to(torch.float16), "BF16": numbers.to(torch.bfloat16)}
tensors |= {f"{name}.as.F32": tensor.to(torch.float32) for name, tensor in list(tensors.items())}
safetensors.torch.save_file(tensors | {"flags": torch.tensor([True])}, here / "types.safetensors")
