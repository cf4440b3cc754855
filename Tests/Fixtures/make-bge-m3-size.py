"""Writes a model of BGE-M3's shape with random weights, to try real sizes without the real model.

usage: make-bge-m3-size.py FOLDER        needs PyTorch; writes 2.3 GB in the files BAAI/bge-m3 has

24 layers of width 1024, 16 heads, 250,002 words, 8,194 positions, both heads in half precision as BAAI's are. The
tokenizer is tiny-bge-m3's: its words are the first 3,002 of the 250,002. The weights mean nothing: memory, time, and
what survives a save can be measured with it, quality cannot.
"""
import json
import os
import shutil
import sys

import torch

WIDTH, LAYERS, INNER, WORDS, POSITIONS = 1024, 24, 4096, 250_002, 8_194


def shapes():
    yield "embeddings.word_embeddings.weight", (WORDS, WIDTH)
    yield "embeddings.position_embeddings.weight", (POSITIONS, WIDTH)
    yield "embeddings.token_type_embeddings.weight", (1, WIDTH)
    yield from norm("embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            yield from linear(f"{name}.attention.{part}", WIDTH, WIDTH)
        yield from norm(f"{name}.attention.output.LayerNorm")
        yield from linear(f"{name}.intermediate.dense", WIDTH, INNER)
        yield from linear(f"{name}.output.dense", INNER, WIDTH)
        yield from norm(f"{name}.output.LayerNorm")
    yield from linear("pooler.dense", WIDTH, WIDTH)


def linear(name, inputs, outputs):
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def norm(name):
    yield f"{name}.weight", (WIDTH,)
    yield f"{name}.bias", (WIDTH,)


def main(folder):
    torch.manual_seed(0)
    tiny = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tiny-bge-m3")
    os.makedirs(folder)
    for file in ("sentencepiece.bpe.model", "tokenizer_config.json"):
        shutil.copy(os.path.join(tiny, file), folder)
    with open(os.path.join(tiny, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    config |= {
        "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 16, "intermediate_size": INNER,
        "vocab_size": WORDS, "max_position_embeddings": POSITIONS, "type_vocab_size": 1,
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
    }
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
    weights = {name: draw(name, shape) for name, shape in shapes()}
    torch.save(weights, os.path.join(folder, "pytorch_model.bin"))
    for head, outputs in (("colbert_linear", WIDTH), ("sparse_linear", 1)):
        tensors = {name[1:]: draw(name, shape).half() for name, shape in linear("", WIDTH, outputs)}
        torch.save(tensors, os.path.join(folder, f"{head}.pt"))


def draw(name, shape):
    """Norms start as the identity, biases at 0, matrices at N(0, 0.02²), as BERT's do."""
    if "LayerNorm" in name and name.endswith("weight"):
        return torch.ones(shape)
    return torch.zeros(shape) if len(shape) == 1 else torch.randn(shape) * 0.02


if __name__ == "__main__":
    main(sys.argv[1])
