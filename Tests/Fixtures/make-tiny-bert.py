"""Makes or checks tiny-bert and what is expected of it: make-tiny-bert.py [--check | --new-weights] [--folder DIR]

tiny-bert is a plain BERT as the first releases were published, of odd sizes (3 layers, width 40, 5 heads, intermediate
72): tensors under `bert.`, LayerNorm's gamma and beta, a pooler, a pre-training head, the buffer of position ids, and
vocab.txt for a tokenizer. It has no ColBERT head: that of the expected numbers, 40 → 24, is tiny-bert-head.safetensors.
On the five rows of tiny-bert-train.jsonl (a positive and none, one or two negatives each) come, in float64:

  tiny-bert.json                     ids, attention, kept places, scores, loss, and the curve of six updates
  tiny-bert-vectors.safetensors      query.N and document.N, [kept tokens × 24]
  tiny-bert-gradients.safetensors    gradients of the loss
  tiny-bert-trained.safetensors      the parameters after the six updates

A query's documents lie together, the positive first. The limits of 12 and 24 tokens count [CLS], the marker
([unused0], [unused1]), [SEP] and the expansion. No dropout.

What PyTorch reaches in float32 against these numbers (‖a − b‖ / ‖b‖ over all tensors): vectors 3.4e-7, gradients 9.3e-7
(worst tensor 1.6e-6), trained parameters 8.5e-6 of the way they went; losses of the run 2.6e-6, gradient norms 2.1e-6.

--check compares the stored files with what is computed, prints the differences and fails above 1e-6.
--new-weights first writes the folder, the head and the rows, until no MaxSim winner of any update is nearly tied.
"""
import json
import os
import string
import sys

import torch
from safetensors.torch import load_file, save_file
from tokenizers import BertWordPieceTokenizer

import reference
from reference import ColBERT, Vocabulary, drawn

LAYERS, WIDTH, HEADS, INTERMEDIATE, POSITIONS, DIMENSION = 3, 40, 5, 72, 32, 24
LENGTHS = {"query": 12, "document": 24}
TEMPERATURE = 0.5
RUN = {"steps": 6, "learning_rate": 1e-3, "warmup": 2, "weight_decay": 0.01, "clip_norm": 1.0}
CLEAR = 3e-5  # a gap that honest float32 rounding does not close, after six updates either

ROWS = [
    {"query": "how do tides follow the moon", "pos": [
        "The moon pulls the sea towards it; twice a day, the tide rises and falls. The sun's pull is weaker."], "neg": [
        "A tidy desk follows a tidy mind.", "?!"]},
    {"query": "Crème brûlée: which sugar, and how hot is the flame under the grill of an old kitchen oven?", "pos": [
        "Brown sugar burns; white sugar, under a hot flame, turns to glass."], "neg": []},
    {"query": "GPL-3.0 or MIT", "pos": [
        "The MIT licence lets you do nearly anything (keep the notice!), the GPL asks you to share the source."],
        "neg": ["An MIT course on tides, e.g. 12.808, needs no licence."]},
    {"query": "東京 weather", "pos": ["東京 is hot & wet in July: 31 °C; rain falls on 12 days."], "neg": [
        "Rain in July falls, and rises, and falls again, until the old kitchen under the glass roof"
        " is under water too."]},
    {"query": "why is the sky blue", "pos": ["Air scatters blue light more than red light."], "neg": [
        "The sea is blue; it mirrors the sky.", "\U0001F409 weather: unknown"]},
]


def vocabulary_lines():
    """BERT's special tokens, punctuation, letters and digits at a word's start and inside it, words, endings."""
    characters = string.ascii_lowercase + string.digits
    words = """the a of and is in to it how do on or under you which why moon sea sun tide tid rise fall pull sugar hot
        flame glass kitchen licen source share weather rain day blue sky light water red white brown old air need follow
        sc mit gpl un known until again more than towards twice 東""".split()
    endings = ["##s", "##ing", "##er", "##ce", "##ly", "##y", "##es", "##at", "##ter", "##any"]
    lines = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.punctuation, *characters]
    lines += [f"##{character}" for character in characters] + words + endings
    return list(dict.fromkeys(lines))


