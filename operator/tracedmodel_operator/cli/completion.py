"""``completion``: what a shell needs so that it completes commands, options and names."""

from __future__ import annotations

import argparse
import sys

from argcomplete.shell_integration import shellcode

summary = "write the code by which a shell completes commands, options and names: bash, zsh or fish"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    parser.epilog = (
        "bash: source <(kubectl tracedmodel completion bash). `kubectl tracedmodel <TAB>` itself needs no more than "
        "kubectl's own completion and kubectl_complete-tracedmodel on the PATH, which is installed with this program."
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the code."""
    sys.stdout.write(shellcode(["kubectl-tracedmodel"], shell=arguments.shell))
    return 0
