"""AddTagsToResource, RemoveTagsFromResource and ListTagsForResource."""

from __future__ import annotations

from chalicelib.sandbox.ec2.wire import AwsError, Tree, several
from chalicelib.sandbox.rds.call import RdsCall
from chalicelib.sandbox.rds.shapes import tag_list
from chalicelib.sandbox.rds.things import Database, DatabaseSnapshot
from chalicelib.sandbox.rds.wire import tags_in


def _tagged(call: RdsCall) -> Database | DatabaseSnapshot:
    arn = call.required("ResourceName")
    found = call.land.tagged(arn)
    if found is None:
        raise AwsError("InvalidParameterValue", f"The specified resource {arn} was not found.")
    return found


def add_tags(call: RdsCall) -> Tree:
    """Set tags of one resource."""
    _tagged(call).tags.update(tags_in(call.form))
    return {}


def remove_tags(call: RdsCall) -> Tree:
    """Remove tags of one resource by key."""
    found = _tagged(call)
    for key in several(call.form.get("TagKeys", {}).get("member")):
        found.tags.pop(key, None)
    return {}


def list_tags(call: RdsCall) -> Tree:
    """List the tags of one resource."""
    return {"TagList": tag_list(_tagged(call).tags)}
