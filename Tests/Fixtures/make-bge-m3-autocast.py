"""Remakes bge-m3-autocast.json: make-bge-m3-autocast.py [--sets 64]

How far PyTorch's losses of tiny-bge-m3 are off when the encoder computes under bfloat16 autocast and all after it in
float32: the root mean square, over models whose weights are those of tiny-bge-m3 times 1 + z, z uniform within
0.03, of loss - loss in float64. The error of one model is a draw of noise around zero, by chance large or small.
"""
import argparse
import importlib
import json
import os

import torch

bge_m3 = importlib.import_module("make-bge-m3-reference")
SPREAD = 0.03


def losses(model, given, teacher, rounds):
    encoder = model.encoder

    class Rounded(torch.nn.Module):
        def forward(self, ids):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=rounds):
                output = encoder(ids)
            output.last_hidden_state = output.last_hidden_state.to(encoder.dtype)
            return output

    model.encoder = Rounded()
    torch.set_default_dtype(encoder.dtype)
    queries, passages = bge_m3.encoded(model, given["query_ids"]), bge_m3.encoded(model, given["passage_ids"])
    model.encoder = encoder
    found = bge_m3.objectives(bge_m3.scores(queries, passages), given["temperature"], teacher.to(encoder.dtype))
    return {name: loss.item() for name, loss in found.items()}


@torch.no_grad()
def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sets", type=int, default=64)
    sets = arguments.parse_args().sets
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(f"{folder}/bge-m3.json", encoding="utf-8") as file:
        given = json.load(file)
    teacher, model = bge_m3.teacher_of(folder), bge_m3.BGEM3(f"{folder}/tiny-bge-m3")
    weights = {name: tensor.clone() for name, tensor in model.parameters().items()}
    torch.manual_seed(0)
    squares = {}
    for _ in range(sets):
        for name, tensor in model.parameters().items():
            tensor.copy_((weights[name] * (1 + SPREAD * (2 * torch.rand_like(weights[name]) - 1))).float())
        exact = losses(model, given, teacher, rounds=False)
        model.encoder.float(), model.heads.float()
        rounded = losses(model, given, teacher, rounds=True)
        model.encoder.double(), model.heads.double()
        for name, loss in exact.items():
            squares[name] = squares.get(name, 0) + (rounded[name] - loss) ** 2
    figures = {name: float(f"{(total / sets) ** 0.5:.3g}") for name, total in squares.items()}
    with open(f"{folder}/bge-m3-autocast.json", "w", encoding="utf-8") as file:
        json.dump({"sets": sets, "spread": SPREAD, "loss_rms": figures}, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
