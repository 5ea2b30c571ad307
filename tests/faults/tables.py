"""The table of dependencies in docs/reliability.md, from the cells that are tested.

python -m tests.faults.tables          # writes it anew
"""

from __future__ import annotations

from pathlib import Path

from tests.faults.expected import ASKED, CELLS, READY, Asked, Cell, Change

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- dependencies: written by python -m tests.faults.tables -->", "<!-- end of dependencies -->"
NAMES = {
    "database": "database (PostgreSQL)",
    "slack": "Slack's Web API",
    "ingress": "Slack's deliveries",
    "kubernetes": "Kubernetes API",
    "registry": "registry",
    "elasticsearch": "Elasticsearch",
    "prometheus": "Prometheus",
    "alertmanager": "Alertmanager's API",
    "audit": "where the record is fed to",
    "checkpoints": "place of checkpoints",
    "policy": "policy file",
    "clock": "clock of the database",
}
SAID = {
    "nothing": "nothing can be told; it is in the record",
    READY: "answered",
    "History: web on prod": "answered",
    "dispatch_failed": "Slack says that it did not reach the bot",
    "Please sign in": "Slack shows the page",
}


def row(cell: Cell) -> str:
    asked = ASKED.get(cell.dependency, Asked())
    change = f"{cell.change.value}" + (f": {_said(cell.told)}" if cell.change is Change.REFUSED else "")
    columns = (NAMES[cell.dependency], f"{cell.how}: {cell.meaning}", f"`{_verb(asked.change)}` {change}")
    return f"| {' | '.join(columns)} | `{_verb(asked.read)}`: {_said(cell.read)} | {cell.alert} |"


def _verb(line: str) -> str:
    return line.partition(" ")[0]


def _said(words: str) -> str:
    return SAID.get(words, f"“{words}”")


def table() -> str:
    head = ("| Dependency | What is the matter | A change | A read | An alert |", "|---|---|---|---|---|")
    return "\n".join((*head, *map(row, CELLS)))


def filled(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
