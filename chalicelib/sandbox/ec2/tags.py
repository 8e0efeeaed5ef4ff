"""Tags: an index by key and value, and tags that not everyone sees yet."""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.weather.sky import Land, overhead


def note(backend: Any, before: dict[str, dict[str, str]]) -> None:
    """Bring the index up to date after a change of tags, and hold the change back until it is visible.

    Args:
        backend: moto's EC2 backend of the Region.
        before: The tags that the changed resources had.
    """
    sky = overhead()
    land = sky.land(backend.region_name)
    seen_at_s = sky.now_s + sky.settings.visibility_s
    for resource_id, old in before.items():
        new = backend.tags.get(resource_id, {})
        for key in old.keys() | new.keys():
            if old.get(key) == new.get(key):
                continue
            if key in old:
                land.by_tag[(key, old[key])].discard(resource_id)
            if key in new:
                land.by_tag[(key, new[key])].add(resource_id)
            if sky.settings.visibility_s and not _just_made(land, resource_id, sky.now_s):
                land.fresh_tags.setdefault(resource_id, {})[key] = (seen_at_s, old.get(key))


def _just_made(land: Land, resource_id: str, now_s: float) -> bool:
    """A resource that is invisible itself needs no hiding of its tags."""
    for store in (land.backend.snapshots, land.backend.volumes, land.instances):
        thing = store.get(resource_id)
        if thing is not None:
            return bool(thing.visible_at_s > now_s)
    return True  # other kinds of resources are listed by moto, at once


def visible(land: Land, resource_id: str, *, witness: bool) -> dict[str, str]:
    """Return the tags of a resource as a listing shows them now; a witness sees the truth."""
    truth: dict[str, str] = land.backend.tags.get(resource_id, {})
    fresh = land.fresh_tags.get(resource_id)
    if witness or not fresh:
        return truth
    now_s = overhead().now_s
    shown = dict(truth)
    for key, (seen_at_s, old) in list(fresh.items()):
        if seen_at_s <= now_s:
            del fresh[key]
        elif old is None:
            shown.pop(key, None)
        else:
            shown[key] = old
    if not fresh:
        del land.fresh_tags[resource_id]
    return shown


def having(land: Land, key: str, values: list[str]) -> set[str]:
    """Return the ids that may show one of the values for a key; a superset, to be checked against what is visible."""
    found: set[str] = set(land.fresh_tags)
    for value in values:
        found |= land.by_tag.get((key, value), set())
    return found


def forget(land: Land, resource_id: str) -> None:
    """Drop the tags of a deleted resource."""
    land.fresh_tags.pop(resource_id, None)
    for pair in land.backend.tags.pop(resource_id, {}).items():
        land.by_tag[pair].discard(resource_id)
