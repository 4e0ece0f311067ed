"""A group of commands, and options that stand together: a frozen dataclass whose fields are options."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter
from typing import Any, TypeVar

import typer

C = TypeVar("C", bound=Callable[..., None])


class Group(typer.Typer):
    """Commands under one name. Each may take dataclasses of options, as `spread` has it."""

    def __init__(self, help: str) -> None:
        super().__init__(help=help, no_args_is_help=True)

    def command(self, name: str | None = None, **how: Any) -> Callable[[C], C]:
        """As Typer's own."""
        register = super().command(name, **how)

        def add(command: C) -> C:
            register(spread(command))
            return command

        return add


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command as Typer can call it: instead of a dataclass it takes each of its fields as an option."""
    declared = inspect.signature(command, eval_str=True).parameters.values()
    sets: dict[str, Any] = {each.name: each.annotation for each in declared if is_dataclass(each.annotation)}
    options = [
        Parameter(
            each.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if each.default is MISSING else each.default,
            annotation=each.type,
        )
        for kind in sets.values()
        for each in fields(kind)
    ]
    own = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in declared if each.name not in sets]

    @wraps(command)
    def called(**given: Any) -> None:
        for name, kind in sets.items():
            given[name] = kind(**{each.name: given.pop(each.name) for each in fields(kind)})
        command(**given)

    return with_parameters(called, [*own, *options])


def with_parameters(command: C, parameters: list[Parameter]) -> C:
    """Typer makes arguments and options of these."""
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command
