"""The strength of a password is told at a bounded cost, and by this user's words only."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp.errors import Unavailable
from idp.identity import password_strength
from idp.identity.password_strength import (
    MOST_SUBSTITUTIONS,
    SAMPLED,
    Strength,
    StrengthMeter,
    bounded,
    parts_of,
)

SUBSTITUTES = "4@8({[<69!|13$5+7%02"
BOUND = 0.5
"""Seconds of CPU that one verdict may cost here, with room for a slow machine; usual are 0.03."""


def cost_of(password: str) -> float:
    began = time.thread_time()
    password_strength._estimate(password, [])
    return time.thread_time() - began


@pytest.mark.parametrize(
    "password",
    [
        SUBSTITUTES + "abcdefghijklmnopqrstuvwxyz" + SUBSTITUTES,  # cost five seconds and more
        SUBSTITUTES * 4,
        (SUBSTITUTES + "abcdefghijklmnop") * 2,  # a repetition is judged again by its part
        "1|!7([{<" * 9,
        "a" * SAMPLED,
        "0123456789" * 8,
    ],
)
def test_no_password_costs_more_than_the_bound(password: str) -> None:
    assert cost_of(password[:SAMPLED]) < BOUND


@given(st.text(SUBSTITUTES + "ailtx", max_size=SAMPLED))
@settings(max_examples=50)
def test_combinations_of_substitutes_are_few_whatever_is_typed(password: str) -> None:
    from zxcvbn import matching

    table = matching.relevant_l33t_subtable(bounded(password), matching.L33T_TABLE)
    assert len(matching.enumerate_l33t_subs(table)) <= MOST_SUBSTITUTIONS
    assert len(bounded(password)) == len(password)


async def test_a_usual_password_with_substitutes_is_still_found_out() -> None:
    assert (await StrengthMeter().strength("P@ssw0rd!")).score <= 1
    assert (await StrengthMeter().strength("correct horse battery staple mill")).score == 4


async def test_the_users_own_words_count_and_only_theirs() -> None:
    about = ["zebulon.quarrington@example.org"]
    meter = StrengthMeter()
    assert (await meter.strength("zebulonquarrington", about)).score < 3
    assert (await meter.strength("zebulonquarrington")).score >= 3


def test_two_threads_never_judge_by_each_others_words() -> None:
    one, other = "zebulonquarrington", "thaddeuswimbledoom"

    def judge(number: int) -> int:
        mine, word = (one, one) if number % 2 else (one, other)
        return password_strength._estimate(mine, [word]).score

    with ThreadPoolExecutor(4) as threads:
        scores = list(threads.map(judge, range(200)))
    assert len(set(scores[::2])) == len(set(scores[1::2])) == 1
    assert scores[0] > scores[1]


def test_words_about_a_user_are_bounded() -> None:
    words = parts_of(["x" * 100_000, "a." * 100_000])
    assert len(words) <= password_strength.MOST_WORDS
    assert max(map(len, words)) <= password_strength.LONGEST_WORD


async def test_a_full_queue_and_a_late_verdict_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    release = threading.Event()

    def slow(_text: str, _about: list[str]) -> Strength:
        release.wait(10)
        return Strength(0, password_strength.WORDS[0])

    monkeypatch.setattr(password_strength, "_estimate", slow)
    meter = StrengthMeter(queue=1, deadline=0.2)
    asked = [asyncio.create_task(meter.strength("something")) for _ in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    details = [answer.detail for answer in answers if isinstance(answer, Unavailable)]
    assert [detail.partition(": ")[2] for detail in details if detail] == [
        "it took too long",
        "it took too long",
        "the queue is full",
    ]
    release.set()
