"""Whose values are never kept: names of query parameters with a word in them that tells of a secret."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from weighbridge.transactions.configuration.denied_names import DeniedNames
from weighbridge.transactions.configuration.loading import load
from weighbridge.transactions.configuration.name_patterns import NamePatterns
from weighbridge.transactions.configuration.settings import DEFAULTS

DENIED = DeniedNames(DEFAULTS.denied_params)


@pytest.mark.parametrize(
    "name",
    """password password1 user[password] user.password newPassword NEW_PASSWORD pass_word passwordConfirmation
    client_secret clientSecret secret1 refresh_token accessToken access-token access_token accesstoken token token2
    X-API-Key x_api_key apiKey APIKey apikey xapikey otp otpCode user_otp OTP signature X-Amz-Signature
    private_key privateKey pin userPin user_pin card[pin] PIN PINcode pin2 cvc cvv iban IBAN myIban jwt id_jwt bearer
    bearer_token credential credentials credit_card creditCard cardNumber session sessionid JSESSIONID csrf csrf_token
    csrfmiddlewaretoken auth x-auth basicAuth authorization ssn pwd passwd
    tOKEN \uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44""".split(),
)
def test_denied(name: str) -> None:
    assert name in DENIED


@pytest.mark.parametrize(
    "name",
    """author authors hotpink page q pint spin opinion pinned Hotpink adopt laptop tokenizer_ authentic sort
    page[number] sorting pwdx cvcs x key keyword apis carded number user_id ibanez""".split(),
)
def test_not_denied(name: str) -> None:
    assert name not in DENIED


WORDS = sorted(DEFAULTS.denied_params)
LONG = [word for word in WORDS if len(re.sub("[^a-z]", "", word)) >= 6]
SHORT = sorted(set(WORDS) - set(LONG))
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NO_LETTERS = st.text("0123456789_-.[]{}() +/:", max_size=5)


@given(before=ANYTHING, word=st.sampled_from(LONG), after=ANYTHING)
@example(before="", word="private_key", after="s")
def test_a_long_word_is_denied_wherever_it_stands(before: str, word: str, after: str) -> None:
    assert f"{before}{word}{after}" in DENIED


@given(
    before=NO_LETTERS, word=st.sampled_from(SHORT), after=NO_LETTERS, case=st.sampled_from([str, str.upper, str.title])
)
def test_a_short_word_is_denied_as_a_word(before: str, word: str, after: str, case: type[str]) -> None:
    assert f"{before}{case(word)}{after}" in DENIED


@given(first=st.text("abcdefghijklmnopqrstuvwxyz", max_size=4), word=st.sampled_from(SHORT), last=NO_LETTERS)
def test_a_hump_begins_a_word(first: str, word: str, last: str) -> None:
    assert f"{first}{word.title()}{last}" in DENIED
    assert f"{first}_{word}{last}" in DENIED


@given(
    word=st.sampled_from(SHORT), more=st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=6), front=st.booleans()
)
def test_a_short_word_within_another_is_not_denied(word: str, more: str, front: bool) -> None:
    name = more + word if front else word + more
    assume(name not in SHORT and not any(re.sub("[^a-z]", "", each) in name for each in LONG))
    assert name not in DENIED


@given(st.text(st.characters(), max_size=300))
def test_every_name_is_one_or_the_other(name: str) -> None:
    assert (name in DENIED) in {True, False}


@pytest.mark.parametrize(
    ("listed", "denied", "not_denied"),
    [
        ("nip", ["nip", "Nip", "user_nip", "nip2"], ["snip", "nipple", "password"]),
        ("tax_id", ["tax_id", "taxId", "user-tax-id", "taxid"], ["tax", "id", "taxidermy"]),
        ("2fa", ["2fa", " 2FA "], ["sofa"]),
        ("größe", ["größe", "GRÖSSE", "userGröße"], ["groesse"]),
    ],
)
def test_the_list_is_a_setting(listed: str, denied: list[str], not_denied: list[str]) -> None:
    words = load(arguments={"denied_params": listed}).settings.denied_params
    names = DeniedNames(words)
    assert [name in names for name in denied] == [True] * len(denied)
    assert [name in names for name in not_denied] == [False] * len(not_denied)


# Patterns of attributes


@given(name=st.text(max_size=20), other=st.text(max_size=5))
def test_a_pattern_without_a_star_means_one_name(name: str, other: str) -> None:
    assume("*" not in name)
    patterns = NamePatterns([], [name])
    assert patterns.verdict(name) is False
    assert patterns.verdict(f"{name}x{other}") is None


@given(start=st.text("abc.", max_size=5), rest=st.text(max_size=5))
def test_a_star_stands_for_anything(start: str, rest: str) -> None:
    assert NamePatterns([f"{start}*"], []).verdict(start + rest) is True
    assert NamePatterns([], [f"*{start}"]).verdict(rest + start) is False


@pytest.mark.parametrize(
    ("include", "exclude", "verdict"),
    [
        (["a.*"], ["a.b*"], False),
        (["a.b*"], ["a.*"], True),
        (["a.bc"], ["a.b*", "*", "a.bc*"], True),
        (["a.bc"], ["a.bc"], False),
        (["a.b*"], ["a.b*"], False),
        (["*"], [], True),
        (["x"], ["y"], None),
        ([], [], None),
    ],
)
def test_the_most_telling_pattern_decides(include: list[str], exclude: list[str], verdict: bool | None) -> None:
    assert NamePatterns(include, exclude).verdict("a.bc") is verdict
