"""Writes losses.json: scores of a batch, a teacher's scores, and what PyTorch makes of them under objectives that teach;
and matryoshka.json: token vectors of a batch, and what it makes of them under losses summed over dimensions.

Run as `python make.py` beside the file, with `pip install torch` (made with 2.15, in float64). The seed is fixed, so a
second run writes the same bytes. Losses are torch.nn's: MSELoss of margins, as sentence-transformers' MarginMSELoss has it;
KLDivLoss('batchmean') of log-softmaxes over a query's own documents, as PyLate's Distillation has it, whose teacher's entropy
is added back, since it is a constant that our loss leaves out; CrossEntropyLoss over all documents. Dimensions are summed
as by sentence-transformers' MatryoshkaLoss: the first components, F.normalize, the loss, its weight.
"""

import json
import pathlib

import torch
from torch.nn import CrossEntropyLoss, KLDivLoss, MSELoss

QUERIES, OWN = 3, 4
TEMPERATURE, TEACHER_TEMPERATURE = 1.5, 2.0


def own(matrix):
    return torch.stack([row[query * OWN : (query + 1) * OWN] for query, row in enumerate(matrix)])


def contrastive(logits):
    return CrossEntropyLoss()(logits, torch.arange(QUERIES) * OWN)


def margin_mse(logits, teacher):
    student = own(logits)
    return MSELoss()(student[:, :1] - student[:, 1:], teacher[:, :1] - teacher[:, 1:])


def distillation(logits, teacher):
    probabilities = teacher.softmax(1)
    entropy = -(probabilities * probabilities.log()).sum(1).mean()
    return KLDivLoss(reduction="batchmean")(own(logits).log_softmax(1), probabilities) + entropy


def max_sim(queries, documents, mean):
    reduce = torch.Tensor.mean if mean else torch.Tensor.sum
    return torch.stack([torch.stack([reduce((q @ d.T).max(1).values) for d in documents]) for q in queries])


def matryoshka():
    """The whole vectors are of length 1, as our head gives them; their gradient is of the loss as a function of them."""
    torch.manual_seed(6)
    width, dimensions, weights = 12, [12, 7, 3], [1.0, 0.5, 2.0]
    lengths = {"queries": [3, 1, 4], "documents": [5, 2, 1, 6, 3, 4, 2, 2, 7, 1, 3, 4]}
    vectors = {
        name: torch.nn.functional.normalize(torch.randn(sum(counts), width, dtype=torch.float64)).float().double()
        .requires_grad_() for name, counts in lengths.items()}
    teacher = (4 * torch.randn(QUERIES, OWN)).double() / TEACHER_TEMPERATURE

    def logits(dimension, mean):
        def shrunk(name):
            rows = vectors[name]
            if dimension < width:
                rows = torch.nn.functional.normalize(rows[:, :dimension], dim=1)
            return rows.split(lengths[name])
        return max_sim(shrunk("queries"), shrunk("documents"), mean) / 0.5

    def loss(mean, chosen, of):
        return sum(weight * of(logits(dimension, mean)) for dimension, weight in chosen)

    whole, narrower = list(zip(dimensions, weights)), list(zip(dimensions, weights))[1:]
    losses = {
        "sums": loss(False, whole, contrastive),
        "means": loss(True, whole, contrastive),
        "without the whole": loss(False, narrower, contrastive),
        "margin_mse": loss(False, whole, lambda x: margin_mse(x, teacher)),
        "kl": loss(False, whole, lambda x: distillation(x, teacher) + contrastive(x)),
    }
    names = list(vectors)
    return {
        "width": width, "dimensions": dimensions, "weights": weights, "temperature": 0.5,
        "teacher": (teacher * TEACHER_TEMPERATURE).tolist(), "teacher_temperature": TEACHER_TEMPERATURE,
        "lengths": lengths, "vectors": {name: rows.tolist() for name, rows in vectors.items()},
        "losses": {name: value.item() for name, value in losses.items()},
        "gradients": {
            name: dict(zip(names, [part.tolist() for part in torch.autograd.grad(value, [vectors[n] for n in names])]))
            for name, value in losses.items()}}


def main():
    torch.manual_seed(5)
    # float32's values, so that the trainer reads the very same.
    scores = (6 * torch.randn(QUERIES, QUERIES * OWN)).float().double().requires_grad_()
    teacher = (4 * torch.randn(QUERIES, OWN)).double()
    logits, taught = scores / TEMPERATURE, teacher / TEACHER_TEMPERATURE
    losses = {
        "margin_mse": margin_mse(logits, taught),
        "margin_mse + 0.5 contrastive": margin_mse(logits, taught) + 0.5 * contrastive(logits),
        "kl alone": distillation(logits, taught),
        "0.3 kl + contrastive": 0.3 * distillation(logits, taught) + contrastive(logits),
    }
    found = {
        "temperature": TEMPERATURE, "teacher_temperature": TEACHER_TEMPERATURE, "scores": scores.tolist(),
        "teacher": teacher.tolist(), "losses": {name: loss.item() for name, loss in losses.items()},
        "gradients": {
            name: torch.autograd.grad(loss, scores, retain_graph=True)[0].tolist() for name, loss in losses.items()}}
    for name, content in [("losses", found), ("matryoshka", matryoshka())]:
        pathlib.Path(__file__).with_name(f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
