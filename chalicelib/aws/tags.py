"""Lifeboat's own tags on recovery points, and how they live with everybody else's.

A resource holds at most 50 tags; keys have up to 128 and values up to 256 characters; `aws:` is AWS's alone and does
not count: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.database_manifest import DatabaseManifest
from chalicelib.domain.database_manifest import parse as parse_database
from chalicelib.domain.manifest import Manifest, parse

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import TagSpecificationTypeDef, TagTypeDef

TAGS_PER_RESOURCE = 50
VALUE_LENGTH = 256
PREFIX = "lifeboat:"
EFFECT = "lifeboat:effect"  # names one attempt at one change: how an effect is found again
RUN = "lifeboat:run"
POLICY = "lifeboat:policy"  # which retention owns the point
SET = "lifeboat:set"  # the crash-consistent set; a point of its own is a set of one
SET_SIZE = "lifeboat:set-size"
POINT = "lifeboat:point"  # the point in time, UTC, ISO 8601 with seconds
SOURCE_VOLUME = "lifeboat:source-volume"  # not on members of a set: their own VolumeId says it
SOURCE_DATABASE = "lifeboat:source-resource"  # of a database: `db:orders/db-ABC...`, name and AWS's own id
SOURCE_SNAPSHOT = "lifeboat:source-snapshot"  # on copies
SOURCE_REGION = "lifeboat:source-region"  # on copies
MANIFEST = "lifeboat:manifest."  # followed by 0, 1, ...
RESTORED = "lifeboat:restored"  # on what a recovery makes: the id of the resource that it stands in for
DRILL = "lifeboat:drill"  # on what a drill makes: its run
KEPT = "lifeboat:kept"  # on snapshots of the volumes of an instance that was replaced: that instance
FENCED = "lifeboat:fenced"  # on an instance that was replaced: what it was before, to give it back
HANDS_OFF = "lifeboat:hands-off"
EVACUATED = "lifeboat:evacuated."  # on groups, followed by a zone's ID and 0, 1, ...: their subnets before
HELD = "lifeboat:held"  # on groups: what was suspended for them, and what was before
FAST_RESTORE = "lifeboat:fast-restore."  # on snapshots, followed by a zone's ID: when Lifeboat enabled it there
EXPIRES = "lifeboat:expires"  # set by people: until when a point is kept (as `iso` writes it); it is no generation


def of(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a resource that AWS described, as a dict."""
    tags: Iterable[Mapping[str, str]] = resource.get("Tags") or ()
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def of_user(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that are neither AWS's nor Lifeboat's: those that a point inherits from its volume."""
    return {key: value for key, value in sorted(tags.items()) if not key.startswith(("aws:", PREFIX))}


def merged(own: Mapping[str, str], user: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return own and user tags within AWS's limit of 50, and the keys of user tags that did not fit.

    Own tags win; of the user's the first by name are kept, so that the same input gives the same tags.
    """
    inherited = [(key, value) for key, value in of_user(user).items() if key not in own]
    room = max(TAGS_PER_RESOURCE - len(own), 0)
    return {**dict(inherited[:room]), **own}, tuple(key for key, _ in inherited[room:])


def manifest_tags(manifest: Manifest | DatabaseManifest) -> dict[str, str]:
    """Return the manifest as tags."""
    return {f"{MANIFEST}{number}": chunk for number, chunk in enumerate(manifest.chunks())}


def manifest_of(tags: Mapping[str, str]) -> Manifest | None:
    """Return the manifest that tags hold; None when there is none.

    Raises:
        InputError: `manifest.unreadable`.
    """
    text = _manifest_text(tags)
    return parse(text) if text else None


def database_manifest_of(tags: Mapping[str, str]) -> DatabaseManifest | None:
    """Return the manifest of a database that tags hold; None when there is none.

    Raises:
        InputError: `manifest.unreadable`.
    """
    text = _manifest_text(tags)
    return parse_database(text) if text else None


def _manifest_text(tags: Mapping[str, str]) -> str:
    numbers = sorted(int(key.removeprefix(MANIFEST)) for key in tags if _is_chunk(key))
    return "".join(tags[f"{MANIFEST}{number}"] for number in numbers)


def _is_chunk(key: str) -> bool:
    return key.startswith(MANIFEST) and key.removeprefix(MANIFEST).isdecimal()


def listed(tags: Mapping[str, str]) -> list[TagTypeDef]:
    """Return tags as AWS takes them, sorted by key."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def for_kinds(tags: Mapping[str, str], *kinds: str) -> list[dict[str, Any]]:
    """Return the `TagSpecifications` of a call that makes these kinds of resources."""
    return [{"ResourceType": kind, "Tags": listed(tags)} for kind in kinds]


def for_snapshot(tags: Mapping[str, str]) -> Sequence[TagSpecificationTypeDef]:
    """Return the `TagSpecifications` of a call that makes snapshots."""
    return [{"ResourceType": "snapshot", "Tags": listed(tags)}]


def set_size(tags: Mapping[str, str]) -> int:
    """Return how many members the set of a point has; 1 when the tag is missing or was changed into nonsense."""
    text = tags.get(SET_SIZE, "")
    return max(int(text), 1) if text.isdecimal() else 1


def iso(at: datetime) -> str:
    """Write a time as the tags do: UTC, seconds, `Z`. Fractions are cut off, which makes a point older, never newer."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def point_time(text: str) -> datetime | None:
    """Read what `iso` wrote; None when it is not such a text."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
