"""What is changed in moto before it serves: time, tracking, notifications, and (with weather) EC2's things.

moto is https://github.com/getmoto/moto; the names replaced here are those of the version in the lock file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalicelib.sandbox.weather.sky import Sky, overhead


def prepare(sky: Sky) -> None:
    """Change moto for this sky. Call once per process, before the first request."""
    from chalicelib.sandbox.ec2 import grafts

    _switch_off_tracking()
    seed_ids(sky.settings.seed)
    give_virtual_time()
    _record_published()
    _keys_by_any_name()
    grafts.find_tags_by_resource()
    if sky.weather:
        grafts.put_weather_into_ec2()


def replace(owner: Any, name: str, value: Any) -> Any:
    """Put something else in the place of an attribute, and return what was there."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    return before


def _switch_off_tracking() -> None:
    # moto keeps every model object ever made for its dashboard, which grows without end.
    from moto.core.common_models import BaseModel

    replace(BaseModel, "__new__", lambda cls, *_a, **_k: object.__new__(cls))


def seed_ids(seed: int) -> None:
    """Make the ids that moto draws the same in every replay."""
    from moto.moto_api._internal import mock_random

    mock_random.seed(seed)


def virtual_utcnow() -> datetime:
    """Tell the virtual time in moto's form: UTC without a zone."""
    return overhead().clock.naive()


def give_virtual_time() -> None:
    """Replace `utcnow` in every moto module imported so far. Idempotent."""
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.") and "utcnow" in getattr(module, "__dict__", {}):
            replace(module, "utcnow", virtual_utcnow)


def _record_published() -> None:
    from moto.sns.models import Topic

    def publish(topic: Any, message: str, subject: str | None = None, *args: Any, **kwargs: Any) -> Any:
        made = plain(topic, message, subject, *args, **kwargs)
        attributes = kwargs.get("message_attributes") or (args[0] if args else None) or {}
        sky = overhead()
        letter = {
            "n": len(sky.published) + 1,
            "topic": topic.arn,
            "subject": subject,
            "message": message,
            "attributes": _plain_attributes(attributes),
            "at": sky.clock.iso(),
        }
        sky.published.append(letter)
        return made

    plain = replace(Topic, "publish", publish)


def _keys_by_any_name() -> None:
    # moto finds a key to be disabled or deleted by its bare id only, and answers an ARN with an internal error.
    from moto.kms.models import KmsBackend

    for name in ("disable_key", "enable_key", "cancel_key_deletion", "schedule_key_deletion"):
        replace(KmsBackend, name, _by_id(getattr(KmsBackend, name)))


def _by_id(change: Callable[..., Any]) -> Callable[..., Any]:
    def changed(backend: Any, key_id: str, *rest: Any) -> Any:
        return change(backend, backend.get_key_id(key_id), *rest)

    return changed


def _plain_attributes(attributes: dict[str, Any]) -> dict[str, str]:
    plain = {}
    for name, value in attributes.items():
        found = value.get("StringValue") or value.get("Value") or "" if isinstance(value, dict) else value
        plain[name] = str(found)
    return plain
