"""notify.send on the sandbox."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.actions.notify import MESSAGE_BYTES, Send, SendInput, headline
from chalicelib.domain.change import EffectState
from chalicelib.errors import ActionError, ErrorKind, InputError
from tests.unit.actions.world import HOME, World, in_doubt

SEND = Send()


def sent(world: World, summary: tuple[str, ...] = (), **given: Any) -> dict[str, Any]:
    ctx = world.ctx(summary=summary)
    [change] = SEND.plan(SendInput.model_validate({"topic": "oncall", **given}), ctx).changes
    effect = SEND.apply(change, {}, ctx)
    assert effect.state is EffectState.DONE
    [published] = world.control.published()
    return published


def test_a_topics_name_is_enough(world: World) -> None:
    assert sent(world)["topic"] == world.estate["topic"]


def test_a_notice_carries_the_names_of_its_run_and_effect(world: World) -> None:
    names = {"lifeboat_run": "run-1", "lifeboat_effect": world.ctx().effect_id("notice")}
    assert sent(world)["attributes"] == names


def test_without_a_message_the_run_tells_what_it_did(world: World) -> None:
    notice = sent(world, ("nightly failed", "vol-1: no snapshot"))
    assert (notice["subject"], notice["message"]) == ("nightly failed", "nightly failed\nvol-1: no snapshot")


def test_a_message_and_a_subject_of_the_runbook_win(world: World) -> None:
    notice = sent(world, ("nightly failed",), subject="Look at this", message="Now.")
    assert (notice["subject"], notice["message"]) == ("Look at this", "Now.")


def test_a_message_that_is_too_long_is_cut_at_a_whole_character(world: World) -> None:
    message = sent(world, message="ü" * MESSAGE_BYTES)["message"]
    assert message == "ü" * (MESSAGE_BYTES // 2)


@pytest.mark.parametrize("subject", ["", "x" * 101, "two\nlines", "Über", " starts with a space"])
def test_a_subject_that_sns_would_refuse_is_an_error_of_the_runbook(subject: str) -> None:
    with pytest.raises(ValidationError, match="subject"):
        SendInput(topic="oncall", subject=subject)


@pytest.mark.parametrize(
    ("line", "subject"),
    [("a\nb  c", "a b c"), ("Über", "?ber"), ("x" * 150, "x" * 100), ("", "Lifeboat"), (" \n", "Lifeboat")],
)
def test_a_headline_is_made_to_fit(line: str, subject: str) -> None:
    assert headline(line) == subject


@pytest.mark.parametrize("topic", ["", "*", "arn:aws:sqs:us-east-1:123456789012:queue", "on call"])
def test_what_is_no_topic_is_refused(topic: str) -> None:
    with pytest.raises(ValidationError, match="topic"):
        SendInput(topic=topic)


@pytest.mark.parametrize("topic", ["nobody", f"arn:aws:sns:{HOME}:123456789012:nobody"])
def test_a_topic_that_does_not_exist_is_found_before_anything_is_sent(world: World, topic: str) -> None:
    with pytest.raises(InputError) as caught:
        SEND.plan(SendInput(topic=topic), world.ctx())
    assert caught.value.code == "action.topic_missing"
    assert "nobody" in caught.value.message


def test_a_plan_sends_nothing(world: World) -> None:
    SEND.plan(SendInput(topic="oncall"), world.ctx())
    assert world.control.published() == []


def test_a_topic_that_is_gone_when_its_turn_comes_fails_by_name(world: World) -> None:
    ctx = world.ctx()
    [change] = SEND.plan(SendInput(topic="oncall"), ctx).changes
    world.truth(HOME, "sns").delete_topic(TopicArn=world.estate["topic"])
    with pytest.raises(ActionError) as caught:
        SEND.apply(change, {}, ctx)
    assert (caught.value.code, caught.value.kind) == ("action.resource_gone", ErrorKind.TERMINAL)
    assert world.estate["topic"] in caught.value.message


def test_a_notice_in_doubt_is_sent_again_at_once(world: World) -> None:
    ctx = world.ctx()
    [change] = SEND.plan(SendInput(topic="oncall"), ctx).changes
    assert SEND.observe([(change, in_doubt(ctx))], ctx) == {}
    assert SEND.settle_s == 0


def test_a_fifo_topic_drops_a_notice_that_is_sent_twice(world: World) -> None:
    attributes = {"FifoTopic": "true"}
    world.truth(HOME, "sns").create_topic(Name="oncall.fifo", Attributes=attributes)
    ctx = world.ctx()
    [change] = SEND.plan(SendInput(topic="oncall.fifo"), ctx).changes
    taken: list[dict[str, Any]] = []
    client = world.aws.sns(HOME, "once")
    client.meta.events.register("provide-client-params.sns.Publish", lambda params, **_: taken.append(params))
    SEND.apply(change, {}, ctx)
    assert taken[0]["MessageGroupId"] == "run-1"
    assert taken[0]["MessageDeduplicationId"] == ctx.effect_id("notice")


def test_outputs_name_the_message_once_it_is_sent(world: World) -> None:
    ctx = world.ctx()
    given = SendInput(topic="oncall")
    assert SEND.outputs(given, [], ctx) == {"message_id": None, "topic": "oncall"}
    [change] = SEND.plan(given, ctx).changes
    effect = SEND.apply(change, {}, ctx)
    assert SEND.outputs(given, [(change, effect)], ctx) == {"message_id": effect.id, "topic": world.estate["topic"]}
