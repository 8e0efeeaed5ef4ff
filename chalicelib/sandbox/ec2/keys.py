"""KMS keys as EBS sees them: named in several ways, checked late.

Source: CopySnapshot and CreateVolume in https://docs.aws.amazon.com/AWSEC2/latest/APIReference/: AWS authenticates the
key asynchronously, so a wrong one is accepted and the resource fails afterwards.
"""

from __future__ import annotations

from chalicelib.sandbox.weather.sky import ACCOUNT, Land

NOT_ACCESSIBLE = "Given key ID is not accessible"


def resolve(land: Land, named: str) -> tuple[str, str | None]:
    """Find a key by id, ARN, alias or alias ARN in this Region.

    Returns:
        The ARN to show (what was named, when there is no such key), and why the key cannot be used, or None.
    """
    from moto.kms.models import kms_backends

    if named.startswith("arn:") and named.split(":")[3] != land.region:
        return named, NOT_ACCESSIBLE
    backend = kms_backends[ACCOUNT][land.region]
    name = named.split(":", 5)[-1]  # of an ARN the resource: key/<id> or alias/<name>
    key_id = backend.get_key_id_from_alias(name) if name.startswith("alias/") else name.removeprefix("key/")
    key = backend.keys.get(key_id or "")
    if key is None:
        return named, NOT_ACCESSIBLE
    if key.key_state != "Enabled":
        return str(key.arn), f"{key.arn} is {'disabled' if key.key_state == 'Disabled' else 'not enabled'}."
    encrypts = (key.key_usage or "ENCRYPT_DECRYPT") == "ENCRYPT_DECRYPT"  # moto leaves the default out
    return str(key.arn), None if encrypts else NOT_ACCESSIBLE


def default_key(land: Land) -> str:
    """Return the ARN of the key that EBS uses here when none is named; it is made at first use."""
    return str(land.backend.default_kms_key_id or land.backend._create_default_encryption_key())
