"""How REST and webhooks show the world: one function for each thing, complete enough for GitHub's own description."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from .bare import ZERO, MergeConflict
from .world import Account, Comment, Pull, Repository, Review, Text, Thread

if TYPE_CHECKING:
    from .state import State

Json = dict[str, Any]
_USER = {
    "followers_url": "followers", "following_url": "following{/other_user}", "gists_url": "gists{/gist_id}",
    "starred_url": "starred{/owner}{/repo}", "subscriptions_url": "subscriptions", "organizations_url": "orgs",
    "repos_url": "repos", "events_url": "events{/privacy}", "received_events_url": "received_events",
}  # fmt: skip
_REPOSITORY = {
    "archive_url": "{archive_format}{/ref}", "assignees_url": "assignees{/user}", "blobs_url": "git/blobs{/sha}",
    "branches_url": "branches{/branch}", "collaborators_url": "collaborators{/collaborator}",
    "comments_url": "comments{/number}", "commits_url": "commits{/sha}", "compare_url": "compare/{base}...{head}",
    "contents_url": "contents/{+path}", "contributors_url": "contributors", "deployments_url": "deployments",
    "downloads_url": "downloads", "events_url": "events", "forks_url": "forks", "git_commits_url": "git/commits{/sha}",
    "git_refs_url": "git/refs{/sha}", "git_tags_url": "git/tags{/sha}", "hooks_url": "hooks",
    "issue_comment_url": "issues/comments{/number}", "issue_events_url": "issues/events{/number}",
    "issues_url": "issues{/number}", "keys_url": "keys{/key_id}", "labels_url": "labels{/name}",
    "languages_url": "languages", "merges_url": "merges", "milestones_url": "milestones{/number}",
    "notifications_url": "notifications{?since,all,participating}", "pulls_url": "pulls{/number}",
    "releases_url": "releases{/id}", "stargazers_url": "stargazers", "statuses_url": "statuses/{sha}",
    "subscribers_url": "subscribers", "subscription_url": "subscription", "tags_url": "tags", "teams_url": "teams",
    "trees_url": "git/trees{/sha}",
}  # fmt: skip
GHOST = Account("ghost", 10137)
_STATES = {"APPROVED": "approved", "CHANGES_REQUESTED": "changes_requested", "COMMENTED": "commented"}


def email(account: Account) -> str:
    """The address that GitHub gives an account in the commits that it makes."""
    return f"{account.id}+{account.login}@users.noreply.github.com"


def user(world: State, account: Account) -> Json:
    """An account, in short."""
    api, page = f"{world.url()}/users/{account.login}", f"{world.url()}/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": account.node_id,
        "avatar_url": f"{page}.png",
        "gravatar_id": "",
        "url": api,
        "html_url": page,
        **{name: f"{api}/{end}" for name, end in _USER.items()},
        "type": account.type,
        "site_admin": False,
    }


def whole_user(world: State, account: Account) -> Json:
    """An account as asked for by itself."""
    empty = ("bio", "blog", "company", "email", "hireable", "location", "name")
    zero = ("followers", "following", "public_gists", "public_repos")
    times = {"created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"}
    shown = {**user(world, account), **dict.fromkeys(empty), **dict.fromkeys(zero, 0), **times}
    return {**shown, "user_view_type": "public"}


def repository(world: State, found: Repository) -> Json:
    """A repository."""
    api, page = f"{world.url()}/repos/{found.full_name}", f"{world.url()}/{found.full_name}"
    settings = world.settings
    return {
        "id": found.id,
        "node_id": f"R_{found.id}",
        "name": found.name,
        "full_name": found.full_name,
        "owner": user(world, found.owner),
        "private": settings.private,
        "visibility": "private" if settings.private else "public",
        "html_url": page,
        "url": api,
        "description": None,
        "fork": found.parent is not None,
        **{name: f"{api}/{end}" for name, end in _REPOSITORY.items()},
        "git_url": f"git://{page.partition('://')[2]}.git",
        "ssh_url": f"git@forge:{found.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "default_branch": "main",
        "archived": False,
        "disabled": False,
        "is_template": False,
        "allow_forking": True,
        "web_commit_signoff_required": False,
        "topics": [],
        "custom_properties": {},
        "has_issues": True,
        "has_projects": False,
        "has_wiki": False,
        "has_pages": settings.pages is not None,
        "has_discussions": False,
        "has_downloads": False,
        "created_at": found.created_at,
        "updated_at": found.created_at,
        "pushed_at": world.now,
        "size": 0,
        **dict.fromkeys(("forks", "forks_count"), len(world.forks)),
        **dict.fromkeys(("open_issues", "open_issues_count"), _open(world)),
        **dict.fromkeys(("stargazers_count", "watchers", "watchers_count"), 0),
    }


def _open(world: State) -> int:
    return sum(thread.state == "open" for thread in world.threads.values())


def whole_repository(world: State, found: Repository, asks: Account) -> Json:
    """A repository as asked for by itself, by somebody."""
    settings = world.settings
    rights = {"admin": "admin", "maintain": "admin", "push": "write", "triage": "write", "pull": "read"}
    return {
        **repository(world, found),
        "network_count": len(world.forks),
        "subscribers_count": 0,
        "permissions": {name: asks.may(needed) for name, needed in rights.items()},
        "allow_squash_merge": settings.allow_squash_merge,
        "allow_merge_commit": settings.allow_merge_commit,
        "allow_rebase_merge": False,
        "allow_auto_merge": False,
        "delete_branch_on_merge": settings.delete_branch_on_merge,
        **(
            {"parent": repository(world, found.parent), "source": repository(world, found.parent)}
            if found.parent
            else {}
        ),
    }


def label(world: State, name: str) -> Json:
    """A label by its name."""
    color, description = world.settings.labels[name]
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    return {
        "id": number,
        "node_id": f"LA_{number}",
        "url": f"{api_of(world)}/labels/{name}",
        "name": name,
        "color": color,
        "default": name == "bug",
        "description": description,
    }


def api_of(world: State) -> str:
    return f"{world.url()}/repos/{world.repository.full_name}"


def page_of(world: State) -> str:
    return f"{world.url()}/{world.repository.full_name}"


def association(world: State, account: Account) -> str:
    """What an author is to the repository."""
    if account is world.repository.owner:
        return "OWNER"
    return "COLLABORATOR" if account.may("write") and account.type == "User" else "NONE"


def _thread(world: State, thread: Thread) -> Json:
    """What issues and pull requests have in common."""
    issue = f"{api_of(world)}/issues/{thread.number}"
    return {
        "number": thread.number,
        "title": thread.title,
        "body": thread.body,
        "user": user(world, thread.account or GHOST),
        "state": thread.state,
        "locked": False,
        "active_lock_reason": None,
        "labels": [label(world, name) for name in thread.labels],
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments_url": f"{issue}/comments",
        "created_at": thread.created_at,
        "updated_at": thread.updated_at,
        "closed_at": thread.closed_at,
        "author_association": association(world, thread.by),
    }


def issue(world: State, thread: Thread, *, whole: bool = False) -> Json:
    """An issue, or a pull request seen as one; `closed_by` is there when it is asked for by itself."""
    api = f"{api_of(world)}/issues/{thread.number}"
    pulls, kind = isinstance(thread, Pull), "pull" if isinstance(thread, Pull) else "issues"
    page = f"{page_of(world)}/{kind}/{thread.number}"
    shown = {
        **_thread(world, thread),
        "id": thread.id,
        "node_id": f"{'PR' if pulls else 'I'}_{thread.id}",
        "url": api,
        "repository_url": api_of(world),
        "labels_url": f"{api}/labels{{/name}}",
        "events_url": f"{api}/events",
        "timeline_url": f"{api}/timeline",
        "html_url": page,
        "comments": len(thread.comments),
        "state_reason": thread.state_reason,
        "performed_via_github_app": None,
        "reactions": _reactions(api),
    }
    if isinstance(thread, Pull):
        pull = f"{api_of(world)}/pulls/{thread.number}"
        shown["draft"] = thread.draft
        shown["pull_request"] = {
            "url": pull,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": thread.merged_at,
        }
    if whole:
        shown["closed_by"] = None if thread.closed_by is None else user(world, thread.closed_by)
    return shown


def _reactions(url: str) -> Json:
    names = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
    return {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(names, 0)}


def comment(world: State, found: Comment) -> Json:
    """A comment of a conversation."""
    thread = world.threads[found.number]
    page = f"{page_of(world)}/{'pull' if isinstance(thread, Pull) else 'issues'}/{found.number}"
    api = f"{api_of(world)}/issues/comments/{found.id}"
    return {
        "id": found.id,
        "node_id": f"IC_{found.id}",
        "url": api,
        "html_url": f"{page}#issuecomment-{found.id}",
        "issue_url": f"{api_of(world)}/issues/{found.number}",
        "body": found.body,
        "user": user(world, found.account or GHOST),
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "author_association": association(world, found.by),
        "performed_via_github_app": None,
        "reactions": _reactions(api),
    }


def _author(world: State, text: Text) -> Json | None:
    return None if text.account is None else user(world, text.account)


def review(world: State, found: Review) -> Json:
    """A review; who deleted their account is shown as nobody."""
    page = f"{page_of(world)}/pull/{found.number}#pullrequestreview-{found.id}"
    pull = f"{api_of(world)}/pulls/{found.number}"
    times = {} if found.submitted_at is None else {"submitted_at": found.submitted_at}
    return {
        "id": found.id,
        "node_id": f"PRR_{found.id}",
        "user": _author(world, found),
        "body": found.body,
        "state": found.state,
        "html_url": page,
        "pull_request_url": pull,
        "_links": {"html": {"href": page}, "pull_request": {"href": pull}},
        "commit_id": found.commit,
        "author_association": association(world, found.by),
        **times,
    }


def review_in_event(world: State, found: Review) -> Json:
    """A review as webhooks show it: the state in small letters."""
    shown = review(world, found)
    return {**shown, "state": _STATES.get(found.state, found.state.lower()), "submitted_at": found.submitted_at}


def pull_simple(world: State, found: Pull) -> Json:
    """A pull request as lists show it."""
    api, page = f"{api_of(world)}/pulls/{found.number}", f"{page_of(world)}/pull/{found.number}"
    base_sha = world.repository.bare.tip(found.base) or ZERO
    urls = {
        "self": api,
        "html": page,
        "issue": f"{api_of(world)}/issues/{found.number}",
        "comments": f"{api_of(world)}/issues/{found.number}/comments",
        "review_comments": f"{api}/comments",
        "review_comment": f"{api_of(world)}/pulls/comments{{/number}}",
        "commits": f"{api}/commits",
        "statuses": f"{api_of(world)}/statuses/{found.head_sha}",
    }
    return {
        **_thread(world, found),
        "id": found.id,
        "node_id": f"PR_{found.id}",
        "url": api,
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": urls["issue"],
        "commits_url": urls["commits"],
        "review_comments_url": urls["review_comments"],
        "review_comment_url": urls["review_comment"],
        "statuses_url": urls["statuses"],
        "draft": found.draft,
        "merged_at": found.merged_at,
        "merge_commit_sha": found.merge_commit,
        "requested_reviewers": [user(world, one) for one in found.requested],
        "requested_teams": [],
        "head": _end(world, found.head_repository, found.head, found.head_sha),
        "base": _end(world, world.repository, found.base, base_sha),
        "_links": {name: {"href": url} for name, url in urls.items()},
        "auto_merge": None,
    }


def _end(world: State, of: Repository | None, branch: str, sha: str) -> Json:
    """The head or the base of a pull request; the repository of a head may be gone."""
    return {
        "label": f"{of.owner.login}:{branch}" if of else f"unknown repository:{branch}",
        "ref": branch,
        "sha": sha,
        "user": user(world, of.owner) if of else None,
        "repo": repository(world, of) if of else None,
    }


def pull(world: State, found: Pull) -> Json:
    """A pull request as asked for by itself."""
    mergeable = None if found.merged else _mergeable(world, found)
    state = "draft" if found.draft else {True: "clean", False: "dirty", None: "unknown"}[mergeable]
    return {
        **pull_simple(world, found),
        "merged": found.merged,
        "mergeable": mergeable,
        "mergeable_state": state,
        "rebaseable": None,
        "merged_by": user(world, found.merged_by) if found.merged_by else None,
        "comments": len(found.comments),
        "review_comments": 0,
        "maintainer_can_modify": False,
        **_size(world, found),
    }


def _mergeable(world: State, found: Pull) -> bool | None:
    base = world.repository.bare.tip(found.base)
    if base is None:
        return None
    try:
        world.repository.bare.merges(base, found.head_sha)
    except MergeConflict:
        return False
    return True


def _size(world: State, found: Pull) -> Json:
    """How much a pull request changes, against where it left its base."""
    bare = world.repository.bare
    onto = f"{found.merge_commit}^1" if found.merge_commit else bare.tip(found.base) or found.head_sha
    lines = [line.split("\t") for line in bare.git("diff", "--numstat", f"{onto}...{found.head_sha}").splitlines()]
    return {
        "commits": len(bare.between(onto, found.head_sha)),
        "additions": sum(int(added) for added, _, _ in lines if added != "-"),
        "deletions": sum(int(removed) for _, removed, _ in lines if removed != "-"),
        "changed_files": len(lines),
    }
