"""What keeps a command from its answer, as sentences that say what to do."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from tracedmodel_operator.errors import ApiError, NoAccess, Unavailable

_UNAUTHORIZED, _FORBIDDEN = 401, 403


class CommandError(Exception):
    """A sentence for the one who called."""


def sentence(error: Exception, server: str = "") -> str:
    """Return what to tell of an error."""
    if isinstance(error, NoAccess):
        return f"no way into a cluster: {error}; name a kubeconfig with --kubeconfig or $KUBECONFIG"
    if isinstance(error, Unavailable) and error.status == 0:
        return f"{server} gives {error}; is it the right cluster? kubectl config current-context says which it is"
    if isinstance(error, ApiError) and error.status == _UNAUTHORIZED:
        return f"{server} does not accept your credentials: they are wrong or have expired; log in again"
    if isinstance(error, ApiError) and error.status == _FORBIDDEN:
        return (
            f"you may not do this: {error}; ask an administrator of the cluster for the permission"
        )
    return str(error)


def no_definition(server: str) -> CommandError:
    """Return that the cluster knows no TracedModels."""
    return CommandError(
        f"{server} knows no TracedModels: kubectl apply --server-side -f crds/ teaches it, "
        "or choose another cluster with --context"
    )


def no_such(
    name: str, namespace: str, here: Sequence[str], elsewhere: Sequence[str]
) -> CommandError:
    """Return that there is no such resource, with what may be meant; ``elsewhere`` are namespaces that have the name."""
    told = f"namespace {namespace} has no TracedModel {name}"
    near = difflib.get_close_matches(name, here, n=3, cutoff=0.5)
    if near:
        return CommandError(f"{told}; did you mean {' or '.join(near)}?")
    if elsewhere:
        return CommandError(f"{told}; there is one in {', '.join(elsewhere)}: name it with -n")
    known = f"it has {', '.join(here[:10])}" if here else "it has none; -n names another namespace"
    return CommandError(f"{told}; {known}")
