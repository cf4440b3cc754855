"""Makes a retrieval task of Debian's package descriptions: debian-descriptions.py FOLDER < TRANSLATION_EN

The index is apt's Translation-en, unpacked. A package's synopsis is a query, its long description the document to find.
FOLDER gets train.jsonl for the trainer and, in BEIR's layout, beir/ for the evaluation. The 1,000 test queries are never
trained on, nor is any of the corpus's 10,000 documents; a package that shares its synopsis with a test query, but not
its description, may be among the training rows.
"""
import json
import os
import random
import sys

QUERIES, CORPUS, SHORTEST = 1_000, 10_000, 80


def descriptions(index):
    """(package, synopsis, body) of each description of 80 characters or more, once for each body."""
    seen = set()
    for stanza in index.split("\n\n"):
        lines = stanza.split("\n")
        start = next((i for i, line in enumerate(lines) if line.startswith("Description-en:")), None)
        if start is None or not lines[0].startswith("Package: "):
            continue
        package, synopsis = lines[0][len("Package: ") :], lines[start].split(":", 1)[1].strip()
        body = " ".join(line.strip() for line in lines[start + 1 :] if line.strip() != ".").strip()
        if len(body) >= SHORTEST and body not in seen:
            seen.add(body)
            yield package, synopsis, body


def shuffled(rows):
    """The rows in the order of seed 0: `random.shuffle`, written out because Python does not promise to keep its."""
    rows, bits = list(rows), random.Random(0).getrandbits
    for i in range(len(rows) - 1, 0, -1):
        j = i + 1
        while j > i:
            j = bits((i + 1).bit_length())
        rows[i], rows[j] = rows[j], rows[i]
    return rows


def write(path, lines):
    """Writes the lines and waits until they are on the disk, so that a later rename of the folder commits them."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())


def write_records(path, records):
    write(path, (json.dumps(record, ensure_ascii=False) for record in records))


def main(folder):
    rows = shuffled(descriptions(sys.stdin.buffer.read().decode("utf-8")))
    if len(rows) <= CORPUS:
        sys.exit(f"{len(rows)} descriptions are too few, the corpus alone takes {CORPUS}: is Debian's main a source?")
    # Two versions of a package may differ in description: its name alone is no identifier.
    named = [(f"{row}:{package}", synopsis, body) for row, (package, synopsis, body) in enumerate(rows)]
    queries, corpus, training = named[:QUERIES], named[:CORPUS], named[CORPUS:]
    write_records(f"{folder}/beir/corpus.jsonl", ({"_id": name, "text": body} for name, _, body in corpus))
    write_records(f"{folder}/beir/queries.jsonl", ({"_id": name, "text": synopsis} for name, synopsis, _ in queries))
    relevant = (f"{name}\t{name}\t1" for name, _, _ in queries)
    write(f"{folder}/beir/qrels/test.tsv", ["query-id\tcorpus-id\tscore", *relevant])
    write_records(f"{folder}/train.jsonl", ({"query": synopsis, "pos": [body]} for _, synopsis, body in training))
    print(f"{len(rows):,} package descriptions: {QUERIES:,} test queries over {CORPUS:,} documents,"
          f" {len(training):,} rows to train on")


if __name__ == "__main__":
    main(sys.argv[1])
