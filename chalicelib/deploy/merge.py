"""The SAM template that `chalice package --merge-template` merges into Chalice's own: all that Chalice does not know.

Durable functions can only be made durable when they are created
(https://docs.aws.amazon.com/lambda/latest/dg/durable-configuration.html), which is why `chalice deploy` cannot be used.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from chalicelib.deploy.alarms import HAS_TOPIC, alarms
from chalicelib.deploy.names import (
    API,
    DEAD_LETTERS,
    LEDGER,
    NOTICES,
    ON_EVENT,
    ON_SCHEDULE,
    RUN,
    TOPIC,
    Names,
    arn_of,
    sub,
)
from chalicelib.deploy.policy import DEFAULT_BUS, HAS_NOTICES, roles
from chalicelib.deploy.triggers import rules, schedules
from chalicelib.domain.runbook import Runbook
from chalicelib.settings import Settings
from chalicelib.stores.creation import table_keys
from chalicelib.telemetry import NAMESPACE, SERVICE

EXECUTION_TIMEOUT_S = 30 * 86_400  # of one generation; the sweeper starts another for a run that needs longer
API_LOGS = "ApiHandlerLogGroup"  # Chalice spells its own function otherwise in here, so the template would not do
API_URL = "https://${RestAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api"  # Chalice's RestAPI and its stage
HISTORY_DAYS = 30  # the ledger is the record; the execution's history is for looking into faults
DEAD_LETTERS_KEPT_S = 14 * 86_400  # the longest that SQS keeps a message


def merge_template(settings: Settings, runbooks: Sequence[Runbook]) -> dict[str, Any]:
    """Return the template to merge, JSON-safe. The same settings and runbooks give the same template.

    Raises:
        InputError: the durable function's name has no alias, or a runbook uses an action that there is not.
    """
    names = Names.of(settings)
    return {
        "Parameters": {
            TOPIC: {"Type": "String", "Default": "", "Description": "SNS topic that alarms tell; empty = none."},
            NOTICES: {"Type": "String", "Default": "", "Description": "SNS topic that is told of runs; empty = none."},
        },
        "Conditions": {
            HAS_TOPIC: {"Fn::Not": [{"Fn::Equals": [{"Ref": TOPIC}, ""]}]},
            HAS_NOTICES: {"Fn::Not": [{"Fn::Equals": [{"Ref": NOTICES}, ""]}]},
        },
        "Resources": {
            RUN: _run(settings, names),
            ON_EVENT: _taker(settings, names, ON_EVENT, rules(runbooks)),
            ON_SCHEDULE: _taker(settings, names, ON_SCHEDULE, schedules(runbooks, names.stem)),
            API: {"Properties": _function(settings, names, API)},
            API_LOGS: {"Properties": {"LogGroupName": {"Fn::Sub": f"/aws/lambda/${{{API}}}"}}},
            LEDGER: ledger(settings),
            DEAD_LETTERS: _dead_letters(),
            f"{DEAD_LETTERS}Policy": _dead_letters_policy(),
            **roles(names, runbooks),
            **alarms(runbooks),
        },
        "Outputs": {
            "RunFunction": {"Description": "LIFEBOAT_RUN_FUNCTION", "Value": settings.run_function},
            "LedgerTable": {"Description": "LIFEBOAT_TABLE", "Value": {"Ref": LEDGER}},
            "DeadLetterQueue": {"Description": "Undelivered events", "Value": {"Ref": DEAD_LETTERS}},
        },
    }


def environment(settings: Settings) -> dict[str, Any]:
    """Return the functions' environment: names, and every setting that is not the default. Paths stay behind."""
    found: dict[str, Any] = {"LIFEBOAT_TABLE": settings.table, "LIFEBOAT_RUN_FUNCTION": settings.run_function}
    default = Settings(region=settings.region)
    for name in ("retry_mode", "keep_runs_days", "limits", "pace"):
        found |= _changed(f"LIFEBOAT_{name.upper()}", getattr(settings, name), getattr(default, name))
    return found | {
        "LIFEBOAT_NOTICE_TOPIC": settings.notice_topic or {"Ref": NOTICES},
        "LIFEBOAT_EVENT_BUS": settings.event_bus or DEFAULT_BUS,
        "POWERTOOLS_SERVICE_NAME": SERVICE,
        "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def ledger(settings: Settings) -> dict[str, Any]:
    """Return the ledger's table: kept when the stack is deleted, restorable to any second of the last 35 days."""
    return {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "TableName": settings.table,
            "BillingMode": "PAY_PER_REQUEST",
            **table_keys(),
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
            "SSESpecification": {"SSEEnabled": True},
            "DeletionProtectionEnabled": True,
        },
    }


def _run(settings: Settings, names: Names) -> dict[str, Any]:
    function = _function(settings, names, RUN)
    function["Environment"]["Variables"]["LIFEBOAT_API_URL"] = settings.api_url or sub(API_URL)  # for its notices
    return {
        "Properties": {
            **function,
            "DurableConfig": {"ExecutionTimeout": EXECUTION_TIMEOUT_S, "RetentionPeriodInDays": HISTORY_DAYS},
            "AutoPublishAlias": names.alias,
            "AutoPublishAliasAllProperties": True,  # a changed setting is a new version too
            "DeadLetterQueue": {"Type": "SQS", "TargetArn": arn_of(DEAD_LETTERS)},
        }
    }


def _taker(settings: Settings, names: Names, function: str, events: dict[str, Any]) -> dict[str, Any]:
    failing = {"OnFailure": {"Type": "SQS", "Destination": arn_of(DEAD_LETTERS)}}
    invoking = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600, "DestinationConfig": failing}
    properties = {**_function(settings, names, function), "EventInvokeConfig": invoking}
    return {"Properties": {**properties, "Events": events} if events else properties}


def _function(settings: Settings, names: Names, function: str) -> dict[str, Any]:
    return {
        "FunctionName": names.functions[function],
        "Role": arn_of(f"{function}Role"),
        "Environment": {"Variables": environment(settings)},
    }


def _dead_letters() -> dict[str, Any]:
    properties = {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": DEAD_LETTERS_KEPT_S}
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def _dead_letters_policy() -> dict[str, Any]:
    """EventBridge rules have no role: the queue itself lets them in, from this account only."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn_of(DEAD_LETTERS),
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [{"Ref": DEAD_LETTERS}], "PolicyDocument": document},
    }


def _changed(prefix: str, value: Any, default: Any) -> dict[str, str]:
    if value == default:
        return {}
    if isinstance(value, BaseModel):
        found: dict[str, str] = {}
        for name in type(value).model_fields:
            found |= _changed(f"{prefix}__{name.upper()}", getattr(value, name), getattr(default, name))
        return found
    return {prefix: value if isinstance(value, str) else json.dumps(value)}
