"""Whether a script can serve as an endpoint: it must have a `handler` that can be called with `ctx` alone."""

import ast
from collections.abc import Iterator

from picloud.sandbox_pool.code_problem import CodeProblem

_HINT = "def handler(ctx):"
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_PLAIN = (ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp)


def endpoint_problem(tree: ast.Module) -> CodeProblem | None:
    """What is wrong with the `handler` of `tree`; None where it is, or may be, fine. Columns count in bytes of UTF-8.

    What only running can tell (an import, the result of a call, a decorator) is believed.
    """
    complaints = []
    for node in _at_top_level(tree):
        if (complaint := _complaint(node)) is None:
            return None
        if complaint:
            complaints.append(CodeProblem(node.lineno, node.col_offset + 1, complaint, _HINT))
    if any(isinstance(node, ast.Global) and "handler" in node.names for node in ast.walk(tree)):
        return None
    return complaints[-1] if complaints else CodeProblem(1, 1, "there is no function handler(ctx)", _HINT)


def _at_top_level(tree: ast.Module) -> Iterator[ast.stmt | ast.expr]:
    """The statements and expressions that run with the script itself, in no certain order."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt | ast.expr):
            yield node
        if isinstance(node, ast.stmt) and (value := _assigned(node)) is not None:
            waiting.append(value)
        elif not isinstance(node, _INNER):
            waiting.extend(ast.iter_child_nodes(node))


def _assigned(node: ast.stmt) -> ast.expr | None:
    """The value of a plain `handler = value`."""
    match node:
        case ast.Assign(targets=[ast.Name(id="handler")]) | ast.AnnAssign(target=ast.Name(id="handler")):
            return node.value
    return None


def _complaint(node: ast.stmt | ast.expr) -> str | None:
    """Empty where `node` doesn't bind `handler`, None where it does and may be fine."""
    if isinstance(node, ast.stmt) and (value := _assigned(node)) is not None:
        return _value_complaint(value)
    match node:
        case ast.FunctionDef(name="handler", decorator_list=[]):
            return _arguments_complaint(node.args)
        case ast.FunctionDef(name="handler") | ast.AsyncFunctionDef(name="handler") | ast.ClassDef(name="handler"):
            return None
        case ast.Name(id="handler", ctx=ast.Store()):
            return None
        case ast.Import() | ast.ImportFrom():
            bound = {alias.asname or alias.name for alias in node.names}
            return None if bound & {"handler", "*"} else ""
    return ""


def _value_complaint(value: ast.expr) -> str | None:
    if isinstance(value, ast.Lambda):
        return _arguments_complaint(value.args)
    if isinstance(value, _PLAIN):
        return "`handler` is not a function"
    return None


def _arguments_complaint(arguments: ast.arguments) -> str | None:
    positional = [*arguments.posonlyargs, *arguments.args]
    takes_one = bool(positional) or arguments.vararg is not None
    needs_more = len(positional) - len(arguments.defaults) > 1 or None in arguments.kw_defaults
    return None if takes_one and not needs_more else "`handler` must take one argument, the event's ctx"
