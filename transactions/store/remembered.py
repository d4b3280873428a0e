"""Answers that are the same for as long as one moment of a store is read."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

__all__ = ["remembered"]

_Rows = TypeVar("_Rows")
_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


def remembered(method: Callable[Concatenate[_Rows, _Asked], _Answer]) -> Callable[Concatenate[_Rows, _Asked], _Answer]:
    """Have a method of `Rows` answer each question once: a page asks some of them again and again."""

    @wraps(method)
    def answer(rows: _Rows, /, *asked: _Asked.args, **named: _Asked.kwargs) -> _Answer:
        answers: dict[Hashable, _Answer] = vars(rows).setdefault(f"_answers_of_{method.__name__}", {})
        question = (asked, *named.items())
        if question not in answers:
            answers[question] = method(rows, *asked, **named)
        return answers[question]

    return answer
