"""Remakes or checks what is expected of tiny-bge-m3: make-bge-m3-reference.py [--check] [--folder DIR]

tiny-bge-m3 (make-tiny-bge-m3.py) and the 12 rows of bge-m3-train.jsonl are given, and so are the settings and the token
ids in bge-m3.json, which the Hugging Face tokenizer made; from them come, in float64:

  bge-m3.json                     the loss of each objective, and a run's curve
  bge-m3-forward.safetensors      of all queries and of all passages, end to end: hidden states, ColBERT vectors, dense and
                                  sparse vectors; scores without temperature
  bge-m3-grad-NAME.safetensors    gradients of an objective, of those files that are there
  bge-m3-trained.safetensors      the parameters after the run

--check compares the stored files with what is computed, prints the differences and fails above 1e-6.
Formulas: FlagEmbedding's m3/modeling.py and AbsModeling.py.
"""
import json
import os

import torch
from torch.nn.functional import cross_entropy, log_softmax, normalize
from transformers import XLMRobertaConfig, XLMRobertaModel
from safetensors.torch import load_file

import reference

WEIGHTLESS = [0, 1, 2, 3]  # <s>, <pad>, </s>, <unk>


class BGEM3:
    """The encoder and two heads; a text is encoded alone, without padding."""

    def __init__(self, folder):
        config = XLMRobertaConfig.from_pretrained(folder, attn_implementation="eager")
        self.encoder = XLMRobertaModel(config, add_pooling_layer=False).double().eval()
        self.encoder.load_state_dict(load_file(f"{folder}/model.safetensors"))
        self.words = config.vocab_size
        self.heads = torch.nn.ModuleDict({
            "colbert_linear": torch.nn.Linear(config.hidden_size, config.hidden_size),
            "sparse_linear": torch.nn.Linear(config.hidden_size, 1)}).double()
        for name, head in self.heads.items():
            head.load_state_dict(torch.load(f"{folder}/{name}.pt", weights_only=True))

    def parameters(self):
        return dict(self.encoder.named_parameters()) | dict(self.heads.named_parameters())

    def encode(self, ids):
        """Hidden states, ColBERT vectors, the dense and the sparse vector of one text."""
        hidden = self.encoder(torch.tensor([ids])).last_hidden_state[0]
        weights = torch.relu(self.heads["sparse_linear"](hidden)[:, 0])
        sparse = torch.zeros(self.words).scatter_reduce(0, torch.tensor(ids), weights, "amax")
        counted = torch.ones(self.words)
        counted[WEIGHTLESS] = 0
        colbert = normalize(self.heads["colbert_linear"](hidden[1:]), dim=-1)
        return hidden, colbert, normalize(hidden[0], dim=-1), sparse * counted


def encoded(model, texts):
    return [list(kind) for kind in zip(*map(model.encode, texts))]


def scores(queries, passages):
    """Without temperature: ColBERT, dense and sparse, `[queries × passages]`."""
    colbert = torch.stack([torch.stack([(q @ p.T).amax(1).mean() for p in passages[1]]) for q in queries[1]])
    return {
        "colbert": colbert, "dense": torch.stack(queries[2]) @ torch.stack(passages[2]).T,
        "sparse": torch.stack(queries[3]) @ torch.stack(passages[3]).T}


def softly(teacher, logits):
    return -(teacher * log_softmax(logits, dim=1)).sum(1).mean()


