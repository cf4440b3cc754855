"""Do the folders that `colbert export` writes mean the same to the libraries they are for?

    compare.py COLBERT --st6 DIR [--colbert-ai DIR] [--keep DIR]

COLBERT is the built binary. --st6 is a folder with Sentence Transformers 6, which PyLate 1.6 cannot share an environment with
(it needs 5.3), --colbert-ai one with Stanford's library and the `transformers` 4 that it needs. --keep leaves what was written
in DIR. `cluster/test --with-python` makes the environment and runs it.

Models: the fixtures tiny-bge-m3 and tiny-pylate, and two that are trained for a few steps first, on tiny-bge-m3 and on
tiny-bert, which begins without a head. Each is exported to every format that expresses it, read back by `colbert encode` (the
same bits as the source's, or the checkpoint's finished model's) and by the libraries:

    flagembedding           FlagEmbedding 1.4.2; its dense vectors are also those of Sentence Transformers
    sentence-transformers   Sentence Transformers 6
    pylate                  PyLate 1.6, Sentence Transformers 6
    stanford                colbert-ai 0.2.22 (without --colbert-ai its formulas, written out here), PyLate, Sentence
                            Transformers 6

Token vectors and the scores of all queries and documents must agree to 1e-4. The line of each comparison says the largest
difference and what was compared; exit status 1 if any is too large.
"""
import argparse
import json
import os
import string
import subprocess
import sys
import tempfile

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TRANSFORMERS_VERBOSITY="error")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

FIXTURES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Fixtures")
BOUND = 1e-4


# -- What the libraries make of a folder: (vectors of queries, vectors of documents, scores), and more by name


def read_flagembedding(folder, queries, documents):
    from FlagEmbedding import BGEM3FlagModel

    dimension = torch.load(f"{folder}/colbert_linear.pt", weights_only=True)["weight"].shape[0]
    model = BGEM3FlagModel(folder, use_fp16=False, devices="cpu", colbert_dim=dimension)
    lengths = json.load(open(f"{folder}/config_sentence_transformers.json"))

    def encode(texts, length):
        return model.encode(texts, max_length=length, return_sparse=True, return_colbert_vecs=True)

    q = encode(queries, lengths["query_length"])
    d = encode(documents, lengths["document_length"])
    scores = [[float(model.colbert_score(a, b)) for b in d["colbert_vecs"]] for a in q["colbert_vecs"]]
    return q["colbert_vecs"], d["colbert_vecs"], scores, {"dense": d["dense_vecs"]}


def read_pylate(folder, queries, documents):
    from pylate import models, scores

    model = models.ColBERT(folder, device="cpu")
    q = model.encode(queries, is_query=True, show_progress_bar=False)
    d = model.encode(documents, is_query=False, show_progress_bar=False)
    # Pair by pair: in PyLate a padded token's zero beats a negative similarity.
    pairs = [[float(scores.colbert_scores(torch.tensor(a)[None], torch.tensor(b)[None])) for b in d] for a in q]
    return q, d, pairs, {}


def read_multi_vector_encoder(folder, queries, documents):
    from sentence_transformers import MultiVectorEncoder

    model = MultiVectorEncoder(folder, device="cpu")
    q = model.encode_query(queries, show_progress_bar=False, convert_to_numpy=True)
    d = model.encode_document(documents, show_progress_bar=False, convert_to_numpy=True)
    return q, d, model.similarity(q, d).numpy(), {}


def read_dense(folder, queries, documents):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    model.max_seq_length = json.load(open(f"{folder}/config_sentence_transformers.json"))["document_length"]
    return [], [], [], {"dense": model.encode(documents, show_progress_bar=False)}


def read_colbert_ai(folder, queries, documents):
    from colbert.infra import ColBERTConfig
    from colbert.modeling.checkpoint import Checkpoint
    from colbert.modeling.colbert import ColBERT

    ColBERT.loaded_extensions = True  # its C++ is for searching an index; it would be compiled now

    checkpoint = Checkpoint(folder, colbert_config=ColBERTConfig.load_from_checkpoint(folder), verbose=0)
    q = [checkpoint.queryFromText([text])[0].numpy() for text in queries]
    d = [checkpoint.docFromText([text], keep_dims=False)[0].numpy() for text in documents]
    return q, d, [[(a @ b.T).max(1).sum() for b in d] for a in q], {}


