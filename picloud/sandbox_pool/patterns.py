"""`match` statements. Patterns read attributes themselves, past the guards: so what they may name is checked here."""

import ast
from typing import Any

from RestrictedPython.transformer import RestrictingNodeTransformer

from picloud.sandbox_pool.guards import UNMATCHABLE


class PatternPolicy(RestrictingNodeTransformer):
    """The part of the policy that is about patterns."""

    def visit_Match(self, node: ast.Match) -> ast.AST:
        return self.node_contents_visit(node)

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        return self.node_contents_visit(node)

    def visit_MatchSingleton(self, node: ast.MatchSingleton) -> ast.AST:
        return node

    def visit_MatchSequence(self, node: ast.MatchSequence) -> ast.AST:
        return self.node_contents_visit(node)

    def visit_MatchOr(self, node: ast.MatchOr) -> ast.AST:
        return self.node_contents_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> ast.AST:
        self.check_name(node, node.name)
        return node

    def visit_MatchAs(self, node: ast.MatchAs) -> ast.AST:
        self.check_name(node, node.name)
        return self.node_contents_visit(node)

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.AST:
        self._check_value(node.value)
        return node

    def visit_MatchMapping(self, node: ast.MatchMapping) -> ast.AST:
        self.check_name(node, node.rest)
        for key in node.keys:
            self._check_value(key)
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.AST:
        self._check_value(node.cls)
        for name in node.kwd_attrs:
            self._check_attribute(node, name)
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        node.kwd_patterns = [self.visit(pattern) for pattern in node.kwd_patterns]
        return node

    def _check_value(self, node: ast.expr) -> None:
        """A constant, or a dotted name: it must stay one, so it can't be rewritten into a guarded call."""
        while isinstance(node, ast.Attribute):
            self._check_attribute(node, node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            self.visit(node)

    def _check_attribute(self, node: Any, name: str) -> None:
        self.check_name(node, name)
        if name in UNMATCHABLE:
            self.error(node, f'"{name}" is a reserved name.')
