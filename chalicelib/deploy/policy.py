"""Who may do what: each function's role, no wider than what the packaged runbooks use.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/durable-security.html (durable executions),
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html (EC2's actions).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.actions.base import Action, Check
from chalicelib.actions.registry import INTERNAL, find
from chalicelib.aws.drill_site import EC2_READS, RDS_READS, SITE_READS
from chalicelib.deploy.names import API, DEAD_LETTERS, LEDGER, NOTICES, ON_EVENT, ON_SCHEDULE, RUN, Names, arn_of, sub
from chalicelib.domain.runbook import AlarmTrigger, Runbook

Statement = dict[str, Any]
READS = ("Describe", "List", "Get")
ANYWHERE = ("sns:", "sts:")  # who is told may be told in any Region; guards are about what is changed
# What publishing to a topic under a customer's own key takes, and only through SNS:
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
ENVELOPE = frozenset({"kms:Decrypt", "kms:GenerateDataKey"})
GRANT = "kms:CreateGrant"  # only to AWS's own services, which copy and attach with a key on behalf of the role
# Only what carries Lifeboat's tag, whatever the code may ever believe.
DELETES = frozenset({"ec2:DeleteSnapshot", "rds:DeleteDBSnapshot", "rds:DeleteDBClusterSnapshot"})
OWNED = {"Null": {"aws:ResourceTag/lifeboat:policy": "false"}}  # the tag is there
# What a recovery made carries its run; nothing else is terminated or deleted.
REMOVES = frozenset(
    {
        "ec2:TerminateInstances",
        "ec2:DeleteVolume",
        "ec2:DeregisterImage",
        "rds:DeleteDBInstance",
        "rds:DeleteDBCluster",
    }
)
MADE = {"Null": {"aws:ResourceTag/lifeboat:run": "false"}}
PASS = "iam:PassRole"  # noqa: S105 - an instance profile's role to what is launched, and to nothing else
HAS_NOTICES, DEFAULT_BUS = "HasNoticeTopic", "default"
POINTS = frozenset({"ec2:DescribeSnapshots", "rds:DescribeDBSnapshots", "rds:DescribeDBClusterSnapshots"})
LEDGER_ACTIONS = ("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")


def used_actions(runbooks: Iterable[Runbook]) -> list[Action[Any] | Check[Any]]:
    """Return the actions that runbooks use, by name.

    Raises:
        InputError: one of them does not exist (`action.unknown`).
    """
    names = {step.uses for runbook in runbooks for step in runbook.all_steps()}
    return [find(name) for name in sorted(names)]


def carried_out(runbooks: Iterable[Runbook]) -> list[Action[Any] | Check[Any]]:
    """Return what runbooks use, and what undoing and obligations use beside it."""
    used = {action.name: action for action in used_actions(runbooks)}
    for action in list(used.values()):
        later = action.later if isinstance(action, Action) else ()
        used |= {name: INTERNAL[name] if name in INTERNAL else find(name) for name in later}
    return [used[name] for name in sorted(used)]


def roles(names: Names, runbooks: Sequence[Runbook]) -> dict[str, dict[str, Any]]:
    """Return an IAM role for each function, by logical id `<function>Role`, and one for EventBridge Scheduler."""
    drives = [*ledger_use(), *executes(names), *actions_use(runbooks), *reads_alarms(runbooks), *tells()]
    starts = [*ledger_use(), *starts_runs(names), *tells()]
    made = {f"{RUN}Role": lambda_role(names, RUN, drives)}
    made[f"{ON_EVENT}Role"] = lambda_role(names, ON_EVENT, starts)
    made[f"{ON_SCHEDULE}Role"] = lambda_role(names, ON_SCHEDULE, [*starts, *plans(runbooks)])  # for the watchdog
    made[f"{API}Role"] = lambda_role(names, API, [*starts, *plans(runbooks)])
    made["SchedulerRole"] = role("scheduler.amazonaws.com", "fire", [invoke(names, ON_SCHEDULE), dead_letters()])
    return made


def actions_use(runbooks: Sequence[Runbook]) -> list[Statement]:
    """Return what the runbooks' actions need: reads anywhere, changes in the home Region and where guards say.

    Resources cannot be named beforehand: what a runbook selects it selects by tag, at the time.
    """
    used = [frozenset(action.permissions) for action in carried_out(runbooks)]
    if any(runbook.drill for runbook in runbooks):
        used.append(frozenset((*SITE_READS, *EC2_READS, *RDS_READS)))
    encloses = any(permissions >= ENVELOPE for permissions in used)
    wanted = sorted({each for permissions in used for each in _beside_envelope(permissions)})
    changes = [each for each in wanted if not _reads(each) and not each.startswith(ANYWHERE)]
    others = [each for each in wanted if each not in changes]
    guarded: list[Any] = sorted({region for runbook in runbooks for region in runbook.guard.regions})
    where = {"StringEquals": {"aws:RequestedRegion": [*guarded, {"Ref": "AWS::Region"}]}}
    for_aws = {**where, "Bool": {"kms:GrantIsForAWSResource": "true"}}
    made = [
        ("ReadAndTell", others, None),
        ("ChangeWhereGuarded", [each for each in changes if each not in {GRANT, PASS, *DELETES, *REMOVES}], where),
        ("DeleteOwnOnly", [each for each in changes if each in DELETES], {**where, **OWNED}),
        ("RemoveOwnOnly", [each for each in changes if each in REMOVES], {**where, **MADE}),
        (
            "PassToInstances",
            [each for each in changes if each == PASS],
            {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        ),
        ("GrantToAws", [each for each in changes if each == GRANT], for_aws),
        (
            "EncloseNotices",
            sorted(ENVELOPE) if encloses else [],
            {"StringLike": {"kms:ViaService": "sns.*.amazonaws.com"}},
        ),
    ]
    return [allow(sid, actions, "*", condition) for sid, actions, condition in made if actions]


def tells() -> list[Statement]:
    """Return what notices need: the topic that the deployment names, and its own Region's default bus."""
    nobody = sub("arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:lifeboat-tells-nobody")
    topic = {"Fn::If": [HAS_NOTICES, {"Ref": NOTICES}, nobody]}
    bus = sub(f"arn:${{AWS::Partition}}:events:${{AWS::Region}}:${{AWS::AccountId}}:event-bus/{DEFAULT_BUS}")
    through = {"StringLike": {"kms:ViaService": "sns.*.amazonaws.com"}}
    return [
        allow("TellPeople", ["sns:Publish"], topic),
        allow("TellPeopleEnclosed", sorted(ENVELOPE), "*", through),
        allow("TellMachines", ["events:PutEvents"], bus),
    ]