def read_stanford_by_hand(folder, queries, documents):
    """colbert-ai 0.2.22's tokenization, encoder and mask (modeling/colbert.py, modeling/tokenization) without it."""
    from safetensors.torch import load_file as load_torch
    from transformers import AutoModel, AutoTokenizer

    config = json.load(open(f"{folder}/artifact.metadata"))
    tokenizer, encoder = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    linear = load_torch(f"{folder}/model.safetensors")["linear.weight"]
    skip = {tokenizer.convert_tokens_to_ids(c) for c in string.punctuation} if config["mask_punctuation"] else set()
    skip.discard(tokenizer.unk_token_id)  # Stanford's list drops unknown words too where punctuation has no token

    def encode(text, length, marker, is_query):
        padding = "max_length" if is_query else False
        tokens = tokenizer([text], padding=padding, truncation=True, max_length=length - 1, return_tensors="pt")
        ids, mask = (
            torch.cat([x[:, :1], torch.full((1, 1), value), x[:, 1:]], dim=1)
            for x, value in [(tokens["input_ids"], tokenizer.convert_tokens_to_ids(marker)), (tokens["attention_mask"], 1)]
        )
        if is_query:
            ids[mask == 0] = tokenizer.mask_token_id
            if config["attend_to_mask_tokens"]:
                mask[:] = 1
        with torch.no_grad():
            vectors = encoder(ids, attention_mask=mask)[0] @ linear.T
        vectors = torch.nn.functional.normalize(vectors, dim=2)[0]
        kept = [is_query or i not in skip for i in ids[0].tolist()]
        return vectors[torch.tensor(kept)].numpy()

    q = [encode(text, config["query_maxlen"], config["query_token_id"], True) for text in queries]
    d = [encode(text, config["doc_maxlen"], config["doc_token_id"], False) for text in documents]
    return q, d, [[(a @ b.T).max(1).sum() for b in d] for a in q], {}


READERS = {
    "FlagEmbedding": ("FlagEmbedding", read_flagembedding),
    "PyLate": ("pylate", read_pylate),
    "Sentence Transformers": ("sentence_transformers", read_multi_vector_encoder),
    "Sentence Transformers, dense": ("sentence_transformers", read_dense),
    "colbert-ai": ("colbert-ai", read_colbert_ai),
    "formulas of colbert-ai, transformers": ("transformers", read_stanford_by_hand),
}


# -- A reader at work in a process of its own: libraries change each other's settings, and two versions exclude each other


def read(name, folder, queries, documents, beside):
    """What a library makes of a folder, and its version; `beside` has the libraries outside the environment."""
    path = [place for library, place in beside.items() if place and name.startswith(library)]
    environment = os.environ | ({"PYTHONPATH": path[0]} if path else {})
    request = json.dumps([name, folder, queries, documents])
    with tempfile.TemporaryDirectory() as answer:
        done = subprocess.run(
            [sys.executable, os.path.abspath(__file__), "--read", answer], input=request, text=True, env=environment,
            capture_output=True)
        if done.returncode != 0:
            sys.exit(f"compare.py: {name} cannot read {folder}:\n{done.stderr[-3000:]}")
        arrays = dict(np.load(f"{answer}/arrays.npz"))
    version = str(arrays.pop("version"))
    def many(kind):
        return [arrays[f"{kind}.{i}"] for i in range(sum(key.startswith(f"{kind}.") for key in arrays))]
    return many("query"), many("document"), arrays.get("scores"), arrays, version


def answer(folder):
    import importlib.metadata

    name, model, queries, documents = json.load(sys.stdin)
    package, reader = READERS[name]
    q, d, scores, more = reader(model, queries, documents)
    arrays = {f"query.{i}": v for i, v in enumerate(q)} | {f"document.{i}": v for i, v in enumerate(d)} | more
    np.savez(f"{folder}/arrays.npz", scores=np.array(scores), version=importlib.metadata.version(package), **arrays)


# -- Ours


class Ours:
    def __init__(self, binary, folder):
        self.binary, self.folder = os.path.abspath(binary), folder

    def run(self, *arguments):
        done = subprocess.run([self.binary, *arguments], cwd=self.folder, text=True, capture_output=True)
        if done.returncode != 0:
            sys.exit(f"compare.py: colbert {' '.join(arguments)} exits {done.returncode}:\n{done.stderr}")

    def encode(self, model, role, texts):
        with open(f"{self.folder}/texts.jsonl", "w") as file:
            file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
        self.run("encode", "--model", model, "--role", role, "--input", "texts.jsonl", "--output", "vectors")
        file = load_file(f"{self.folder}/vectors")
        return [file["vectors"][a:b] for a, b in zip(file["starts"], file["starts"][1:])]

    def train(self, name, model, data, *settings):
        """A short run, and its folder."""
        with open(f"{self.folder}/{name}.yaml", "w") as file:
            file.write(
                f"model: {{path: {FIXTURES}/{model}}}\ndata: {{train: [{FIXTURES}/{data}], document_max_length: 28}}\n"
                "batch: {queries: 4}\noptimizer: {learning_rate: 1e-3}\nrun: {steps: 4}\n")
        self.run("train", f"{name}.yaml", *(f"--set={setting}" for setting in settings))
        return f"runs/{name}"


def rows(name):
    """Queries and documents of a fixture, without line breaks; the longest is longer than any model takes."""
    lines = [json.loads(line) for line in open(f"{FIXTURES}/{name}")]
    queries = [row["query"] for row in lines][:8]
    documents = [text for row in lines for text in row["pos"] + row["neg"]][:12]
    return queries + [" ".join(queries)], documents + [" ".join(documents), "Is it so? (Yes, it is.)"]


