"""Writes Sources/Tokenizers/WordPiece/BERTCharacterRanges.swift: what Hugging Face's `tokenizers` does to each scalar.

Every Unicode scalar goes alone through the library's BertNormalizer and BertPreTokenizer, so the ranges are its
behaviour, whatever Unicode versions its parts were built with (8 to 17 in 0.23.3).

    python make-character-ranges.py > ../../../Sources/Tokenizers/WordPiece/BERTCharacterRanges.swift
"""

import tokenizers
from tokenizers.normalizers import NFD, BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer


def normalizer(**on):
    options = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return BertNormalizer(**(options | on)).normalize_str


clean, ideographs = normalizer(clean_text=True), normalizer(handle_chinese_chars=True)
strip, lower = normalizer(strip_accents=True), normalizer(lowercase=True)
decompose, split = NFD().normalize_str, BertPreTokenizer().pre_tokenize_str


def words_around(character):
    return [word for word, _ in split("a" + character + "a")]


def is_nonstarter(character):
    """Whether canonical ordering moves it: it has a combining class between those of U+0334 (1) and U+0345 (240)."""
    moves_forward = decompose("\u0345" + character) != "\u0345" + character
    moves_back = decompose(character + "\u0334") != character + "\u0334"
    return decompose(character) == character and (moves_forward or moves_back)


SETS = {
    "removed": ("Dropped by `clean_text`: control, format and private-use characters, U+FFFD.", lambda c: clean(c) == ""),
    "whitespace": ("Parts words, and becomes a space by `clean_text`.", lambda c: words_around(c) == ["a", "a"]),
    "punctuation": ("A word of its own.", lambda c: len(words_around(c)) == 3),
    "ideographs": ("Gets a space on both sides by `handle_chinese_chars`.", lambda c: ideographs(c) != c),
    "nonspacingMarks": ("Dropped by `strip_accents`, after decomposition.", lambda c: strip(c) == "" and decompose(c) == c),
    "decomposed": ("Has a canonical decomposition.", lambda c: decompose(c) != c),
    "nonstarters": (
        "Takes part in canonical ordering and survives `strip_accents`.",
        lambda c: strip(c) != "" and is_nonstarter(c),
    ),
    "lowercased": ("Has another lowercase.", lambda c: lower(c) != c),
}


def runs(scalars):
    """`(first, last, step)` of runs with step 1 or 2: capitals often alternate with small letters."""
    index = 0
    while index < len(scalars):
        ends = {}
        for step in (1, 2):
            end = index
            while end + 1 < len(scalars) and scalars[end + 1] == scalars[end] + step:
                end += 1
            ends[step] = end
        step = 2 if ends[2] > ends[1] else 1
        yield scalars[index], scalars[ends[step]], step
        index = ends[step] + 1


scalars = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
print(f"// Written by Tests/Fixtures/tokenizers/make-character-ranges.py from tokenizers {tokenizers.__version__}.")
print("// swift-format-ignore-file")
print()
print("/// What Hugging Face's BERT normalizer and pre-tokenizer do to each scalar: `first, last, step` of runs of scalars.")
print("enum BERTCharacterRanges {")
for index, (name, (description, belongs)) in enumerate(SETS.items()):
    numbers = [f"{a:#x},{b:#x},{s}," for a, b, s in runs([c for c in scalars if belongs(chr(c))])]
    if index:
        print()
    print(f"  /// {description}")
    print(f"  static let {name}: [UInt32] = [")
    line = "   "
    for number in numbers:
        if len(line) + 1 + len(number) > 120:
            print(line)
            line = "   "
        line += " " + number
    print(line)
    print("  ]")
print("}")
