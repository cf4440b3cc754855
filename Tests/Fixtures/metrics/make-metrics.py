"""Writes metrics.json: random rankings with judgements, and what pytrec_eval measures of them.

Run as `python make-metrics.py` beside the file, with `pip install pytrec-eval-terrier` (made with 0.5.11: pytrec_eval
built on trec_eval 9, as wheels). The seed is fixed, so a second run writes the same bytes.

Reciprocal rank has no cut in trec_eval: it is measured on the run cut to its first k, as trec_eval orders it.
"""

import json
import pathlib
import random
import struct

import pytrec_eval

MEASURES = {"ndcg_cut", "recall", "map", "success", "recip_rank"}
ALPHABET = ["a", "B", "z", "0", "10", "9", "é", "е", "語", "😀", "\uffee", "-", "_"]


def float32(score):
  return struct.unpack("f", struct.pack("f", score))[0]


def identifiers(random, count):
  ids = set()
  while len(ids) < count:
    ids.add("".join(random.choice(ALPHABET) for _ in range(random.randint(1, 4))))
  return sorted(ids)


def case(random, number):
  documents = identifiers(random, random.choice([3, 8, 40, 150]))
  ranked = random.sample(documents, 0 if number % 16 == 5 else random.randint(len(documents) // 2, len(documents)))
  kind = number % 3
  if kind == 0:  # few different scores: many ties
    run = {d: random.randint(-2, 2) / 4 for d in ranked}
  elif kind == 1:  # scores that only differ beyond 32 bits
    run = {d: 1 + random.randint(0, 20) * 1e-8 for d in ranked}
  else:
    run = {d: random.gauss(0, 10) for d in ranked}
  # At least one grade of zero or more: trec_eval crashes on a query with negative grades only.
  judged = random.sample(documents, random.randint(1 + len(documents) // 4, len(documents)))
  grades = {d: random.choice([-2, 0, 0, 0, 1, 1, 2, 3, 7]) for d in judged}
  if number % 8 == 7:
    grades = {d: min(g, 0) for d, g in grades.items()}
  grades[judged[0]] = max(grades[judged[0]], 0)
  return run, grades


def measure(run, grades):
  return pytrec_eval.RelevanceEvaluator({"q": grades}, MEASURES).evaluate({"q": run})["q"]


def main():
  generator = random.Random(20240607)
  cases = []
  for number in range(64):
    run, grades = case(generator, number)
    full = measure(run, grades)
    order = sorted(run, key=lambda d: (float32(run[d]), d.encode()), reverse=True)
    cut = measure({d: run[d] for d in order[:10]}, grades)
    cases.append({
      "run": run,
      "grades": grades,
      "expected": {
        "mrr@10": cut["recip_rank"],
        "mrr": full["recip_rank"],
        "ndcg@10": full["ndcg_cut_10"],
        "ndcg@100": full["ndcg_cut_100"],
        "recall@5": full["recall_5"],
        "recall@100": full["recall_100"],
        "map": full["map"],
        "success@1": full["success_1"],
        "success@5": full["success_5"],
      },
    })
  path = pathlib.Path(__file__).with_name("metrics.json")
  path.write_text(json.dumps(cases, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


main()