# -- The comparison


class Comparison:
    failures = 0

    def line(self, what, reader, differences, detail):
        worst = max(differences.values())
        self.failures += not worst <= BOUND
        numbers = ", ".join(f"{key} {value:.1e}" for key, value in differences.items())
        print(f"{'ok    ' if worst <= BOUND else 'FAILED'}  {what:44} {reader:42} {numbers} ({detail})", flush=True)

    def vectors(self, what, reader, ours, theirs, is_mean, scores):
        (q, d), (other_q, other_d) = ours, theirs
        counts = [len(v) for v in q + d], [len(v) for v in other_q + other_d]
        detail = f"{len(q)} queries, {len(d)} documents, {sum(counts[0])} vectors"
        if counts[0] != counts[1]:
            self.failures += 1
            return print(f"FAILED  {what:44} {reader:42} vectors of each text {counts[0]}, there {counts[1]}")
        apart = max(np.abs(a - b).max() for a, b in zip(q + d, other_q + other_d))
        own = np.array([[(a @ b.T).max(1).sum() / (len(a) if is_mean else 1) for b in d] for a in q])
        self.line(what, reader, {"vectors": apart, "scores": np.abs(own - scores).max()}, detail)

    def bits(self, what, ours, source):
        same = all(a.tobytes() == b.tobytes() for x, y in zip(ours, source) for a, b in zip(x, y))
        self.failures += not same
        print(f"{'ok    ' if same else 'FAILED'}  {what:44} {'colbert encode':42} {'the same bits' if same else 'other bits'}")


LIBRARIES = {
    "flagembedding": ["FlagEmbedding"],
    "sentence-transformers": ["Sentence Transformers"],
    "pylate": ["PyLate", "Sentence Transformers"],
    "stanford": ["PyLate", "Sentence Transformers"],
}
COLBERT_FORMATS = ["sentence-transformers", "pylate", "stanford"]
BGE_M3_FORMATS = ["flagembedding", "sentence-transformers"]


def compare(binary, beside, folder):
    ours, comparison = Ours(binary, folder), Comparison()
    bge = ours.train("bge-m3", "tiny-bge-m3", "bge-m3-train.jsonl")
    bert = ours.train("bert", "tiny-bert", "tiny-bert-train.jsonl", "model.dimension=24", "data.query_max_length=14")
    stanford = "colbert-ai" if beside["colbert-ai"] else "formulas of colbert-ai, transformers"
    for name, option, source, data, formats in [
        ("tiny-bge-m3", "--model", f"{FIXTURES}/tiny-bge-m3", "bge-m3-train.jsonl", BGE_M3_FORMATS),
        ("tiny-bge-m3 trained", "--checkpoint", bge, "bge-m3-train.jsonl", BGE_M3_FORMATS),
        ("tiny-pylate", "--model", f"{FIXTURES}/tiny-pylate", "pylate-train.jsonl", COLBERT_FORMATS),
        ("tiny-bert trained", "--checkpoint", bert, "tiny-bert-train.jsonl", COLBERT_FORMATS),
    ]:
        queries, documents = rows(data)
        model = source if option == "--model" else f"{source}/model"
        expected = [ours.encode(model, "query", queries), ours.encode(model, "document", documents)]
        for layout in formats:
            what, output = f"{name} → {layout}", f"{name} {layout}".replace(" ", "-")
            ours.run("export", option, source, "--format", layout, "--output", output)
            exported = f"{folder}/{output}"
            own = [ours.encode(exported, "query", queries), ours.encode(exported, "document", documents)]
            comparison.bits(what, own, expected)
            for reader in LIBRARIES[layout] + ([stanford] if layout == "stanford" else []):
                q, d, scores, more, version = read(reader, exported, queries, documents, beside)
                comparison.vectors(what, f"{reader} {version}", own, (q, d), "bge" in name, scores)
                if layout == "flagembedding":
                    *_, dense, version = read("Sentence Transformers, dense", exported, queries, documents, beside)
                    comparison.line(
                        what, f"FlagEmbedding = Sentence Tr. {version}",
                        {"dense vectors": np.abs(more["dense"] - dense["dense"]).max()}, f"{len(documents)} documents")
    return comparison.failures


def main():
    if sys.argv[1:2] == ["--read"]:
        return answer(sys.argv[2])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("colbert")
    parser.add_argument("--st6", required=True)
    parser.add_argument("--colbert-ai")
    parser.add_argument("--keep")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="colbert-python-") as temporary:
        if arguments.keep:
            os.makedirs(arguments.keep)
        beside = {"Sentence Transformers": os.path.abspath(arguments.st6)}
        beside["colbert-ai"] = arguments.colbert_ai and os.path.abspath(arguments.colbert_ai)
        failures = compare(arguments.colbert, beside, os.path.abspath(arguments.keep or temporary))
    print("everything agrees" if failures == 0 else f"{failures} comparisons FAILED")
    sys.exit(failures > 0)


main()