def objectives(scores, temperature, teacher):
    """The losses of one batch by name; `teacher` `[queries × own passages]`, each query's passages lie together."""
    logits = {name: matrix / temperature for name, matrix in scores.items()}
    count, group = teacher.shape
    first = torch.arange(count) * group
    colbert = logits["colbert"]
    own = torch.stack([row[start : start + group] for row, start in zip(colbert, first)])

    def contrastive(name):
        return cross_entropy(logits[name], first)

    def listwise():
        total = 0
        for i in range(group):
            masked = colbert.clone()
            for row, start in enumerate(first):
                masked[row, start : start + i] = -torch.inf
            total = total + (teacher[:, i] * cross_entropy(masked, first + i, reduction="none")).mean()
        return total

    logits["ensemble"] = logits["dense"] + 0.3 * logits["sparse"] + colbert
    unified = (
        contrastive("dense") + contrastive("ensemble") + 0.1 * contrastive("sparse") + contrastive("colbert")) / 4
    together = logits["ensemble"].detach().softmax(1)
    own_teacher = (
        softly(together, logits["dense"]) + 0.1 * softly(together, logits["sparse"]) + softly(together, colbert)) / 3
    return {
        "infonce": contrastive("colbert"), "infonce-kl": contrastive("colbert") + softly(teacher, own),
        "m3-kd": listwise(), "unified": unified, "unified-self-distill": (unified + own_teacher) / 2}


def gradients(loss, parameters):
    """By name; what the loss does not reach gets zeros, and `key.bias` its true zero."""
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, retain_graph=True)
    return {
        name: torch.zeros_like(tensor) if gradient is None or name.endswith("key.bias") else gradient
        for (name, tensor), gradient in zip(parameters.items(), found)}


def run(model, loss_of_batch, settings):
    """Losses and norms of PyTorch's own AdamW; every parameter that has a gradient decays."""
    parameters = model.parameters()
    optimizer = torch.optim.AdamW(
        parameters.values(), betas=settings["betas"], eps=settings["eps"], weight_decay=settings["weight_decay"])
    curve = {"loss_curve": [], "grad_norms": []}
    for step in range(settings["steps"]):
        loss = loss_of_batch()
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), settings["clip_norm"])
        for group in optimizer.param_groups:
            group["lr"] = settings["lr"] * reference.rate_factor(step, settings["steps"], settings["warmup_steps"])
        optimizer.step()
        curve["loss_curve"].append(float(loss.detach()))
        curve["grad_norms"].append(float(norm))
    return curve


def teacher_of(folder):
    rows = [json.loads(line) for line in open(f"{folder}/bge-m3-train.jsonl", encoding="utf-8")]
    return torch.tensor([row["pos_scores"] + row["neg_scores"] for row in rows]).double().softmax(1)


def expected(folder):
    with open(f"{folder}/bge-m3.json", encoding="utf-8") as file:
        given = json.load(file)
    model, teacher = BGEM3(f"{folder}/tiny-bge-m3"), teacher_of(folder)

    def pass_over_all():
        queries, passages = encoded(model, given["query_ids"]), encoded(model, given["passage_ids"])
        return queries, passages, scores(queries, passages)

    queries, passages, matrices = pass_over_all()
    forward = {f"scores.{name}": matrix for name, matrix in matrices.items()}
    for role, texts in [("query", queries), ("passage", passages)]:
        for kind, name in enumerate(["hidden", "colbert", "dense", "sparse"]):
            forward[f"{role}.{name}"] = torch.stack(texts[kind]) if kind > 1 else torch.cat(texts[kind])
    tables = {f"{folder}/bge-m3-forward.safetensors": reference.single(forward)}
    losses = objectives(matrices, given["temperature"], teacher)
    for name, loss in losses.items():
        path = f"{folder}/bge-m3-grad-{name}.safetensors"
        if os.path.exists(path):
            tables[path] = reference.single(gradients(loss, model.parameters()))
    given["losses"] = {name: loss.item() for name, loss in losses.items()}

    settings = given["training"]
    settings |= run(
        model, lambda: objectives(pass_over_all()[2], given["temperature"], teacher)[settings["loss"]], settings)
    tables[f"{folder}/bge-m3-trained.safetensors"] = reference.single(model.parameters())
    return tables, {f"{folder}/bge-m3.json": given}


def main():
    arguments = reference.arguments(__doc__, os.path.dirname(os.path.abspath(__file__)))
    if arguments.new_weights:
        raise SystemExit("make-tiny-bge-m3.py draws the weights")
    reference.write_or_check(arguments, *expected(arguments.folder))


if __name__ == "__main__":
    main()
