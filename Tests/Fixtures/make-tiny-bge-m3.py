"""Checks tiny-bge-m3, or draws other weights for it: make-tiny-bge-m3.py [--new-weights] [--folder DIR]

tiny-bge-m3 is an XLM-RoBERTa (3 layers, width 64, 4 heads, 3,002 words, no pooler) with random weights in the layout of
BAAI/bge-m3: the encoder as model.safetensors and once more as pytorch_model.bin, the heads as colbert_linear.pt (64 → 64)
and sparse_linear.pt (64 → 1), a SentencePiece model. config.json and the tokenizer's files are given.

Without arguments: fails unless both files of the encoder and both heads load strictly into their modules, and PyTorch
writes pytorch_model.bin byte for byte again from model.safetensors. Expected values elsewhere rest on these weights.

Made with torch 2.15.0, transformers 5.23.0 and safetensors 0.8.0.
"""
import argparse
import filecmp
import pathlib
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file


def modules(folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    torch.manual_seed(3)
    encoder = transformers.XLMRobertaModel(config, add_pooling_layer=False)
    width = config.hidden_size
    return encoder, {"colbert_linear.pt": torch.nn.Linear(width, width), "sparse_linear.pt": torch.nn.Linear(width, 1)}


def write_weights(folder):
    encoder, heads = modules(folder)
    tensors = {name: tensor.detach().clone() for name, tensor in encoder.named_parameters()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    torch.save(tensors, folder / "pytorch_model.bin")
    for name, head in heads.items():
        torch.save({name: tensor.detach().clone() for name, tensor in head.named_parameters()}, folder / name)


def check(folder):
    encoder, heads = modules(folder)
    stored = torch.load(folder / "pytorch_model.bin", weights_only=True)
    tensors = load_file(folder / "model.safetensors")
    encoder.load_state_dict(stored)
    encoder.load_state_dict(tensors)
    for name, head in heads.items():
        head.load_state_dict(torch.load(folder / name, weights_only=True))
    with tempfile.TemporaryDirectory() as scratch:
        again = pathlib.Path(scratch) / "pytorch_model.bin"  # its name is in it
        torch.save({name: tensors[name] for name in stored}, again)
        if not filecmp.cmp(again, folder / "pytorch_model.bin", shallow=False):
            raise SystemExit("pytorch_model.bin is not what PyTorch writes of model.safetensors")
    print(f"{len(stored)} tensors of the encoder, {len(heads)} heads: as they should be")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--new-weights", action="store_true")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(__file__).parent / "tiny-bge-m3")
    arguments = parser.parse_args()
    if arguments.new_weights:
        write_weights(arguments.folder)
    check(arguments.folder)
