"""ColBERT on a BERT encoder, in float64 by PyTorch and transformers: where the fixtures' expected numbers come from.

Nothing is shared with the trainer. A text is encoded alone, without padding, so no mask but that of query expansion
exists. Needs torch, transformers, tokenizers and safetensors (2.15, 5.23, 0.23 and 0.8 were used).
"""
import argparse
import json
import sys
from dataclasses import dataclass

import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

torch.set_default_dtype(torch.float64)


@dataclass
class Tokens:
    ids: list  # what the encoder sees
    attended: list  # 1: a key for the others; 0: a [MASK] of query expansion, which asks but is not asked
    kept: list  # places whose vectors count in MaxSim


class Vocabulary:
    """Token ids as ColBERT lays them: [CLS], a marker, the text, [SEP]; lengths count all of them."""

    def __init__(self, tokenizer, query_marker, document_marker, skipped_words):
        self.tokenizer = tokenizer
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.markers = {"query": self.id(query_marker), "document": self.id(document_marker)}
        self.skipped = {self.id(word) for word in skipped_words}

    def id(self, token):
        found = self.tokenizer.token_to_id(token)
        assert found is not None, f"{token!r} is not in the vocabulary"
        return found

    def marked(self, role, text, length):
        pieces = self.tokenizer.encode(text, add_special_tokens=False).ids[: length - 3]
        return [self.id("[CLS]"), self.markers[role], *pieces, self.id("[SEP]")]

    def query(self, text, length):
        ids = self.marked("query", text, length)
        expansion = length - len(ids)
        return Tokens(
            ids + [self.id("[MASK]")] * expansion, [1] * len(ids) + [0] * expansion, list(range(length)))

    def document(self, text, length):
        ids = self.marked("document", text, length)
        return Tokens(ids, [1] * len(ids), [place for place, id in enumerate(ids) if id not in self.skipped])


class ColBERT:
    """The encoder of a Hugging Face folder and a projection [dimension × width] without bias."""

    def __init__(self, folder, head):
        with open(f"{folder}/config.json") as file:
            config = BertConfig(**json.load(file), attn_implementation="eager")
        self.encoder = BertModel(config, add_pooling_layer=False).double().eval()
        self.encoder.load_state_dict(encoder_weights(f"{folder}/model.safetensors"))
        self.head = torch.nn.Parameter(head.double())

    def parameters(self):
        """Every trained tensor under its Hugging Face name without prefix; the head is `linear.weight`."""
        return {**dict(self.encoder.named_parameters()), "linear.weight": self.head}

    def vectors(self, tokens):
        """[kept tokens × dimension], each of length one."""
        hidden = self.encoder(
            input_ids=torch.tensor([tokens.ids]), attention_mask=torch.tensor([tokens.attended])).last_hidden_state[0]
        return torch.nn.functional.normalize(hidden[tokens.kept] @ self.head.T, dim=-1)


def encoder_weights(path):
    """The encoder's own tensors: without prefix, pooler and buffers, LayerNorm's old names made new."""
    weights = {}
    for name, tensor in load_file(path).items():
        name = name.removeprefix("bert.").replace("LayerNorm.gamma", "LayerNorm.weight")
        name = name.replace("LayerNorm.beta", "LayerNorm.bias")
        if name.startswith(("embeddings.", "encoder.")) and not name.endswith("position_ids"):
            weights[name] = tensor.double()
    return weights


def similarities(queries, documents):
    """The similarity of every query token with every document token, [queries][documents] of matrices."""
    return [[query @ document.T for document in documents] for query in queries]


def max_sim(matrices):
    """Scores [queries × documents]: the sum over query tokens of the maximum over document tokens."""
    return torch.stack([torch.stack([matrix.max(dim=1).values.sum() for matrix in row]) for row in matrices])


def smallest_gap(matrices):
    """How far the best document token is before the second best, at the closest of all (query token, document)."""
    best = [matrix.detach().topk(2, dim=1).values for row in matrices for matrix in row if matrix.shape[1] > 1]
    return min(float((pair[:, 0] - pair[:, 1]).min()) for pair in best)


def contrastive(scores, targets, temperature):
    """Cross-entropy of each query over all documents, mean over queries."""
    return torch.nn.functional.cross_entropy(scores / temperature, torch.tensor(targets))


