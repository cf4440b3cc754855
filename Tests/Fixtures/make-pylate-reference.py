"""Remakes or checks what is expected of tiny-pylate: make-pylate-reference.py [--check | --new-weights] [--folder DIR]

tiny-pylate is a BERT (2 layers, width 48, 3 heads) in the layout that PyLate saves, with random weights. Its vocabulary
and the 8 rows of pylate-train.jsonl are given; from them and the weights come, in float64:

  pylate.json                          ids as PyLate tokenizes, scores and losses; documents: positives, then negatives
  pylate-vectors.safetensors           query.N and document.N, [kept tokens × 32]
  pylate-grad-contrastive.safetensors  gradients of contrastive_loss, under PyLate's names

--check compares the stored files with what is computed, prints the differences and fails above 1e-6.
--new-weights first draws other weights, until no MaxSim winner is nearly tied.
"""
import json
import os
import string
import sys

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

import reference
from reference import ColBERT, Vocabulary

CLEAR = 5e-6  # a gap that honest float32 rounding does not close


def read_rows(folder):
    with open(f"{folder}/pylate-train.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def tokenized(folder):
    """(queries, documents) of the rows as Tokens, and the vocabulary."""
    with open(f"{folder}/tiny-pylate/config_sentence_transformers.json") as file:
        settings = json.load(file)
    vocabulary = Vocabulary(
        Tokenizer.from_file(f"{folder}/tiny-pylate/tokenizer.json"),
        settings["query_prefix"], settings["document_prefix"], settings["skiplist_words"])
    assert settings["skiplist_words"] == list(string.punctuation)
    rows = read_rows(folder)
    queries = [vocabulary.query(row["query"], settings["query_length"]) for row in rows]
    documents = [
        vocabulary.document(row[key][0], settings["document_length"]) for key in ("pos", "neg") for row in rows]
    return queries, documents, vocabulary


def pylate_scores(matrices, documents):
    """Scores as PyLate has them: a padded or skipped token competes with similarity 0.

    Documents are padded to the longest of their column of the rows, positives or negatives.
    """
    half = len(documents) // 2
    longest = [max(len(tokens.ids) for tokens in column) for column in (documents[:half], documents[half:])]

    def score(matrix, place):
        best = matrix.max(dim=1).values
        masked = len(documents[place].kept) < longest[place // half]
        return (best.clamp(min=0) if masked else best).sum()

    return torch.stack([torch.stack([score(matrix, i) for i, matrix in enumerate(row)]) for row in matrices])


def expected(folder):
    queries, documents, vocabulary = tokenized(folder)
    head = load_file(f"{folder}/tiny-pylate/1_Dense/model.safetensors")["linear.weight"]
    model = ColBERT(f"{folder}/tiny-pylate", head)
    query_vectors = [model.vectors(tokens) for tokens in queries]
    document_vectors = [model.vectors(tokens) for tokens in documents]
    matrices = reference.similarities(query_vectors, document_vectors)
    print(f"smallest gap of a MaxSim winner: {reference.smallest_gap(matrices):.1e}")
    scores, targets = reference.max_sim(matrices), list(range(len(queries)))
    loss = reference.contrastive(scores, targets, temperature=1)
    named = {
        "1.linear.weight" if name == "linear.weight" else f"0.auto_model.{name}": gradient
        for name, gradient in reference.gradients(loss, model.parameters()).items()}
    vectors = {f"query.{i}": matrix for i, matrix in enumerate(query_vectors)}
    vectors |= {f"document.{i}": matrix for i, matrix in enumerate(document_vectors)}
    ids = [tokens.ids for tokens in documents]
    text = {
        "query_ids": [tokens.ids for tokens in queries],
        "query_attention_mask": [tokens.attended for tokens in queries],
        "positive_ids": ids[: len(ids) // 2],
        "negative_ids": ids[len(ids) // 2 :],
        "skiplist_ids": sorted(vocabulary.skipped),
        "scores": scores.tolist(),
        "contrastive_loss": loss.item(),
        "pylate_contrastive_loss": reference.contrastive(pylate_scores(matrices, documents), targets, 1).item(),
    }
    tables = {
        f"{folder}/pylate-vectors.safetensors": reference.single(vectors),
        f"{folder}/pylate-grad-contrastive.safetensors": reference.single(named),
    }
    return tables, {f"{folder}/pylate.json": text}


def draw_weights(folder):
    """Other weights of the same shapes, of the first seed whose MaxSim winners are all clear."""
    queries, documents, _ = tokenized(folder)
    paths = [f"{folder}/tiny-pylate/model.safetensors", f"{folder}/tiny-pylate/1_Dense/model.safetensors"]
    for seed in range(100):
        generator = torch.Generator().manual_seed(seed)
        for path in paths:
            save_file({
                name: reference.drawn(tensor.shape, 0.1, generator, centre=float(name.endswith("LayerNorm.gamma")))
                for name, tensor in sorted(load_file(path).items())}, path)
        model = ColBERT(f"{folder}/tiny-pylate", load_file(paths[1])["linear.weight"])
        matrices = reference.similarities(map(model.vectors, queries), list(map(model.vectors, documents)))
        if reference.smallest_gap(matrices) > CLEAR:
            return print(f"new weights of seed {seed}")
    sys.exit("no seed gives clear winners")


def main():
    arguments = reference.arguments(__doc__, os.path.dirname(os.path.abspath(__file__)))
    if arguments.new_weights:
        draw_weights(arguments.folder)
    reference.write_or_check(arguments, *expected(arguments.folder))


if __name__ == "__main__":
    main()
