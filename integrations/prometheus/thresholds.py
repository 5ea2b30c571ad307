"""Where an alert's rule begins to fire, read out of its expression: `errors > 0.02`. Pure; asks nobody.

A rule of any other form has no limit that could be drawn, and none is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import promql_parser as promql

from bot.domain.errors import BadArguments
from bot.ports.observing import Expression, Threshold
from integrations.prometheus.expressions import FARTHEST, parsed

_IS_ABOVE: Mapping[str, bool] = {">": True, ">=": True, "<": False, "<=": False}


def threshold(rule: str) -> Threshold | None:
    """What is compared with one finite number; the number may stand on either side."""
    try:
        tree = _bare(parsed(rule, FARTHEST))
    except BadArguments:
        return None
    if not isinstance(tree, promql.BinaryExpr) or str(tree.op) not in _IS_ABOVE:
        return None
    is_above, left, right = _IS_ABOVE[str(tree.op)], _bare(tree.lhs), _bare(tree.rhs)
    if isinstance(left, promql.NumberLiteral):
        is_above, left, right = not is_above, right, left
    if not isinstance(right, promql.NumberLiteral) or isinstance(left, promql.NumberLiteral):
        return None
    if not math.isfinite(right.val):
        return None
    return Threshold(Expression(left.prettify()), right.val, is_above)


def _bare(tree: promql.Expr) -> promql.Expr:
    while isinstance(tree, promql.ParenExpr):
        tree = tree.expr
    return tree