def gradients(loss, parameters):
    """∂loss/∂parameter by name; `key.bias` gets its true zero: what all keys of a row share changes no softmax."""
    found = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values()))))
    for name in found:
        if name.endswith("key.bias"):
            assert found[name].abs().max() < 1e-12, name
            found[name] = torch.zeros_like(found[name])
    return found


def rate_factor(step, steps, warmup):
    """The learning rate's factor at a step from 0: up over the warm-up, then down to zero."""
    return (step + 1) / warmup if step < warmup else (steps - step) / (steps - warmup)


def adamw_run(model, loss_of_batch, steps, learning_rate, warmup, weight_decay, clip_norm):
    """Losses, norms before clipping and learning rates of `steps` updates; leaves the model trained.

    PyTorch's own AdamW (betas 0.9 and 0.999, epsilon 1e-8); matrices decay, biases and norms do not.
    """
    parameters = model.parameters()
    matrices = [tensor for tensor in parameters.values() if tensor.dim() == 2]
    others = [tensor for tensor in parameters.values() if tensor.dim() != 2]
    optimizer = torch.optim.AdamW([
        {"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}])
    curve = {"losses": [], "gradient_norms": [], "learning_rates": []}
    for step in range(steps):
        loss = loss_of_batch(model)
        for name, gradient in gradients(loss, parameters).items():
            parameters[name].grad = gradient
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * rate_factor(step, steps, warmup)
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), clip_norm)
        optimizer.step()
        curve["losses"].append(float(loss.detach()))
        curve["gradient_norms"].append(float(norm))
        curve["learning_rates"].append(optimizer.param_groups[0]["lr"])
    return curve


def drawn(shape, spread, generator, centre=0.0):
    """Normal float32 weights around a centre."""
    return (centre + spread * torch.randn(shape, generator=generator)).float()


# -- Expected files


def arguments(description, folder):
    """The command line of a script that makes expected files."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="compare the stored files with what is computed")
    mode.add_argument("--new-weights", action="store_true", help="draw the model's weights first")
    parser.add_argument("--folder", default=folder, help="where the files are (default: beside the script)")
    return parser.parse_args()


def write_or_check(arguments, tables, texts):
    if not arguments.check:
        write(tables, texts)
    elif not check(tables, texts, tolerance=1e-6):
        sys.exit("the stored files are not what was computed")


def single(tensors):
    """As files hold them: float32."""
    return {name: tensor.detach().float().contiguous() for name, tensor in tensors.items()}


def write(tables, texts):
    """tables: path → tensors; texts: path → what is written as JSON."""
    for path, tensors in tables.items():
        save_file(tensors, path)
    for path, text in texts.items():
        with open(path, "w", encoding="utf-8") as file:
            json.dump(text, file, ensure_ascii=False, indent=1)
            file.write("\n")


def check(tables, texts, tolerance):
    """Prints how far each stored file is from what was computed; true if none is farther than the tolerance.

    Tensors by ‖a − b‖ / ‖b‖, the worst of a file; those that should be zero by their size. Integers must be the same.
    """
    good = True
    for path, tensors in tables.items():
        stored = load_file(path)
        assert stored.keys() == tensors.keys(), f"{path}: {sorted(stored.keys() ^ tensors.keys())}"
        size = max(float(tensor.double().norm()) for tensor in tensors.values())
        worst = max((distance(stored[name], tensors[name], 1e-6 * size), name) for name in tensors)
        good = report(path, worst[0], tolerance, worst[1]) and good
    for path, text in texts.items():
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
        for key, value in text.items():
            good = report(f"{path} {key}", difference(stored[key], value), tolerance) and good
    return good


def report(what, far, tolerance, where=""):
    print(f"{'ok' if far <= tolerance else 'FAR'}  {far:.1e}  {what} {where}")
    return far <= tolerance


def distance(stored, computed, smallest):
    assert stored.shape == computed.shape, f"{tuple(stored.shape)} stored, {tuple(computed.shape)} computed"
    return float((stored.double() - computed.double()).norm() / computed.double().norm().clamp(min=smallest))


def difference(stored, computed):
    """The largest relative difference of two JSON values of one shape; 1 where anything but a fraction differs."""
    if isinstance(computed, dict):
        return max((difference(stored[key], computed[key]) for key in computed), default=0.0)
    if isinstance(computed, list):
        if len(stored) != len(computed):
            return 1.0
        return max((difference(a, b) for a, b in zip(stored, computed)), default=0.0)
    if isinstance(computed, float):
        return abs(stored - computed) / max(abs(computed), 1e-12)
    return 0.0 if stored == computed else 1.0
