"""What a restore needs to know of a volume and a snapshot does not hold, small enough to live in tags.

A manifest is written as one text of `=`-separated entries with `@`-separated fields, and cut into tag values:

    1@i-0abc@use1-az1@arn:aws:kms:...=vol-0abc@/dev/sda1@gp3@100@3000@125@b0=vol-0def@/dev/sdf@io2@500@9000@@d-m

The first entry holds the version, the instance, the zone and the keys; each other one a volume. The last field is
`b`oot or `d`ata, then the index of the key (`e`: encrypted with a key that is not known, `-`: not encrypted), then `m`
for multi-attach. Only letters, digits and `+-=._:/@` are used, which every AWS service accepts in a tag value:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from pydantic import Field

from chalicelib.domain.types import Strict, VolumeId
from chalicelib.errors import InputError

VERSION = "1"
CHUNK = 256  # characters in a tag value
HEAD_FIELDS = 3
VOLUME_FIELDS = 7


class VolumeFacts(Strict):
    """One volume as it was when its point was made. Sizes are GiB, throughput is MiB/s."""

    volume_id: VolumeId = Field(description="Its id.")
    device: str = Field("", description="Name under which the instance had it, such as `/dev/sda1`; empty when loose.")
    type: str = Field("gp3", description="gp2, gp3, io1, io2, st1, sc1 or standard.")
    size_gib: int = Field(0, ge=0, description="Its size.")
    iops: int | None = Field(None, ge=0, description="Its IOPS; None when its type has none.")
    throughput_mib_s: int | None = Field(None, ge=0, description="Its throughput; None when its type has none.")
    encrypted: bool = Field(default=False, description="Whether it is encrypted.")
    kms_key: str | None = Field(None, description="ARN of its key; None when not encrypted, or not known.")
    boot: bool = Field(default=False, description="Whether it is the instance's root volume; else it holds data.")
    multi_attach: bool = Field(default=False, description="Whether several instances may attach it at once.")


class Manifest(Strict):
    """The volumes of one recovery point: those of an instance, or a single one."""

    instance_id: str | None = Field(None, description="The instance that they were attached to; None when loose.")
    zone_id: str = Field("", description="The Availability Zone's ID; its name differs between accounts.")
    volumes: tuple[VolumeFacts, ...] = Field((), description="The volumes, by id.")

    def only(self, volume_id: str) -> Manifest:
        """Return the manifest of one of the volumes: what a copy of its snapshot carries."""
        return self.model_copy(update={"volumes": tuple(v for v in self.volumes if v.volume_id == volume_id)})

    def text(self) -> str:
        """Write the manifest as one line of tag-safe characters; `parse` reads it back."""
        keys = sorted({v.kms_key for v in self.volumes if v.encrypted and v.kms_key})
        head = "@".join([VERSION, _safe(self.instance_id or ""), _safe(self.zone_id), *map(_safe, keys)])
        return "=".join([head, *(_entry(volume, keys) for volume in self.volumes)])

    def chunks(self) -> tuple[str, ...]:
        """Return the text cut into tag values, in order."""
        text = self.text()
        return tuple(text[at : at + CHUNK] for at in range(0, len(text), CHUNK))


def parse(text: str) -> Manifest:
    """Read what `Manifest.text` wrote.

    Raises:
        InputError: `manifest.unreadable`, the text is not a manifest, e.g. because a tag was changed by hand.
    """
    head, *entries = text.split("=")
    version, *fields = head.split("@")
    if version != VERSION or len(fields) < HEAD_FIELDS - 1:
        raise _unreadable(text)
    instance_id, zone_id, *keys = map(unquoted, fields)
    try:
        volumes = tuple(_volume(entry, keys) for entry in entries)
    except (ValueError, IndexError) as error:
        raise _unreadable(text) from error
    return Manifest(instance_id=instance_id or None, zone_id=zone_id, volumes=volumes)


def unquoted(text: str) -> str:
    """Undo the quoting of one field."""
    return unquote(text.replace("+", "%"))


def _safe(text: str) -> str:
    return quote(text, safe="/:").replace("~", "%7E").replace("%", "+")


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _entry(volume: VolumeFacts, keys: list[str]) -> str:
    key = "-"
    if volume.encrypted:
        key = str(keys.index(volume.kms_key)) if volume.kms_key else "e"
    flags = ("b" if volume.boot else "d") + key + ("m" if volume.multi_attach else "")
    fields = (_safe(volume.device), _safe(volume.type), str(volume.size_gib))
    numbers = (_number(volume.iops), _number(volume.throughput_mib_s))
    return "@".join((volume.volume_id, *fields, *numbers, flags))


def _volume(entry: str, keys: list[str]) -> VolumeFacts:
    fields = entry.split("@")
    if len(fields) != VOLUME_FIELDS:
        raise ValueError(entry)
    volume_id, device, kind, size, iops, throughput, flags = fields
    key = flags[1:].removesuffix("m")
    return VolumeFacts(
        volume_id=volume_id,
        device=unquoted(device),
        type=unquoted(kind),
        size_gib=int(size),
        iops=int(iops) if iops else None,
        throughput_mib_s=int(throughput) if throughput else None,
        encrypted=key != "-",
        kms_key=None if key in {"-", "e"} else keys[int(key)],
        boot=flags[0] == "b",
        multi_attach=flags.endswith("m"),
    )


def _unreadable(text: str) -> InputError:
    return InputError(
        "manifest.unreadable",
        f"'{text[:80]}' is not a manifest of a recovery point; were the lifeboat:manifest tags changed by hand?",
    )
