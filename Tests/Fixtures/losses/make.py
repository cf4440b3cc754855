"""Writes losses.json: scores of a batch, a teacher's scores, and what PyTorch makes of them under objectives that teach.

Run as `python make.py` beside the file, with `pip install torch` (made with 2.15, in float64). The seed is fixed, so a
second run writes the same bytes. Losses are torch.nn's: MSELoss of margins, as sentence-transformers' MarginMSELoss has it;
KLDivLoss('batchmean') of log-softmaxes over a query's own documents, as PyLate's Distillation has it, whose teacher's entropy
is added back, since it is a constant that our loss leaves out; CrossEntropyLoss over all documents.
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
    pathlib.Path(__file__).with_name("losses.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
