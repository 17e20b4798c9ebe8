"""How long a password would withstand guessing, told by zxcvbn at a bounded cost.

zxcvbn tries every combination of the letters that digits and symbols may stand for, and their number grows
exponentially (dwolfhub/zxcvbn-python#70). It also keeps what it is told of the user in a module's global
variable. Both are kept from it here.
"""

import asyncio
import unicodedata
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, Final

from idp.errors import Unavailable
from idp.text import Text

SAMPLED: Final = 72
"""Characters of a password that are looked at; more are not weaker, and would only take time."""
MOST_SUBSTITUTIONS: Final = 8
"""Combinations of substituted letters that are tried for one password."""
MOST_WORDS: Final = 20
"""Words about the user that a password is compared with."""
LONGEST_WORD: Final = 100
"""Characters of such a word."""
QUEUE: Final = 16
"""Passwords that may wait for a verdict in one worker; one more is refused."""
DEADLINE: Final = 1.0
"""Seconds after which a caller gets no verdict. One verdict costs a fraction of that (a test measures it)."""
WORDS: Final = (Text("very weak"), Text("weak"), Text("fair"), Text("good"), Text("strong"))


@dataclass(frozen=True, slots=True)
class Strength:
    """The verdict on a password: `score` 0 to 4, in a word, with what would help."""

    score: int
    word: Text
    advice: tuple[Text, ...] = ()


class StrengthMeter:
    """Estimates strength in one thread of its own, with a short queue; one meter for each worker."""

    def __init__(self, *, queue: int = QUEUE, deadline: float = DEADLINE) -> None:
        self._thread = ThreadPoolExecutor(1, "strength")
        self._room = 1 + queue
        self._deadline = deadline
        self._pending = 0
        self._counting = Lock()

    async def strength(self, password: str, about: Sequence[str] = ()) -> Strength:
        """Return the verdict; raise `Unavailable` when too many wait or it takes too long."""
        text = unicodedata.normalize("NFKC", password[:SAMPLED])[:SAMPLED]
        if not text:
            return Strength(0, WORDS[0])
        with self._counting:
            if self._pending >= self._room:
                raise _unavailable("the queue is full")
            self._pending += 1
        future = self._thread.submit(_estimate, text, parts_of(about))
        future.add_done_callback(self._leave)
        try:
            async with asyncio.timeout(self._deadline):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise _unavailable("it took too long") from None

    def _leave(self, _future: Future[Strength]) -> None:
        with self._counting:
            self._pending -= 1


def parts_of(about: Sequence[str]) -> list[str]:
    """Return the words about a user that somebody would guess first: each whole, and its parts."""
    whole = [word[:LONGEST_WORD] for word in about if word]
    parts = [part for word in whole for part in word.replace("@", " ").replace(".", " ").split()]
    return list(dict.fromkeys([*whole, *parts]))[:MOST_WORDS]


def _unavailable(detail: str) -> Unavailable:
    return Unavailable(
        Text("The strength of a password cannot be estimated at this moment."),
        detail=f"password strength: {detail}",
    )


def _estimate(text: str, about: list[str]) -> Strength:
    from zxcvbn import feedback, matching, scoring, time_estimates

    words = matching.build_ranked_dict([word.lower() for word in about])
    # A dictionary of this call's own: zxcvbn's entry point writes the words into a global one.
    matches = matching.omnimatch(bounded(text), {**matching.RANKED_DICTIONARIES, "user_inputs": words})
    estimated = scoring.most_guessable_match_sequence(bounded(text), matches)
    score: int = time_estimates.guesses_to_score(estimated["guesses"])
    told: dict[str, Any] = feedback.get_feedback(score, estimated["sequence"])
    advice = (told["warning"], *told["suggestions"])
    return Strength(score, WORDS[score], tuple(Text(text) for text in advice if text))


def bounded(text: str) -> str:
    """Return `text` with so few different substitutes for letters that their combinations are few.

    The other substitutes become the letter itself. The verdict is at most a little too low by that.
    """
    kept = ""
    plain: dict[str, str | int | None] = {}
    for character in dict.fromkeys(text):
        letter = _substitutes().get(character)
        if letter is None:
            continue
        if _combinations(kept + character) <= MOST_SUBSTITUTIONS:
            kept += character
        else:
            plain[character] = letter
    return text.translate(str.maketrans(plain))


@lru_cache(maxsize=1)
def _substitutes() -> dict[str, str]:
    from zxcvbn.matching import L33T_TABLE

    return {character: letter for letter, characters in L33T_TABLE.items() for character in characters}


@lru_cache(maxsize=1024)
def _combinations(characters: str) -> int:
    from zxcvbn import matching

    table = matching.relevant_l33t_subtable(characters, matching.L33T_TABLE)
    return len(matching.enumerate_l33t_subs(table))
