"""python -m tests.rig build | up DIR | down DIR | status: the rig from the command line."""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from tests.rig import addresses, build, lifecycle, network
from tests.rig.cache import NotBuiltError
from tests.rig.servers import ServerEndedError
from tests.rig.waiting import WaitedInVainError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rig", description="Real servers for tests.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build what is missing; the only step that downloads anything")
    for verb, purpose in (("up", "start everything, files under DIR"), ("down", "stop what runs in DIR")):
        verbs.add_parser(verb, help=purpose).add_argument("dir", type=Path)
    verbs.choices["up"].add_argument(
        "--owner", type=int, help="process id: the rig counts as left over once that is gone"
    )
    verbs.add_parser("status", help="what runs, where, and how much memory it takes")
    arguments = parser.parse_args()
    try:
        return _run(arguments)
    except (
        NotBuiltError,
        lifecycle.RigRunningError,
        network.CannotRunHereError,
        ServerEndedError,
        WaitedInVainError,
        FileExistsError,
        subprocess.CalledProcessError,
    ) as error:
        print(error, file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    match arguments.verb:
        case "build":
            build.build_all(_note)
            lacking = build.missing_packages()
            if lacking:
                print(
                    f"still missing: Debian packages {' '.join(lacking)} (.ci/packages installs them)", file=sys.stderr
                )
                return 1
        case "up":
            started = lifecycle.up(arguments.dir, note=_note, owner=arguments.owner)
            print(json.dumps(asdict(started), indent=2))
        case "down":
            lifecycle.down(arguments.dir)
        case "status":
            running = lifecycle.running()
            if running is None:
                print("no rig is running")
                return 1
            print(
                f"{addresses.read(running.folder).api_server} in {running.folder}, {network.resident_memory() / 2**20:.0f} MB resident"
            )
    return 0


def _note(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
