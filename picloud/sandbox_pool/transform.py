"""The restricting policy: RestrictedPython's, plus the comforts of ordinary Python, plus positions and hints."""

import ast
from collections.abc import Iterator
from typing import Any, cast

from RestrictedPython.transformer import IOPERATOR_TO_STR, copy_locations

from picloud.sandbox_pool.code_problem import CodeProblem
from picloud.sandbox_pool.imports import import_problems
from picloud.sandbox_pool.language import ABSENT, METHODS, RESERVED, STATEMENTS
from picloud.sandbox_pool.patterns import PatternPolicy

MAX_PROBLEMS = 20


class HandlerPolicy(PatternPolicy):
    """Rewrites one script's tree in place and collects `problems`. `modules` are the names of the app's own modules."""

    def __init__(self, modules: frozenset[str]) -> None:
        super().__init__()
        self.problems: list[CodeProblem] = []
        self._modules = modules
        self._assigned: set[str] = set()
        self._functions: list[ast.FunctionDef] = []
        self._in_class = False

    # Problems, with a place and a way out

    def error(self, node: ast.AST, info: str) -> None:
        message, hint = _explained(info)
        self.problem(node, message, hint)

    def problem(self, node: ast.AST, message: str, hint: str) -> None:
        problem = CodeProblem(getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1, message, hint)
        if len(self.problems) < MAX_PROBLEMS and problem not in self.problems:
            self.problems.append(problem)

    def not_allowed(self, node: ast.AST) -> None:
        kind = type(node).__name__
        message, hint = STATEMENTS.get(kind, (f"{kind} is not available here", ""))
        self.problem(node, message, hint)

    def check_name(self, node: Any, name: str | None, allow_magic_methods: bool = False) -> None:
        if allow_magic_methods and name in METHODS and self._in_class:
            return
        super().check_name(node, name, allow_magic_methods=False)

    # Names

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self._assigned = {name for inner in ast.walk(node) for name in _bound_names(inner)}
        return self.node_contents_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == "print" and isinstance(node.ctx, ast.Load):
            return node
        if node.id in ABSENT and node.id not in self._assigned:
            self.problem(node, f"`{node.id}` doesn't exist here", ABSENT[node.id])
            return node
        self.check_name(node, node.id)
        return node

    def visit_Global(self, node: ast.Global) -> ast.AST:
        return self._declared(node)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        return self._declared(node)

    def _declared(self, node: ast.Global | ast.Nonlocal) -> ast.AST:
        for name in node.names:
            self.check_name(node, name)
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        if node.arg is not None:
            self.check_name(node, node.arg)
        return self.node_contents_visit(node)

    # Imports

    def visit_Import(self, node: ast.Import) -> Any:
        return self._imported(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        if node.module == "__future__" and not node.level:
            return ast.copy_location(ast.Pass(), node)
        return self._imported(node)

    def _imported(self, node: ast.Import | ast.ImportFrom) -> ast.AST:
        for message, hint in import_problems(node, self._modules):
            self.problem(node, message, hint)
        return self.check_import_names(node)

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        if node.is_async:
            self.problem(node.target, *STATEMENTS["AsyncFor"])
        return super().visit_comprehension(node)

    # Annotations are for people: they are dropped

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:
            self.visit(node.target)
            kept: ast.stmt = ast.Pass()
        else:
            kept = ast.Assign(targets=[node.target], value=node.value)
        copy_locations(kept, node)
        return self.visit(kept)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    # Functions and classes

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.check_name(node, node.name, allow_magic_methods=True)
        self.check_function_argument_names(node)
        node.returns = None
        in_class, self._in_class = self._in_class, False
        self._functions.append(node)
        node = self.node_contents_visit(node)
        self._functions.pop()
        self._in_class = in_class
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        for keyword in node.keywords:
            self.problem(keyword, "class keywords are not available here", "leave them out")
        fields = _declared_fields(node) if node.decorator_list else []
        in_class, self._in_class = self._in_class, True
        visited = super().visit_ClassDef(node)
        self._in_class = in_class
        if fields:  # for @dataclass: the annotations themselves are dropped
            names = ast.Tuple([ast.Constant(name) for name in fields], ast.Load())
            cast(ast.ClassDef, visited).body.append(ast.Assign([ast.Name("__fields__", ast.Store())], names))
        copy_locations(cast(ast.ClassDef, visited), node)
        return visited

    # kind.__name__, and super().method(): the only way to a base's method of the same name

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        value = node.value
        if node.attr == "__name__" and isinstance(node.ctx, ast.Load):
            call = ast.Call(func=ast.Name("_name_", ast.Load()), args=[self.visit(value)], keywords=[])
            copy_locations(call, node)
            return call
        if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "super"):
            return super().visit_Attribute(node)
        method = self._functions[-1] if self._functions else None
        if value.args or value.keywords or method is None or not method.args.args:
            self.problem(node, "super() is available in methods only, without arguments", "write super().name(...)")
            return node
        if node.attr not in METHODS:
            self.check_name(node, node.attr)
        call = ast.Call(
            func=ast.Name("_super_", ast.Load()),
            args=[
                ast.Name("__class__", ast.Load()),
                ast.Name(method.args.args[0].arg, ast.Load()),
                ast.Constant(node.attr),
            ],
            keywords=[],
        )
        copy_locations(call, node)
        return call

    # Augmented assignment, also to items and attributes

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        target = node.target
        if isinstance(target, ast.Name):
            return super().visit_AugAssign(node)
        symbol = ast.Constant(IOPERATOR_TO_STR[type(node.op)])
        if isinstance(target, ast.Subscript):
            name, key = "_inplace_item_", self.visit(target.slice)
        else:
            self.visit_Attribute(ast.copy_location(ast.Attribute(ast.Constant(0), target.attr, ast.Load()), target))
            name, key = "_inplace_attribute_", ast.Constant(target.attr)
        call = ast.Call(
            func=ast.Name(name, ast.Load()),
            args=[self.visit(target.value), key, symbol, self.visit(node.value)],
            keywords=[],
        )
        statement = ast.Expr(call)
        copy_locations(statement, node)
        return statement


def _bound_names(node: ast.AST) -> Iterator[str]:
    """The names that `node` itself binds."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield node.asname or node.name
    elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


def _declared_fields(node: ast.ClassDef) -> list[str]:
    """The names that the body of `node` annotates, but for class variables."""
    return [
        statement.target.id
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and "ClassVar" not in ast.unparse(statement.annotation)
    ]


def _explained(info: str) -> tuple[str, str]:
    """RestrictedPython's message, in the words of this language."""
    if "starts with" in info:
        name = info.split('"')[1]
        if name in RESERVED:
            return f"{name!r} is not available here", RESERVED[name]
        if name.startswith("__") and name.endswith("__"):
            return f"{name!r} is not available here", "special names can't be used, nor special methods but the usual"
        return (
            f"{name!r} starts with an underscore",
            "use a name without it: names with a leading underscore are reserved",
        )
    if "is a reserved name" in info:
        return info.replace('"', "'").rstrip("."), "use another name"
    if info.startswith(("Exec", "Eval")):
        return "text can't be run as code", "put it into a module script and import it"
    if '"*" imports' in info:
        return "`import *` is not available", "name what you need: from module import name"
    if "restricted name" in info:
        return f"{info.split(chr(34))[1]!r} is not available here", "frames and code objects can't be reached"
    return info.rstrip("."), ""
