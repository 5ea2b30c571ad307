"""However a canary is disturbed, by weights, by replicas or of an Argo Rollout, it ends: all new, all old, or stuck with an
explanation; and it goes on by itself only on a pass.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit import progressive_rollouts, replica_rollouts
from tests.kit.rollouts import made
from tests.kit.shares import table

BATCH = 25
DOCS = Path(__file__).parents[2] / "docs/canary.md"


@pytest.mark.parametrize("first", range(1, 301, BATCH))
def test_every_rollout_ends_all_new_all_old_or_explained(first: int) -> None:
    """More of them: `python -m tests.kit.rollouts 3000`."""
    for seed in range(first, first + BATCH):
        ended = made(seed).run()
        assert not ended.wrong, (seed, ended)


@pytest.mark.parametrize("first", range(1, 101, BATCH))
def test_every_canary_of_an_argo_rollout_ends_all_new_all_old_or_explained(first: int) -> None:
    """More of them: `python -m tests.kit.progressive_rollouts 1000`."""
    for seed in range(first, first + BATCH):
        ended = progressive_rollouts.made(seed).run()
        assert not ended.wrong, (seed, ended)


@pytest.mark.parametrize("first", range(1, 201, BATCH))
def test_every_canary_by_replicas_ends_all_new_all_old_or_explained(first: int) -> None:
    """More of them: `python -m tests.kit.replica_rollouts 3000`."""
    for seed in range(first, first + BATCH):
        ended = replica_rollouts.made(seed).run()
        assert not ended.wrong, (seed, ended)


def test_the_same_seed_ends_the_same() -> None:
    first, second = made(7).run(), made(7).run()
    assert first == second


def test_the_table_of_shares_in_the_docs_is_what_is_computed() -> None:
    assert table() in DOCS.read_text()
