"""Writes texts.json, ids.json and the folders beside this file: tricky texts, and their ids as Hugging Face has them.

    python -m venv V && V/bin/pip install transformers==5.23.0 tokenizers==0.23.3 sentencepiece protobuf
    V/bin/python make-fixtures.py          (the same seed gives the same files)

`../tiny-bge-m3` and `../bge-m3-*` are the project's golden cases: a tiny random XLM-R in BGE-M3's layout with a
SentencePiece model trained on Debian's package descriptions, and what Hugging Face and FlagEmbedding make of texts. Its
SentencePiece model is the base of the models here:

- `characters`: nearly every character of the texts is a piece, so that ids show each step of the clean-up; runs of one
  character are pieces with equal scores, so that there are ties; a symbol defined by the maker, and added tokens.
- `no-map`: a model that leaves characters as they are, with the older files of added tokens.
"""

import json
import random
import unicodedata
from pathlib import Path

from sentencepiece import sentencepiece_model_pb2 as proto
from transformers import AutoTokenizer

HERE = Path(__file__).parent
BASE = HERE.parent / "tiny-bge-m3" / "sentencepiece.bpe.model"
random.seed(20240611)


def letters(*ranges):
    return [chr(c) for first, last in ranges for c in range(first, last + 1) if not 0xD800 <= c < 0xE000]


WORDS = (
    "the library reads un-readable files, naïve façade Straße ŒUVRE Ångström résumé İstanbul ΟΔΟΣ σοφός Ёлка йод Київ "
    "Việt Nam tiếng हिन्दी ไทย עברית العربية 日本語 中文 한국어 カタカナ ﬁne ² ½ ™ C++ don't a_b 3.14 10,000 http://x.org/?q=1 "
    "«quote» … ¿qué? 100% 1000000 ------ ===== ＡＢＣ ｶﾞ ① Ⅳ ㍿"
).split()
SPECIAL = ["<s>", "</s>", "<pad>", "<unk>", "<mask>", "＜s＞", "＜mask＞", "<\u0001s>", "<S>", "< s >", "<user>", "<Word>", "<word>", "＜Word＞", "<strip>", "▁"]
POOLS = {
    "ascii": letters((0x20, 0x7E)),
    "control": letters((0x00, 0x1F), (0x7F, 0xA0)),
    "latin": letters((0xA1, 0x24F), (0x1E00, 0x1EFF)),
    "marks": letters((0x300, 0x345), (0x591, 0x59F), (0x64B, 0x655), (0x20D0, 0x20DC)) + ["\u200d", "\ufe0f"],
    "greek and cyrillic": letters((0x370, 0x3FF), (0x400, 0x45F), (0x1F00, 0x1F40)),
    "indic": letters((0x904, 0x94D), (0xE01, 0xE4E)),
    "cjk": letters((0x4E00, 0x4E20), (0xF900, 0xF910), (0x2F800, 0x2F808)),
    "kana and hangul": letters((0x3040, 0x30FF), (0xFF61, 0xFF9F), (0xAC00, 0xAC10), (0x1100, 0x1112), (0x1161, 0x1175), (0x11A8, 0x11B0)),
    "spaces": letters((0x2000, 0x2010), (0x2028, 0x202F), (0x205F, 0x2064), (0x3000, 0x3001)) + ["\u0085", "\u1680", "\u180e", "\ufeff", "\u2581"],
    "wide": letters((0xFF01, 0xFF5E), (0x2460, 0x2470), (0x2150, 0x2160), (0x3300, 0x3310)),
    "emoji": letters((0x1F1E6, 0x1F1EA), (0x1F466, 0x1F469), (0x1F3FB, 0x1F3FF)) + ["\u200d", "\ufe0f", "\u20e3", "1", "#"],
    "far": letters((0xE000, 0xE002), (0x10400, 0x10404), (0xE0020, 0xE0024), (0xFFFC, 0xFFFF), (0x10FFFE, 0x10FFFF)) + ["\u0600", "\u06dd"],
}
EVERYTHING = [c for pool in POOLS.values() for c in pool]
TRICKY = [
    "", " ", "\t\n", "\r\n", "\u200b", "\u0301", "\x00", "a\x00b", "\x01", "a\x01b", "a\x85b", "a\u2028b", " a  b ", "▁", "▁▁a", "a▁b▁",
    "ａ\u0301", "a\u0301", "e\u0323\u0301", "\u1112\u1161\u11ab", "\uac00\u11a8", "ﬁ\u0301", "½\u0301", "Å A\u030a \u212b", "\u0600ａ", "カ\u3099 ｶ\uff9e",
    "<s>", "a<s>b", "a <s> b", "<s></s>", "<mask>", "a <mask> b", "a\u3000<mask>\u00a0b", "<mask><mask>", "<<mask>>", "<mask", "<MASK>",
    "＜s＞", "＜unk＞", "＜unk＞☃", "☃＜unk＞☃", "<\u200bs>", "<\u00ads>", "☃", "☃☃", "a☃b", "☃ ☃", "qz☄",
    "1000", "10000", "1000000", "-" * 7, "-" * 80, "=" * 33, "a" * 5, "a" * 500, "ab" * 300, "。" * 40, "00 000 0000 00000",
    "<user>", "a<user>b", "a <user> b", "<Word>", "a<Word>", "<Word>_", "＜Word＞", "a ＜Word＞ b", "a <strip> b", "<strip><strip>",
    "👩\u200d👩\u200d👧 🏳️\u200d🌈 🇩🇪 👍🏽 1️⃣", "\ufeffbom", "\u202eabc\u202c", "x" + "\u0301" * 50,
]


