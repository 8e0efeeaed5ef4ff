"""The template: what is made of settings and runbooks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.actions.registry import ACTIONS
from chalicelib.deploy.merge import merge_template
from chalicelib.domain.event import parse
from chalicelib.domain.matching import matches
from chalicelib.domain.runbook import Runbook
from chalicelib.errors import InputError
from chalicelib.settings import Limits, Pace, Settings
from chalicelib.stores.creation import table_keys
from chalicelib.telemetry import COUNTED, MEASURED, NAMESPACE
from tests.fakes import START, toy_runbook

SNAPSHOTS = {"id": "s", "uses": "ebs.create_snapshots", "with": {"select": {"tags": {"a": "b"}}, "policy": "p"}}
ALARM = {"alarm": "shop-?-*"}
EVENT = {"event": {"source": ["aws.health"], "detail": {"service": [{"prefix": "E"}]}}}


def book(name: str = "nightly", **changes: Any) -> Runbook:
    return Runbook.model_validate(toy_runbook(**{"name": name, "steps": [SNAPSHOTS], "verify": [], **changes}))


def resources(*books: Runbook, **settings: Any) -> dict[str, Any]:
    made = merge_template(Settings(region="us-east-1", **settings), books)
    json.dumps(made)  # Chalice reads it as JSON
    found: dict[str, Any] = made["Resources"]
    return found


def properties(resource: str, *books: Runbook, **settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = resources(*books, **settings)[resource]["Properties"]
    return found


def statements(role: str, *books: Runbook) -> dict[str, Any]:
    (policy,) = properties(role, *books)["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def test_the_run_is_durable_and_invoked_by_a_published_alias_of_a_name_it_knows_itself() -> None:
    run = properties("Run", run_function="dr-run:blue")
    assert run["DurableConfig"]["ExecutionTimeout"] <= 31_622_400
    assert run["DurableConfig"]["RetentionPeriodInDays"] <= 90
    assert (run["FunctionName"], run["AutoPublishAlias"]) == ("dr-run", "blue")
    assert run["Environment"]["Variables"]["LIFEBOAT_RUN_FUNCTION"] == "dr-run:blue"


def test_the_run_knows_where_people_can_answer_it() -> None:
    own = properties("Run", api_url="https://dr.example.com")["Environment"]["Variables"]["LIFEBOAT_API_URL"]
    assert own == "https://dr.example.com"
    made = properties("Run")["Environment"]["Variables"]["LIFEBOAT_API_URL"]
    assert made["Fn::Sub"].startswith("https://${RestAPI}.execute-api.")


@pytest.mark.parametrize(
    "function", ["lifeboat-run", "lifeboat-run:$LATEST", ":live", "arn:aws:lambda:x:y:function:f:live"]
)
def test_a_run_function_without_a_published_alias_cannot_be_deployed(function: str) -> None:
    with pytest.raises(InputError) as caught:
        resources(run_function=function)
    assert caught.value.code == "settings.run_function"


def test_changed_settings_reach_the_functions_as_the_environment_that_gives_them_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = Settings(
        region="us-east-1",
        table="other",
        retry_mode="standard",
        keep_runs_days=30,
        limits=Limits(copies_per_destination=50),
        pace=Pace(poll_max_s=600),
    )
    found = merge_template(wanted, [])["Resources"]["OnEvent"]["Properties"]["Environment"]["Variables"]
    assert found["LIFEBOAT_NOTICE_TOPIC"] == {"Ref": "NoticeTopicArn"}
    for name, value in found.items():
        monkeypatch.setenv(name, value if isinstance(value, str) else "")
    assert Settings(region="us-east-1") == wanted.model_copy(update={"event_bus": "default"})


def test_a_schedule_fires_with_what_the_handler_reads_as_that_trigger() -> None:
    runbook = book(when=[ALARM, {"schedule": "cron(0 3 * * ? *)", "timezone": "Europe/Paris"}])
    event = properties("OnSchedule", runbook)["Events"]["AtNightlyN1"]
    assert event["Type"] == "ScheduleV2"
    assert event["Properties"]["ScheduleExpressionTimezone"] == "Europe/Paris"
    filled = event["Properties"]["Input"].replace("<aws.scheduler.scheduled-time>", "2031-01-06T02:00:00Z")
    (match,) = matches(parse(json.loads(filled), START), [runbook])
    assert match.trigger_index == 1


def test_the_sweeper_runs_every_five_minutes_with_what_the_handler_takes_for_a_sweep() -> None:
    from chalicelib.engine.intake import SWEEP

    event = properties("OnSchedule")["Events"]["Sweep"]["Properties"]
    assert event["ScheduleExpression"] == "rate(5 minutes)"
    assert json.loads(event["Input"]) == SWEEP


def test_schedules_are_named_after_the_deployment_so_that_two_fit_into_one_account() -> None:
    names = {
        each["Properties"]["Name"]
        for function in ("lifeboat-run:live", "drill-run:live")
        for each in properties("OnSchedule", book(when=[{"schedule": "rate(1 day)"}]), run_function=function)[
            "Events"
        ].values()
    }
    assert len(names) == 6
    assert max(map(len, names)) <= 64


def test_a_rule_lets_through_the_alarms_that_its_trigger_means() -> None:
    (rule,) = properties("OnEvent", book(when=[ALARM]))["Events"].values()
    pattern = rule["Properties"]["Pattern"]
    assert pattern["detail"]["alarmName"] == [{"wildcard": "shop-*-*"}]
    assert pattern["detail"]["state"]["value"] == ["ALARM"]


def test_an_alarm_by_its_whole_name_is_matched_as_it_is_written() -> None:
    (rule,) = properties("OnEvent", book(when=[{"alarm": "disk\\full [a]"}]))["Events"].values()
    assert rule["Properties"]["Pattern"]["detail"]["alarmName"] == ["disk\\full [a]"]


def test_runbooks_with_the_same_pattern_share_one_rule() -> None:
    events = properties("OnEvent", book("a", when=[EVENT, ALARM]), book("b", when=[EVENT]))["Events"]
    assert sorted(events) == ["OnAN0", "OnAN1"]
    assert events["OnAN0"]["Properties"]["Pattern"] == EVENT["event"]


def test_the_ledger_has_the_keys_that_the_code_uses_and_outlives_the_stack() -> None:
    table = resources()["Ledger"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table_keys().items() <= table["Properties"].items()
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


def test_the_run_may_do_what_its_runbooks_actions_need_and_no_other_action() -> None:
    said = statements("RunRole", book())
    allowed = {action for sid in ("ReadAndTell", "ChangeWhereGuarded") for action in said[sid]["Action"]}
    assert allowed == set(ACTIONS["ebs.create_snapshots"].permissions)


def test_the_run_may_read_alarms_again_where_a_trigger_says_for() -> None:
    asks = book(when=[{"alarm": "shop", "for": "5m"}])
    assert statements("RunRole", asks)["ReadAlarmsAgain"]["Action"] == ["cloudwatch:DescribeAlarms"]
    assert "ReadAlarmsAgain" not in statements("RunRole", book(when=[ALARM]))


def test_whoever_may_recover_may_take_it_back_but_removes_only_what_carries_a_run() -> None:
    lost = {"tags": {"app": "shop"}}
    asked = {"select": lost, "policy": "nightly", "away_from": "use1-az1", "to_zones": ["use1-az2"]}
    said = statements("RunRole", book(steps=[{"id": "a", "uses": "ec2.launch_replacements", "with": asked}]))
    assert {"ec2:TerminateInstances", "ec2:DeleteVolume"} <= set(said["RemoveOwnOnly"]["Action"])
    assert said["RemoveOwnOnly"]["Condition"]["Null"] == {"aws:ResourceTag/lifeboat:run": "false"}
    assert said["PassToInstances"]["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    assert "ec2:StartInstances" in said["ChangeWhereGuarded"]["Action"]
    for sid in ("ChangeWhereGuarded", "ReadAndTell"):
        assert not {"iam:PassRole", "ec2:TerminateInstances", "ec2:DeleteVolume"} & set(said[sid]["Action"])


def test_changes_are_allowed_only_at_home_and_where_guards_say() -> None:
    guarded = book(guard={"regions": ["eu-west-3", "eu-central-1"]})
    condition = statements("RunRole", guarded)["ChangeWhereGuarded"]["Condition"]
    assert condition["StringEquals"]["aws:RequestedRegion"] == ["eu-central-1", "eu-west-3", {"Ref": "AWS::Region"}]


def test_every_permission_of_every_action_is_granted_once_it_is_used() -> None:
    steps = [{"id": f"s{n}", "uses": name} for n, name in enumerate(sorted(ACTIONS))]
    said = statements("RunRole", book(steps=steps))
    allowed = {action for statement in said.values() for action in statement["Action"]}
    assert {each for action in ACTIONS.values() for each in action.permissions} <= allowed
    grants = [statement for statement in said.values() if "kms:CreateGrant" in statement["Action"]]
    assert all("kms:GrantIsForAWSResource" in grant["Condition"]["Bool"] for grant in grants)


def test_only_what_carries_our_tag_may_be_deleted_and_notices_are_enclosed_only_through_sns() -> None:
    steps = [{"id": f"s{n}", "uses": name} for n, name in enumerate(("ebs.expire_snapshots", "notify.send"))]
    said = statements("RunRole", book(steps=steps))
    deletes = [statement for statement in said.values() if "ec2:DeleteSnapshot" in statement["Action"]]
    assert [one["Condition"]["Null"] for one in deletes] == [{"aws:ResourceTag/lifeboat:policy": "false"}]
    assert not [statement for statement in said.values() if "rds:DeleteDBInstance" in statement["Action"]]
    restores = [{"id": "r", "uses": "rds.restore"}]
    databases = [
        one for one in statements("RunRole", book(steps=restores)).values() if "rds:DeleteDBInstance" in one["Action"]
    ]
    assert [one["Condition"]["Null"] for one in databases] == [{"aws:ResourceTag/lifeboat:run": "false"}]
    assert "aws:RequestedRegion" in deletes[0]["Condition"]["StringEquals"]
    encloses = [statement for statement in said.values() if "kms:GenerateDataKey" in statement["Action"]]
    assert encloses
    assert all(one["Condition"] == {"StringLike": {"kms:ViaService": "sns.*.amazonaws.com"}} for one in encloses)


def test_those_who_only_start_runs_can_change_nothing_but_the_ledger_and_tell_whom_the_deployment_names() -> None:
    for role in ("OnEventRole", "OnScheduleRole"):
        said = statements(role, book())
        tells = {name: said.pop(name) for name in ("TellPeople", "TellPeopleEnclosed", "TellMachines")}
        assert tells["TellPeople"]["Resource"]["Fn::If"][:2] == ["HasNoticeTopic", {"Ref": "NoticeTopicArn"}]
        assert str(tells["TellMachines"]["Resource"]).endswith("event-bus/default'}")
        allowed = {action for statement in said.values() for action in statement["Action"]}
        reads = said.get("ReadToPlan", {"Action": []})["Action"]  # the watchdog's; it changes nothing in them
        assert bool(reads) is (role == "OnScheduleRole")
        assert all(action.partition(":")[2].startswith(("Describe", "List", "Get")) for action in reads)
        services = {action.partition(":")[0] for action in allowed - set(reads)}
        assert services == {"dynamodb", "lambda", "logs", "sqs", "xray"}
        assert {action for action in allowed if action.startswith("lambda:")} == {"lambda:InvokeFunction"}


def test_no_role_may_do_everything_of_a_service() -> None:
    assert "*" not in json.dumps(
        [s["Action"] for role in ("RunRole", "OnEventRole") for s in statements(role, book()).values()]
    )


def test_an_alarm_watches_a_metric_that_is_really_told() -> None:
    ours = [
        each["Properties"]
        for each in resources(book()).values()
        if each.get("Type") == "AWS::CloudWatch::Alarm" and each["Properties"]["Namespace"] == NAMESPACE
    ]
    told = {name: {"service", *dimensions} for name, dimensions in COUNTED.values()}
    told |= {name: {"service", *dimensions} for name, _, _, dimensions in MEASURED.values()}
    assert len(ours) == 5
    for alarm in ours:
        assert {each["Name"] for each in alarm["Dimensions"]} == told[alarm["MetricName"]]


def test_silence_of_the_sweeper_is_an_alarm() -> None:
    alarm = resources()["AlarmSilence"]["Properties"]
    assert (alarm["TreatMissingData"], alarm["ComparisonOperator"]) == ("breaching", "LessThanThreshold")


def test_runbook_names_that_differ_only_by_hyphens_do_not_share_a_resource() -> None:
    names = ["a-b", "ab", "a-1", "a1", "a"]
    books = [book(name, when=[{"schedule": "rate(1 day)"}] * 11) for name in names]
    assert len(properties("OnSchedule", *books)["Events"]) == 11 * len(names) + 2


def test_whoever_may_drill_may_look_whether_the_place_is_production_s() -> None:
    site = {"subnet": "subnet-1", "security_group": "sg-1", "instance_profile": "drills"}
    assert "ec2:DescribeSecurityGroups" not in statements("RunRole", book())["ReadAndTell"]["Action"]
    read = statements("RunRole", book(drill=site))["ReadAndTell"]["Action"]
    assert {"ec2:DescribeSecurityGroups", "ec2:DescribeImages", "rds:DescribeDBClusters"} <= set(read)
