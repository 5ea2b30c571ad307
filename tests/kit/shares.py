"""The table of shares in docs/canary.md: what is asked and what is had with 1 to 20 pods. `python -m tests.kit.shares`."""

from bot.steps.replica_plan import achieved, replicas_for
from bot.steps.weight_plan import pods_for

ASKED = (1, 5, 10, 20, 25, 33, 50)
STABLE = range(1, 21)


def table() -> str:
    """Markdown. By weights every share is exact, and only the pods for it are a question."""
    head = "| stable pods | " + " | ".join(f"{share} %" for share in ASKED) + " |"
    rule = "|---|" + "---|" * len(ASKED)
    return "\n".join([head, rule, *(_row(pods) for pods in STABLE)]) + "\n"


def _row(stable: int) -> str:
    return f"| {stable} | " + " | ".join(_cell(stable, share) for share in ASKED) + " |"


def _cell(stable: int, share: int) -> str:
    pods = replicas_for(stable, share)
    return f"{achieved(stable, pods)} % ({pods}); {pods_for(stable, share)}"


if __name__ == "__main__":
    print(table(), end="")