def write_folder(folder, seed):
    """The model's folder, its head and the rows."""
    os.makedirs(f"{folder}/tiny-bert", exist_ok=True)
    generator, lines = torch.Generator().manual_seed(seed), vocabulary_lines()
    config = {
        "architectures": ["BertModel"], "attention_probs_dropout_prob": 0.0, "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0, "hidden_size": WIDTH, "initializer_range": 0.02, "intermediate_size": INTERMEDIATE,
        "layer_norm_eps": 1e-12, "max_position_embeddings": POSITIONS, "model_type": "bert",
        "num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "pad_token_id": 0, "type_vocab_size": 2,
        "vocab_size": len(lines)}
    weights = {}

    def matrix(name, *shape):
        weights[name] = drawn(shape, 0.15, generator)

    def linear(name, outputs, inputs):
        matrix(f"{name}.weight", outputs, inputs)
        matrix(f"{name}.bias", outputs)

    def norm(name):
        weights[f"{name}.LayerNorm.gamma"] = drawn([WIDTH], 0.1, generator, centre=1.0)
        weights[f"{name}.LayerNorm.beta"] = drawn([WIDTH], 0.1, generator)

    for name, rows in (("word", len(lines)), ("position", POSITIONS), ("token_type", 2)):
        matrix(f"bert.embeddings.{name}_embeddings.weight", rows, WIDTH)
    norm("bert.embeddings")
    for layer in (f"bert.encoder.layer.{number}" for number in range(LAYERS)):
        for name in ("query", "key", "value"):
            linear(f"{layer}.attention.self.{name}", WIDTH, WIDTH)
        linear(f"{layer}.attention.output.dense", WIDTH, WIDTH)
        norm(f"{layer}.attention.output")
        linear(f"{layer}.intermediate.dense", INTERMEDIATE, WIDTH)
        linear(f"{layer}.output.dense", WIDTH, INTERMEDIATE)
        norm(f"{layer}.output")
    linear("bert.pooler.dense", WIDTH, WIDTH)
    linear("cls.seq_relationship", 2, WIDTH)
    weights["bert.embeddings.position_ids"] = torch.arange(POSITIONS)[None]

    save_file(weights, f"{folder}/tiny-bert/model.safetensors", metadata={"format": "pt"})
    save_file({"linear.weight": drawn([DIMENSION, WIDTH], 0.2, generator)}, f"{folder}/tiny-bert-head.safetensors")
    with open(f"{folder}/tiny-bert/config.json", "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    with open(f"{folder}/tiny-bert/vocab.txt", "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    with open(f"{folder}/tiny-bert-train.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


class Batch:
    """The five rows as tokens; `loss` of a model notes the smallest gap of a MaxSim winner it met."""

    def __init__(self, folder):
        vocabulary = Vocabulary(
            BertWordPieceTokenizer(f"{folder}/tiny-bert/vocab.txt", lowercase=True), "[unused0]", "[unused1]",
            string.punctuation)
        with open(f"{folder}/tiny-bert-train.jsonl", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        self.queries, self.documents, self.targets, self.gap = [], [], [], 1.0
        for row in rows:
            self.targets.append(len(self.documents))
            self.queries.append(vocabulary.query(row["query"], LENGTHS["query"]))
            self.documents += [vocabulary.document(text, LENGTHS["document"]) for text in row["pos"] + row["neg"]]

    def vectors(self, model):
        return [model.vectors(tokens) for tokens in self.queries], [model.vectors(tokens) for tokens in self.documents]

    def scores(self, model):
        matrices = reference.similarities(*self.vectors(model))
        self.gap = min(self.gap, reference.smallest_gap(matrices))
        return reference.max_sim(matrices)

    def loss(self, model):
        return reference.contrastive(self.scores(model), self.targets, TEMPERATURE)


def read_model(folder):
    return ColBERT(f"{folder}/tiny-bert", load_file(f"{folder}/tiny-bert-head.safetensors")["linear.weight"])


def expected(folder):
    """What the files hold, and the smallest gap of a MaxSim winner in any update."""
    batch, model = Batch(folder), read_model(folder)
    scores, loss = batch.scores(model), batch.loss(model)
    queries, documents = batch.vectors(model)
    vectors = {f"query.{i}": matrix for i, matrix in enumerate(queries)}
    vectors |= {f"document.{i}": matrix for i, matrix in enumerate(documents)}
    gradients = reference.gradients(loss, model.parameters())
    curve = reference.adamw_run(model, batch.loss, **RUN)
    final_loss = batch.loss(model).item()
    text = {
        "query_length": LENGTHS["query"], "document_length": LENGTHS["document"], "temperature": TEMPERATURE,
        "run": RUN,
        "queries": [vars(tokens) for tokens in batch.queries],
        "documents": [vars(tokens) for tokens in batch.documents],
        "targets": batch.targets, "scores": scores.tolist(), "loss": loss.item(), **curve, "final_loss": final_loss}
    tables = {
        f"{folder}/tiny-bert-vectors.safetensors": reference.single(vectors),
        f"{folder}/tiny-bert-gradients.safetensors": reference.single(gradients),
        f"{folder}/tiny-bert-trained.safetensors": reference.single(model.parameters()),
    }
    return tables, {f"{folder}/tiny-bert.json": text}, batch.gap


def main():
    arguments = reference.arguments(__doc__, os.path.dirname(os.path.abspath(__file__)))
    if arguments.new_weights:
        for seed in range(100):
            write_folder(arguments.folder, seed)
            if expected(arguments.folder)[2] > CLEAR:
                break
        else:
            sys.exit("no seed gives clear winners")
    tables, texts, gap = expected(arguments.folder)
    print(f"smallest gap of a MaxSim winner: {gap:.1e}")
    reference.write_or_check(arguments, tables, texts)


if __name__ == "__main__":
    main()
