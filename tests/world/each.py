"""One test of many cases that share everything: hundreds of vectors cost one test, and each that fails is named."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any

import pytest

Test = Callable[..., None]


def each(names: str, cases: Collection[Any]) -> Callable[[Test], Test]:
    """Run the body of a test once for every case, in one test: fixtures are set up once for all.

    Args:
        names: of the argument that takes the case; of several, with commas between, if a case is a tuple of values.
        cases: at least one.

    Raises:
        BaseExceptionGroup: when all have run, with the failure of each case and a note which case it is.
    """
    arguments = names.replace(" ", "").split(",")

    def wrap(test: Test) -> Test:
        @functools.wraps(test)
        def run(**fixtures: Any) -> None:  # noqa: ANN401 -- whatever the test asks for
            assert cases, "no case, so nothing was tested"
            failed: list[BaseException] = []
            for case in cases:
                values = case if len(arguments) > 1 else (case,)
                try:
                    test(**dict(zip(arguments, values, strict=True)), **fixtures)
                except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 -- shown below
                    error.add_note(f"{names} = {ascii(case)[:200]}")
                    failed.append(error)
            if failed:
                which = "\n".join(error.__notes__[-1] for error in failed)
                message = f"{len(failed)} of {len(cases)} cases failed:\n{which}\n"
                raise BaseExceptionGroup(message, failed)

        signature = inspect.signature(test)
        fixtures = [parameter for name, parameter in signature.parameters.items() if name not in arguments]
        run.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined] # pytest reads it
        return run

    return wrap