def reads_alarms(runbooks: Sequence[Runbook]) -> list[Statement]:
    """Return what reading an alarm again takes, where a trigger's `for` asks for it."""
    asked = any(isinstance(each, AlarmTrigger) and each.for_ for runbook in runbooks for each in runbook.when)
    return [allow("ReadAlarmsAgain", ["cloudwatch:DescribeAlarms"], "*")] if asked else []


def plans(runbooks: Sequence[Runbook]) -> list[Statement]:
    """Return what the API's plans and its list of recovery points read; it changes nothing but the ledger."""
    used = {each for action in used_actions(runbooks) for each in action.permissions if _reads(each)}
    return [allow("ReadToPlan", sorted(used | POINTS), "*")]


def ledger_use() -> list[Statement]:
    """Return what the ledger needs."""
    return [allow("KeepTheLedger", [f"dynamodb:{action}" for action in LEDGER_ACTIONS], arn_of(LEDGER))]


def executes(names: Names) -> list[Statement]:
    """Return what a durable execution needs: its own checkpoints, and to start its successor."""
    own = ["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState"]
    return [allow("CheckpointItself", own, names.function_arn(RUN, ":*")), *starts_runs(names)]


def starts_runs(names: Names) -> list[Statement]:
    """Return what it takes to start an execution: the published alias, nothing else."""
    return [allow("StartRuns", ["lambda:InvokeFunction"], names.function_arn(RUN, f":{names.alias}"))]


def invoke(names: Names, function: str) -> Statement:
    """Allow to invoke a function as it is."""
    return allow("Invoke", ["lambda:InvokeFunction"], names.function_arn(function))


def dead_letters() -> Statement:
    """Allow to leave what could not be delivered."""
    return allow("LeaveDeadLetters", ["sqs:SendMessage"], arn_of(DEAD_LETTERS))


def allow(sid: str, actions: Sequence[str], resource: Any, condition: Mapping[str, Any] | None = None) -> Statement:
    """Return one statement."""
    made: Statement = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resource}
    return {**made, "Condition": dict(condition)} if condition else made


def lambda_role(names: Names, function: str, statements: Sequence[Statement]) -> dict[str, Any]:
    """Return a function's role: its statements, its own logs, traces and dead letters."""
    logs = allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], names.log_arn(function))
    traces = allow("Trace", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*")
    return role("lambda.amazonaws.com", "work", [*statements, dead_letters(), logs, traces])


def role(service: str, name: str, statements: Sequence[Statement]) -> dict[str, Any]:
    """Return a role that a service assumes, in this account only for Scheduler (against a confused deputy)."""
    trust: Statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if service.startswith("scheduler"):
        trust["Condition"] = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": name, "PolicyDocument": document}],
        },
    }


def _beside_envelope(permissions: frozenset[str]) -> frozenset[str]:
    return permissions - ENVELOPE if permissions >= ENVELOPE else permissions


def _reads(permission: str) -> bool:
    return permission.partition(":")[2].startswith(READS)