def random_text(kind):
    if kind == "words":
        text = "".join(word + random.choice([" ", " ", "", ", ", "\u00a0"]) for word in random.choices(WORDS, k=random.randint(1, 12)))
        return unicodedata.normalize("NFD", text) if random.random() < 0.3 else text
    if kind == "specials":
        return "".join(random.choices(SPECIAL + WORDS[:10] + [" ", "  ", "\u3000", "_"], k=random.randint(1, 10)))
    pool = EVERYTHING if kind == "everything" else POOLS[kind] + [" ", "a", "E", "\u0301"] * 3
    return "".join(random.choice(pool) for _ in range(random.randint(1, 16)))


texts = TRICKY + [random_text(kind) for kind in ["words", "specials", "everything", "everything", *POOLS] for _ in range(24)]


def base():
    model = proto.ModelProto()
    model.ParseFromString(BASE.read_bytes())
    del model.pieces[3:]
    return model


def add(model, pieces):
    known = {piece.piece for piece in model.pieces}
    for text, score in pieces:
        if text and "\0" not in text and text not in known:
            known.add(text)
            model.pieces.add(piece=text, score=score)


def write(folder, model, configuration):
    folder = HERE / folder
    folder.mkdir(exist_ok=True)
    # Without what only the trainer wants to know; the fields that a reader needs stay.
    model.trainer_spec.CopyFrom(proto.TrainerSpec(model_type=proto.TrainerSpec.UNIGRAM, vocab_size=len(model.pieces)))
    (folder / "sentencepiece.bpe.model").write_bytes(model.SerializeToString())
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration, indent=1) + "\n")


characters = sorted(set("".join(texts) + unicodedata.normalize("NFKC", "".join(texts))))
characters = [c for c in characters if not c.isspace() and c not in "☃☄" and random.random() < 0.97]
pairs = sorted({word[a : a + n] for word in WORDS for n in (2, 3, 4) for a in range(len(word) - n + 1)})
runs = [c * n for c in "a0-=。" for n in range(2, 6)]

model = base()
model.pieces.add(piece="<user>", score=0, type=proto.ModelProto.SentencePiece.USER_DEFINED)
add(model, [("▁", -3.0)] + [(c, -9.0 - random.random()) for c in characters])
add(model, [("▁" + p, -8.0 - random.random()) for p in pairs] + [(p, -9.0 - random.random()) for p in pairs])
for piece in model.pieces:
    if piece.piece in runs:
        piece.score = -9.5
add(model, [(run, -9.5) for run in runs])
size = len(model.pieces) + 2
flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
specials = ["<s>", "<pad>", "</s>", "<unk>"]
decoder = {str(i): flags | {"content": token} for i, token in enumerate(specials)}
decoder[str(size - 1)] = flags | {"content": "<mask>", "lstrip": True}
decoder[str(size)] = flags | {"content": "<Word>", "single_word": True, "normalized": True, "special": False}
decoder[str(size + 1)] = flags | {"content": "<strip>", "lstrip": True, "rstrip": True, "special": False}
names = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}
write("characters", model, {"tokenizer_class": "XLMRobertaTokenizerFast", "added_tokens_decoder": decoder} | names)

model = base()
model.normalizer_spec.precompiled_charsmap = b""
add(model, [("▁", -3.0)] + [(c, -9.0 - random.random()) for c in characters if c not in "▁q"])
# Never used: words are parted before each "▁". And a word where it matters how improbable an unknown character is.
add(model, [("a▁b", -1.0), ("q", -15.0), ("z☄", -15.0), ("qz", -6.0)])
write("no-map", model, {"tokenizer_class": "XLMRobertaTokenizer"})
size = len(model.pieces) + 2
(HERE / "no-map" / "added_tokens.json").write_text(json.dumps({"<Word>": size, "<strip>": size + 1}) + "\n")
mask = {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}
(HERE / "no-map" / "special_tokens_map.json").write_text(json.dumps({"mask_token": mask}) + "\n")


def ids(name):
    tokenizer = AutoTokenizer.from_pretrained(str(HERE / name))
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


def write_json(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


write_json("texts.json", texts)
write_json("ids.json", {name: ids(name) for name in ["../tiny-bge-m3", "characters", "no-map"]})
