"""What a restore needs to know of a database and its snapshot does not hold, small enough to live in tags.

A snapshot of RDS remembers neither class, Multi-AZ, subnet group, security groups nor parameter group: a restore gets
the defaults unless it is told otherwise, see
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RestoreFromSnapshot.html. Written as one text of
`@`-separated fields, lists in it `=`-separated, an instance of a cluster `/`-separated, with letters, digits and
`+-=._:/@` only, which RDS takes in tags:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Tagging.html
"""

from __future__ import annotations

from urllib.parse import quote

from pydantic import Field, ValidationError

from chalicelib.domain.manifest import CHUNK, unquoted
from chalicelib.domain.types import Strict
from chalicelib.errors import InputError

VERSION = "db2"
OLD_VERSION = "db1"  # points of it are read for as long as they are kept: it knew less of clusters
NOT_IN_OLD = frozenset({"min_acu", "max_acu"})
SLASH = "+2F"  # within a word of an instance


class MemberFacts(Strict):
    """One DB instance of a cluster."""

    name: str = Field(description="Its name.")
    writer: bool = Field(default=False, description="Whether it was the writer.")
    tier: int | None = Field(None, description="Its promotion tier.")
    instance_class: str = Field("", description="DB instance class, `db.serverless` too; empty when not known.")
    parameter_group: str = Field("", description="DB parameter group of the instance; empty when not known.")


class DatabaseManifest(Strict):
    """One database as it was when its point was made. Sizes are GiB, throughput is MiB/s."""

    engine: str = Field(description="RDS's name of the engine.")
    version: str = Field("", description="The engine's version.")
    instance_class: str = Field("", description="DB instance class; of a Multi-AZ cluster that of its members.")
    storage_type: str = Field("", description="gp3, io2, aurora ...")
    size_gib: int = Field(0, ge=0, description="Allocated storage.")
    iops: int | None = Field(None, description="Provisioned IOPS.")
    throughput_mib_s: int | None = Field(None, description="Provisioned throughput.")
    multi_az: bool = Field(default=False, description="Whether it had a standby in another zone.")
    port: int | None = Field(None, description="The port it listened on.")
    subnet_group: str = Field("", description="DB subnet group.")
    security_groups: tuple[str, ...] = Field((), description="Ids of its VPC security groups.")
    parameter_group: str = Field("", description="DB or cluster parameter group.")
    option_group: str = Field("", description="Option group; empty for clusters.")
    kms_key: str | None = Field(None, description="ARN of its key; None when not encrypted.")
    public: bool = Field(default=False, description="Whether it was publicly accessible.")
    members: tuple[MemberFacts, ...] = Field((), description="Of a cluster: its instances.")
    min_acu: float | None = Field(None, description="Of a cluster: least capacity of its serverless instances, ACU.")
    max_acu: float | None = Field(None, description="Of a cluster: most capacity of its serverless instances, ACU.")

    def text(self) -> str:
        """Write the manifest as one line of tag-safe characters; `parse` reads it back."""
        fields = [
            self.engine,
            self.version,
            self.instance_class,
            self.storage_type,
            self.size_gib,
            self.iops,
            self.throughput_mib_s,
            _flag(self.multi_az),
            self.port,
            self.subnet_group,
            list(self.security_groups),
            self.parameter_group,
            self.option_group,
            self.kms_key,
            _flag(self.public),
            [_member_text(one) for one in self.members],
            self.min_acu,
            self.max_acu,
        ]
        return "@".join([VERSION, *(_written(field) for field in fields)])

    def chunks(self) -> tuple[str, ...]:
        """Return the text cut into tag values, in order."""
        text = self.text()
        return tuple(text[at : at + CHUNK] for at in range(0, len(text), CHUNK))


def parse(text: str) -> DatabaseManifest:
    """Read what `DatabaseManifest.text` wrote.

    Raises:
        InputError: `manifest.unreadable`, the text is not a manifest, e.g. because a tag was changed by hand.
    """
    version, *fields = text.split("@")
    names = [name for name in DatabaseManifest.model_fields if version == VERSION or name not in NOT_IN_OLD]
    if version not in {VERSION, OLD_VERSION} or len(fields) != len(names):
        raise _unreadable(text)
    given: dict[str, object] = {name: unquoted(value) for name, value in zip(names, fields, strict=True)}
    for name in ("security_groups", "members"):
        given[name] = [unquoted(one) for one in fields[names.index(name)].split("=") if one]
    try:
        read = _member if version == VERSION else _old_member
        given["members"] = [read(one) for one in given["members"]]  # type: ignore[attr-defined]
        return DatabaseManifest.model_validate(
            {k: v for k, v in given.items() if v != ""} | {"engine": given["engine"]}
        )
    except (ValueError, IndexError, ValidationError) as error:
        raise _unreadable(text) from error


def _member_text(member: MemberFacts) -> str:
    rank = f"{'w' if member.writer else 'r'}{'' if member.tier is None else member.tier}"
    words = (member.name, member.instance_class, member.parameter_group)
    return "/".join([rank, *(_safe(word).replace("/", SLASH) for word in words)])


def _member(text: str) -> dict[str, object]:
    rank, *words = text.split("/")
    name, instance_class, parameter_group = map(unquoted, words)
    return {**_old_member(f"{rank}/{name}"), "instance_class": instance_class, "parameter_group": parameter_group}


def _old_member(text: str) -> dict[str, object]:
    head, name = text.split("/", 1)
    return {"name": name, "writer": head[0] == "w", "tier": int(head[1:]) if head[1:] else None}


def _flag(value: bool) -> str:  # noqa: FBT001 - it is what is written
    return "1" if value else "0"


def _written(value: object) -> str:
    if isinstance(value, list):
        return "=".join(_safe(one) for one in value)
    return "" if value is None else _safe(str(value))


def _safe(text: str) -> str:
    return quote(text, safe="/:").replace("~", "%7E").replace("%", "+")


def _unreadable(text: str) -> InputError:
    return InputError(
        "manifest.unreadable",
        f"'{text[:80]}' is not a manifest of a database; were the lifeboat:manifest tags changed by hand?",
    )
