"""Source to restricted code. Runs in a throw-away worker: deep nesting can crash or exhaust Python's compiler."""

import ast
import marshal
from types import CodeType

from picloud.sandbox_pool.code_problem import CodeProblem
from picloud.sandbox_pool.endpoint import endpoint_problem
from picloud.sandbox_pool.transform import HandlerPolicy

_TOO_DEEP = CodeProblem(1, 1, "the script is nested too deeply", "split it into smaller functions")
_TOO_LARGE = CodeProblem(1, 1, "the script is too large to compile", "split it into modules and smaller functions")


class Refused(Exception):
    """The source is not in the handler language. `problems` says where and why."""

    def __init__(self, problems: list[CodeProblem]) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


def compile_script(name: str, source: str, modules: frozenset[str], *, endpoint: bool = False) -> CodeType:
    """The code of the script `name`, which may import `modules`; an `endpoint` needs a handler. Raises Refused."""
    try:
        tree = _parse(name, source)
        problem = endpoint_problem(tree) if endpoint else None
        policy = HandlerPolicy(modules - {name})
        policy.visit(tree)
        problems = policy.problems if problem is None else [*policy.problems, problem]
        if problems:
            raise Refused([_in_characters(problem, source) for problem in problems])
        return compile(tree, name, "exec", dont_inherit=True)
    except RecursionError:
        raise Refused([_TOO_DEEP]) from None
    except MemoryError:
        raise Refused([_TOO_LARGE]) from None
    except SyntaxError as error:  # also from compile(): `return` outside of a function, `nonlocal` at the top
        raise Refused(
            [CodeProblem(error.lineno or 1, max(error.offset or 1, 1), f"syntax error: {error.msg}")]
        ) from None


def _parse(name: str, source: str) -> ast.Module:
    try:
        return ast.parse(source, name)
    except ValueError as error:  # a NUL in the source
        raise Refused([CodeProblem(1, 1, f"this is not Python source: {error}")]) from None


def _in_characters(problem: CodeProblem, source: str) -> CodeProblem:
    """Python's syntax tree counts columns in bytes of UTF-8."""
    line = source.splitlines()[problem.line - 1 : problem.line]
    before = line[0].encode()[: problem.column - 1] if line else b""
    return problem._replace(column=len(before.decode("utf-8", "ignore")) + 1)


def dump(code: CodeType) -> bytes:
    return marshal.dumps(code)


def load(data: bytes) -> CodeType:
    """Only ever called in a worker of the app whose source it was: a crafted dump can do anything to its process."""
    code: CodeType = marshal.loads(data)  # noqa: S302
    return code
