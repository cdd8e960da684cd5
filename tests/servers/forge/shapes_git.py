"""How REST and webhooks show what is in git: commits, statuses, pushes, branches, files, workflow files."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from .bare import ZERO
from .shapes import Json, api_of, email, page_of
from .world import Account, Status

if TYPE_CHECKING:
    from .state import State


def status(world: State, found: Status) -> Json:
    """A commit status."""
    return {
        "url": f"{api_of(world)}/statuses/{found.sha}",
        "avatar_url": f"{world.url()}/{found.by.login}.png",
        "id": found.id,
        "node_id": f"SC_{found.id}",
        "state": found.state,
        "description": found.description,
        "target_url": found.target_url,
        "context": found.context,
        "created_at": found.created_at,
        "updated_at": found.created_at,
    }


def push(world: State, by: Account, ref: str, old: str, new: str) -> Json:
    """What a push event says."""
    bare = world.repository.bare
    made = [] if new == ZERO else bare.git("rev-list", "--reverse", "--max-count=20", *_since(old, new)).split()
    commits = [_commit(world, one) for one in made]
    return {
        "ref": ref,
        "before": old,
        "after": new,
        "created": old == ZERO,
        "deleted": new == ZERO,
        "forced": ZERO not in (old, new) and not bare.contains(new, old),
        "base_ref": None,
        "compare": f"{page_of(world)}/compare/{old[:12]}...{new[:12]}",
        "commits": commits,
        "head_commit": None if new == ZERO else _commit(world, new),
        "pusher": {"name": by.login, "email": email(by)},
    }


def _since(old: str, new: str) -> list[str]:
    return [new] if old == ZERO else [f"{old}..{new}"]


def _commit(world: State, sha: str) -> Json:
    """A commit as push events show it."""
    bare = world.repository.bare
    form = "%T%x00%an%x00%ae%x00%cn%x00%ce%x00%cI%x00%B"
    tree, author, address, committer, other, time, message = bare.git(
        "show", "--no-patch", f"--format={form}", sha
    ).split("\0")
    changed: dict[str, list[str]] = {"A": [], "M": [], "D": []}
    listed = bare.git("diff-tree", "-r", "--root", "--no-commit-id", "--no-renames", "--name-status", sha)
    for line in listed.splitlines():
        kind, _, path = line.partition("\t")
        changed.get(kind, changed["M"]).append(path)
    return {
        "id": sha,
        "tree_id": tree,
        "distinct": True,
        "message": message.rstrip("\n"),
        "timestamp": time,
        "url": f"{page_of(world)}/commit/{sha}",
        "author": {"name": author, "email": address, "username": author},
        "committer": {"name": committer, "email": other, "username": committer},
        "added": changed["A"],
        "modified": changed["M"],
        "removed": changed["D"],
    }


def commit(world: State, sha: str) -> Json:
    """A commit as REST shows it."""
    bare, api = world.repository.bare, f"{api_of(world)}/commits/{sha}"
    shown = _commit(world, sha)
    parents = bare.git("show", "--no-patch", "--format=%P", sha).split()
    times = bare.git("show", "--no-patch", "--format=%aI %cI", sha).split()
    people = [{**_person(shown[who]), "date": time} for who, time in zip(("author", "committer"), times, strict=True)]
    tree = {"sha": shown["tree_id"], "url": f"{api_of(world)}/git/trees/{shown['tree_id']}"}
    return {
        "url": api,
        "sha": sha,
        "node_id": f"C_{sha}",
        "html_url": shown["url"],
        "comments_url": f"{api}/comments",
        "commit": {
            "url": f"{api_of(world)}/git/commits/{sha}",
            "author": people[0],
            "committer": people[1],
            "message": shown["message"],
            "comment_count": 0,
            "tree": tree,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "payload": None,
                "signature": None,
                "verified_at": None,
            },
        },
        "author": None,
        "committer": None,
        "parents": [{"sha": one, "url": f"{api_of(world)}/commits/{one}"} for one in parents],
    }


def _person(who: Json) -> Json:
    return {"name": who["name"], "email": who["email"]}


def ref(world: State, name: str, sha: str) -> Json:
    """A branch as a git reference."""
    return {
        "ref": name,
        "node_id": f"REF_{name}",
        "url": f"{api_of(world)}/git/{name}",
        "object": {"type": "commit", "sha": sha, "url": f"{api_of(world)}/git/commits/{sha}"},
    }


def file(world: State, sha: str, path: str, content: bytes) -> Json:
    """A file with its content."""
    blob = hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()
    encoded = {"encoding": "base64", "content": base64.encodebytes(content).decode()}
    return {**entry(world, sha, path, ["100644", "blob", blob, str(len(content))]), **encoded}


def entry(world: State, sha: str, path: str, about: list[str]) -> Json:
    """A row of a folder: `about` is mode, kind, hash and size as git lists them."""
    api, kind = f"{api_of(world)}/contents/{path}?ref={sha}", {"blob": "file", "tree": "dir"}.get(about[1], "file")
    page, git = f"{page_of(world)}/blob/{sha}/{path}", f"{api_of(world)}/git/{about[1]}s/{about[2]}"
    return {
        "type": kind,
        "size": 0 if about[3] == "-" else int(about[3]),
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": about[2],
        "url": api,
        "git_url": git,
        "html_url": page,
        "download_url": page.replace("/blob/", "/raw/") if kind == "file" else None,
        "_links": {"self": api, "git": git, "html": page},
    }


def workflow(world: State, name: str, number: int) -> Json:
    """A workflow file."""
    return {
        "id": number,
        "node_id": f"W_{number}",
        "name": name,
        "path": f".github/workflows/{name}",
        "state": world.settings.workflow_states.get(name, "active"),
        "created_at": world.repository.created_at,
        "updated_at": world.repository.created_at,
        "url": f"{api_of(world)}/actions/workflows/{number}",
        "html_url": f"{page_of(world)}/blob/main/.github/workflows/{name}",
        "badge_url": f"{page_of(world)}/workflows/{name}/badge.svg",
    }
