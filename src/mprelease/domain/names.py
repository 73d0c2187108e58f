"""When two names are the same to the eye of a person, and which names are nobody's.

The script of a letter is the first word of its Unicode name, which the standard promises never to
change: that is enough for the rule here, and the standard library has it. The property itself
would take a package with compiled code (`regex`, `unicodedata2`); `confusable_homoglyphs`, which is
small, knows the Unicode of 2024 and compares single words with Latin alone.
"""

import re
import unicodedata

# What a column of the database takes; some letters become eighteen.
_LONGEST_KEY = 191
_LATIN = "LATIN"
_HAN = "HAN"
# UTS #39, "highly restrictive": what Chinese, Japanese and Korean write beside Latin.
_TOGETHER = (
    {_LATIN, _HAN, "HIRAGANA", "KATAKANA"},
    {_LATIN, _HAN, "BOPOMOFO"},
    {_LATIN, _HAN, "HANGUL"},
)
_ALIASES = {"CJK": _HAN, "IDEOGRAPHIC": _HAN, "KANGXI": _HAN, "FULLWIDTH": _LATIN}
# Tone marks and the like belong to whatever stands before them.
_COMMON = {"MODIFIER"}
# Letters that show nothing.
_INVISIBLE = re.compile("[\u115f\u1160\u17b4\u17b5\u3164\uffa0]")
# Whole words of other alphabets can look Latin: their small letters, by what they look like.
_LOOK_ALIKES = (
    "aаɑα bв cсϲ dԁ eеёε gɡց hһհ iіιı jјϳ kкκ lӏ mм nпո oоοօ pрρ qԛզ rг sѕ tтτ uυս vѵν wѡԝω xхχ"
    " yуүγ"
)
_LATIN_FOR = str.maketrans(
    {letter: alike[0] for alike in _LOOK_ALIKES.split() for letter in alike[1:]}
)


def name_key(name: str) -> str:
    """Return what is equal for two names that a person would take for one."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    shown = " ".join(_INVISIBLE.sub("", folded).split())
    return shown.translate(_LATIN_FOR)[:_LONGEST_KEY]


def mixes_scripts(name: str) -> bool:
    """Tell whether a name has letters of scripts that nobody writes together."""
    letters = (letter for letter in unicodedata.normalize("NFKC", name) if letter.isalnum())
    scripts = {_script(letter) for letter in letters if not (letter.isascii() and letter.isdigit())}
    scripts -= _COMMON
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)


def _script(letter: str) -> str:
    word = re.split("[ -]", unicodedata.name(letter, "UNKNOWN"))[0]
    return _ALIASES.get(word, word)
