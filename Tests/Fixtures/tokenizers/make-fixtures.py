"""Writes the folders, texts.json and ids.json beside this file: tricky texts, and their ids as Hugging Face has them.

    python make-fixtures.py          (tokenizers 0.23.3, transformers 5.23.0; the same seed gives the same files)
"""

import json
import random
from pathlib import Path

from tokenizers import Tokenizer
from transformers import BertTokenizer

HERE = Path(__file__).parent
random.seed(20240607)


def letters(*ranges):
    return [chr(c) for first, last in ranges for c in range(first, last + 1) if not 0xD800 <= c < 0xE000]


WORDS = (
    "the library reads un-readable files, naïve façade coöperate Straße ŒUVRE Ångström résumé İstanbul ısı ΟΔΟΣ σοφός "
    "Ёлка йод Київ Việt Nam tiếng हिन्दी ไทย עברית العربية 日本語 中文 한국어 カタカナ ひらがな ﬁne ² ½ ™ C++ don't e-mail "
    "a_b 3.14 10,000 http://x.org/?q=1&r=2 (tm) «quote» “smart” ‘x’ — … ¿qué? ¡ay! $5 €5 100% #tag @user"
).split()
SPECIAL = ["[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "[Q] ", "[q] ", "[D] ", "[mask]", "<strip>", "<Word>", "<word>", "Ünit"]
POOLS = {
    "ascii": letters((0x20, 0x7E)),
    "control": letters((0x00, 0x1F), (0x7F, 0xA0)),
    "latin": letters((0xA1, 0x24F), (0x1E00, 0x1EFF)),
    "marks": letters((0x300, 0x36F), (0x483, 0x489), (0x591, 0x5BD), (0x64B, 0x65F), (0x8D4, 0x8E2), (0x20D0, 0x20F0)),
    "greek and cyrillic": letters((0x370, 0x3FF), (0x400, 0x52F), (0x1F00, 0x1FFF)),
    "indic": letters((0x900, 0x97F), (0xE01, 0xE5B), (0xC46, 0xC4D), (0xF71, 0xF84), (0x1B35, 0x1B44)),
    "cjk": letters((0x4E00, 0x4E20), (0x3400, 0x3410), (0xF900, 0xF910), (0x2F800, 0x2F810), (0x2B740, 0x2B750), (0x2B81E, 0x2B822), (0x2B91F, 0x2B921)),
    "kana and hangul": letters((0x3040, 0x30FF), (0xAC00, 0xAC40), (0xD790, 0xD7A3), (0x1100, 0x1120), (0x302A, 0x3030)),
    "spaces": letters((0x2000, 0x2010), (0x2027, 0x2030), (0x205F, 0x2070), (0x3000, 0x3003)) + ["\u0085", "\u1680", "\u180e", "\ufeff"],
    "punctuation": letters((0x2010, 0x2027), (0x2030, 0x205E), (0x3001, 0x3020), (0xFF01, 0xFF20), (0xFE10, 0xFE19), (0x1800, 0x180A)),
    "symbols": letters((0x2070, 0x214F), (0x2190, 0x21A0), (0x2329, 0x232B), (0x1F600, 0x1F610), (0x1D15E, 0x1D172), (0x1F3FB, 0x1F3FF)) + ["\u200d", "\ufe0f"],
    "far": letters((0xE000, 0xE004), (0x10400, 0x10410), (0x118A0, 0x118A8), (0x1E000, 0x1E010), (0x1E900, 0x1E94A), (0x11930, 0x1193B), (0x16EA0, 0x16EA4), (0xE0001, 0xE0002), (0xFFFC, 0xFFFF), (0x10FFFE, 0x10FFFF)),
}
EVERYTHING = [c for pool in POOLS.values() for c in pool]

TRICKY = [
    "", " ", "\t\n", "\u200b", "\u0301", "a\u0301\u0323b", "e\u0301", "\u00e9", "\u1e69 s\u0323\u0307 s\u0307\u0323", "\u0000\ufffd", "a\u0000b\u200dc",
    "A\u030a \u212b \u00c5", "\u03a9 \u2126", "\u1fef\u037e\u2000", "I\u0307 \u0130 i\u0307", "\u1e9e \u00df SS", "\u03a3\u03a3 \u03c2", "\uac00\uac01\ud7a3", "\u1100\u1161\u11a8",
    "a" * 99, "a" * 100, "a" * 101, "ab" * 500, "\u00e9" * 100, "e\u0301" * 100, "e\u0301" * 101, "x\u4e2dy\u4e2d\u6587z", "\u2f800\uf900a",
    "\U0001d165\U0001d16d\U0001d165", "x\U0001d16d\u0301\U0001d165", "x\U0001d16d\u034f\U0001d165", "x\U0001d16d\u0e31\U0001d165", "x\U0001d15e\U0001d165\u302e", "\u302e\u08d4\u302f",
    "[CLS] a [SEP]", "[cls]", "[ CLS ]", "x[MASK]y", "[MASK][MASK]", "[[MASK]]", "[MASK", "[Q] what is it", "[q] what", "[Q]what", "a [Q] ", " [D] x [D]  y",
    "a <strip> b", "a\u00a0<strip>\u3000b", "<strip><strip>", "a<Word>b <Word> c", "<word>", "a <Word>", "x<Word>", "<Word>_", "<Word>\u0301", "\u00fcnit U\u0308NIT Unit Ünit",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd", "a\u00adb", "\ufeffbom", "\u202eabc\u202c", "a\u2028b\u2029c\u0085d\u000be\u000cf\u001cg",
    "don't can't it's", "!!??..", "a.b.c", "_a_", "##a ## a##", "$100 \u20ac5 \u00a3", "\u00b2\u00bd\u2460", "\u0e01\u0e33\u0e49", "\u0915\u094d\u0937\u093f", "\u05e9\u05c1\u05bc", "\u0628\u0651\u064e",
]


def random_text(kind):
    if kind == "words":
        parts = random.choices(WORDS, k=random.randint(1, 12))
        return "".join(part + random.choice([" ", " ", " ", "", ", ", "\u00a0"]) for part in parts)
    if kind == "specials":
        parts = random.choices(SPECIAL + WORDS[:20] + [" ", "  ", "\u3000", "_"], k=random.randint(1, 10))
        return "".join(parts)
    pool = EVERYTHING if kind == "everything" else POOLS[kind] + [" ", "a", "E", "\u0301"] * 3
    return "".join(random.choice(pool) for _ in range(random.randint(1, 16)))


texts = TRICKY + [random_text(kind) for kind in ["words", "specials", "everything", "everything", *POOLS] for _ in range(24)]

# Most characters are tokens, so that ids tell one text from another; some are not, so that there are unknown words.
singles = sorted(set("".join(texts).upper() + "".join(texts).lower() + "".join(texts)))
singles = [c for c in singles if not c.isspace() and random.random() < 0.97]
pieces = sorted({word[a : a + n] for word in WORDS for n in (2, 3, 5) for a in range(0, len(word) - n + 1, 2)})
specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
vocabulary = list(
    dict.fromkeys(specials + singles + ["##" + c for c in singles if random.random() < 0.97] + WORDS[:30] + pieces + ["##" + p for p in pieces])
)
vocabulary = [token for token in vocabulary if token == token.rstrip() and token]
size = len(vocabulary)


def write(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")


def added(index, content, **options):
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    return dict(id=index, content=content) | flags | options


ADDED = [added(i, t, special=True) for i, t in enumerate(specials)] + [
    added(size, "[Q] ", normalized=True),
    added(size + 1, "[D] "),
    added(size + 2, "<strip>", lstrip=True, rstrip=True),
    added(size + 3, "<Word>", single_word=True, normalized=True),
    added(size + 4, "Ünit", normalized=True),
]
BERT_PROCESSING = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
MODEL = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
MODEL["vocab"] = {token: i for i, token in enumerate(vocabulary)}


def write_tokenizer_json(name, model=MODEL, **normalizer):
    options = dict(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=False) | normalizer
    write(
        HERE / name / "tokenizer.json",
        {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": ADDED,
            "normalizer": {"type": "BertNormalizer"} | options, "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": BERT_PROCESSING, "decoder": None, "model": model,
        },
    )


def write_vocabulary_text(name):
    (HERE / name).mkdir(exist_ok=True)
    (HERE / name / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8", newline="")


def ids(name):
    folder = HERE / name
    if (folder / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    tokenizer = BertTokenizer.from_pretrained(str(folder))
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


write_tokenizer_json("cased")
write_tokenizer_json("strips-accents", strip_accents=True)
write_tokenizer_json("keeps-accents", strip_accents=False, lowercase=True, clean_text=False, handle_chinese_chars=False)
write_tokenizer_json("short-words", dict(MODEL, max_input_chars_per_word=6), lowercase=True)
write_vocabulary_text("vocabulary-text")
write(HERE / "vocabulary-text" / "tokenizer_config.json", {"do_lower_case": True, "tokenizer_class": "BertTokenizer"})
write(HERE / "vocabulary-text" / "added_tokens.json", {"[Q] ": size, "[D] ": size + 1})
write_vocabulary_text("vocabulary-text-cased")
decoder = {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in ADDED}
config = {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False, "added_tokens_decoder": decoder}
write(HERE / "vocabulary-text-cased" / "tokenizer_config.json", config)
(HERE / "vocabulary-text" / "special_tokens_map.json").write_text(
    json.dumps({"mask_token": {"content": "[MASK]", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}}) + "\n"
)

names = ["../tiny-pylate", "cased", "strips-accents", "keeps-accents", "short-words", "vocabulary-text", "vocabulary-text-cased"]
write(HERE / "texts.json", texts)
write(HERE / "ids.json", {name: ids(name) for name in names})
