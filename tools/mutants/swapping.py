"""Puts the code of a mutant into functions that are already imported, which saves importing everything again."""

import gc
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

_IN_A_FUNCTION = 0x1  # CO_OPTIMIZED: what runs when it is called, not when the module is imported

Place = tuple[str, int]
"""A file and the first line of one of its functions."""


def _shape(code: CodeType) -> tuple[object, ...]:
    """What code does, without the lines that it stands on."""
    return (
        code.co_name,
        code.co_code,
        code.co_exceptiontable,
        code.co_flags,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        tuple(_constant(one) for one in code.co_consts),
    )


def _constant(value: object) -> object:
    # Types are told apart: 1, 1.0 and True are equal.
    return _shape(value) if isinstance(value, CodeType) else (type(value).__name__, repr(value))


def _inner(code: CodeType) -> list[CodeType]:
    return [one for one in code.co_consts if isinstance(one, CodeType)]


def changed_functions(old: CodeType, new: CodeType) -> list[tuple[CodeType, CodeType]] | None:
    """The functions of a module that differ, old and new; None when the module's own level differs.

    Args:
        old: the module's code.
        new: the same of the mutant.
    """
    mine, others = _inner(old), _inner(new)
    if len(mine) != len(others) or _outer(old) != _outer(new):
        return None
    found: list[tuple[CodeType, CodeType]] = []
    for one, other in zip(mine, others, strict=True):
        if _shape(one) == _shape(other):
            continue
        if one.co_flags & _IN_A_FUNCTION:
            found.append((one, other))
            continue
        deeper = changed_functions(one, other)
        if deeper is None:
            return None
        found += deeper
    return found


def _outer(code: CodeType) -> tuple[object, ...]:
    """As ``_shape``, without the functions and classes within."""
    constants = tuple(None if isinstance(one, CodeType) else _constant(one) for one in code.co_consts)
    return (*_shape(code)[:-1], constants)


def place_of(code: CodeType) -> Place:
    """Where a function stands."""
    return code.co_filename, code.co_firstlineno


def _every_object() -> list[Any]:
    """All objects, also those that the tests' conftest has frozen after their collection."""
    gc.unfreeze()
    return gc.get_objects()


def _live(code: CodeType) -> Iterator[FunctionType]:
    for one in _every_object():
        if type(one) is FunctionType and place_of(one.__code__) == place_of(code):
            yield one


def swap(pairs: list[tuple[CodeType, CodeType]]) -> bool:
    """Put new code in place of old, wherever a function has it; whether each was found."""
    for old, new in pairs:
        functions = list(_live(old))
        if not functions or old.co_freevars != new.co_freevars:
            return False
        for function in functions:
            function.__code__ = new
    return True


def forget() -> None:
    """Empty what functions have kept of earlier calls."""
    for one in _every_object():
        if type(one).__name__ == "_lru_cache_wrapper" and str(one.__module__).startswith("zonewright"):
            one.cache_clear()
