"""Names that look alike, and names that mix scripts.

The script of a letter is taken from the first word of its Unicode name, which is stable by the
standard's policy and available in the standard library. The script property itself would need a
package with compiled code (`regex`, `unicodedata2`); `confusable_homoglyphs` covers the Unicode of
2024 and compares single words with Latin only.
"""

import re
import unicodedata

# The length of the database's column; NFKC turns some characters into eighteen.
_LONGEST_KEY = 191
_LATIN = "LATIN"
_HAN = "HAN"
# UTS #39, "highly restrictive": scripts that Chinese, Japanese and Korean combine with Latin.
_TOGETHER = (
    {_LATIN, _HAN, "HIRAGANA", "KATAKANA"},
    {_LATIN, _HAN, "BOPOMOFO"},
    {_LATIN, _HAN, "HANGUL"},
)
_ALIASES = {"CJK": _HAN, "IDEOGRAPHIC": _HAN, "KANGXI": _HAN, "FULLWIDTH": _LATIN}
# Tone marks and other modifiers take the script of the preceding character.
_COMMON = {"MODIFIER"}
# Letters without a visible glyph.
_INVISIBLE = re.compile("[\u115f\u1160\u17b4\u17b5\u3164\uffa0]")
# Words of other alphabets can look Latin: each Latin letter, followed by its look-alikes.
_LOOK_ALIKES = (
    "aаɑα bв cсϲ dԁ eеёε gɡց hһհ iіιı jјϳ kкκ lӏ mм nпո oоοօ pрρ qԛզ rг sѕ tтτ uυս vѵν wѡԝω xхχ"
    " yуүγ"
)
_LATIN_FOR = str.maketrans(
    {letter: alike[0] for alike in _LOOK_ALIKES.split() for letter in alike[1:]}
)


def name_key(name: str) -> str:
    """Return a key that is equal for two names that look the same to a person."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    shown = " ".join(_INVISIBLE.sub("", folded).split())
    return shown.translate(_LATIN_FOR)[:_LONGEST_KEY]


def mixes_scripts(name: str) -> bool:
    """Return whether a name combines scripts that no language writes together."""
    letters = (letter for letter in unicodedata.normalize("NFKC", name) if letter.isalnum())
    scripts = {_script(letter) for letter in letters if not (letter.isascii() and letter.isdigit())}
    scripts -= _COMMON
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)


def _script(letter: str) -> str:
    word = re.split("[ -]", unicodedata.name(letter, "UNKNOWN"))[0]
    return _ALIASES.get(word, word)
