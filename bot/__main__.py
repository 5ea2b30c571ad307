"""`pilothouse`: the program's commands. Reads the settings, picks what runs, and prints; decides nothing else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.app import programs

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The front door of a container PaaS, in Slack and here."
)
audit = typer.Typer(no_args_is_help=True, help="The audit record.")
app.add_typer(audit, name="audit")

SettingsFile = Annotated[Path | None, typer.Option("--settings", help="The settings file; else PILOTHOUSE_SETTINGS.")]


@app.command()
def serve(settings: SettingsFile = None) -> None:
    """Run the bot: Slack by Socket Mode or HTTP, webhooks, the terminal's socket."""
    raise typer.Exit(programs.serve(settings))


@app.command()
def playground(
    port: Annotated[int, typer.Option(help="Of the page.")] = 8081,
    kubeconfig: Annotated[Path | None, typer.Option(help="A real cluster instead of the simulated one.")] = None,
    context: Annotated[str, typer.Option(help="Of the kubeconfig; needed where it has several.")] = "",
    cluster: Annotated[str, typer.Option(help="`rig`: the real servers of tests/rig.")] = "",
) -> None:
    """Run the whole bot with a Slack-like workspace in the browser."""
    raise typer.Exit(programs.playground(port=port, kubeconfig=kubeconfig, context=context, cluster=cluster))


@app.command()
def run(
    line: Annotated[list[str], typer.Argument(help='A command line, such as "scale web 5 to staging".')],
    settings: SettingsFile = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Start without asking.")] = False,
    wait: Annotated[bool, typer.Option(help="Follow it to its end.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    folder: Annotated[Path | None, typer.Option(help="The data folder of the running bot.")] = None,
) -> None:
    """Run one command as you, with the same plan, policy, approval and record as in Slack."""
    raise typer.Exit(programs.run(" ".join(line), settings, yes=yes, wait=wait, as_json=as_json, folder=folder))


@app.command()
def doctor(settings: SettingsFile = None, folder: Annotated[Path | None, typer.Option()] = None) -> None:
    """Check the bot and everything that it talks to."""
    raise typer.Exit(programs.run("doctor", settings, yes=False, wait=True, as_json=False, folder=folder))


@app.command()
def manifest(
    settings: SettingsFile = None,
    url: Annotated[str, typer.Option(help="For HTTP: https://HOST/slack/events; without it, Socket Mode.")] = "",
) -> None:
    """Print the manifest of the Slack app."""
    typer.echo(programs.manifest(settings, url), nl=False)


@app.command()
def docs() -> None:
    """Print docs/commands.md."""
    typer.echo(programs.docs(), nl=False)


@app.command()
def migrate(
    settings: SettingsFile = None,
    role: Annotated[
        str, typer.Option(help="PostgreSQL: the bot's own role, which may then only add to the record.")
    ] = "",
) -> None:
    """Bring the database to this version's schema."""
    raise typer.Exit(programs.migrate(settings, role))


@audit.command()
def verify(settings: SettingsFile = None) -> None:
    """Check the record against itself and against its checkpoints outside. The bot need not run."""
    raise typer.Exit(programs.audit_verify(settings))


@audit.command()
def key(settings: SettingsFile = None) -> None:
    """Print the line for `audit: earlier-keys:` of the signing key in use, before another takes its place."""
    raise typer.Exit(programs.audit_key(settings))


@audit.command()
def adopt(
    reason: Annotated[str, typer.Option(help="Why the record is taken up again where it ends.")],
    settings: SettingsFile = None,
) -> None:
    """After a restore: take the record up where it ends, pause what is open, hold what is unsent."""
    raise typer.Exit(programs.audit_adopt(settings, reason=reason))


def main() -> None:
    try:
        app()
    except BrokenPipeError:
        # Whoever read our output has enough; nothing more can be said, not even at exit.
        sys.stdout = None


if __name__ == "__main__":
    main()
