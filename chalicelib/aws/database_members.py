"""What a description of a cluster does not say of its instances: a cluster only names them.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBClusterMember.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chalicelib.aws.clients import Aws
from chalicelib.aws.databases import NAMES, Database, databases
from chalicelib.aws.listing import batches
from chalicelib.domain.database_manifest import DatabaseManifest


def with_members(aws: Aws, region: str, found: Sequence[Database]) -> list[Database]:
    """Return databases with all that their manifests say of clusters' instances, which a cluster only names.

    One listing per 100 clusters, none without clusters. An instance that is not shown is left as the cluster names it.

    Raises:
        ActionError: AWS refused a read.
    """
    names = sorted(one.name for one in found if one.manifest.members)
    listed = (one for some in batches(names, NAMES) for one in databases(aws, region, "db", {"db-cluster-id": some}))
    shown = {one.name: one.manifest for one in listed}
    return [_with_members(one, shown) for one in found]


def _with_members(database: Database, shown: Mapping[str, DatabaseManifest]) -> Database:
    members = tuple(
        one.model_copy(
            update={"instance_class": own.instance_class, "parameter_group": own.parameter_group}
            if (own := shown.get(one.name))
            else {}
        )
        for one in database.manifest.members
    )
    return replace(database, manifest=database.manifest.model_copy(update={"members": members}))
