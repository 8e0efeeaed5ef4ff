"""What the deployed things are called, all from one setting, so that several deployments fit into one account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chalicelib.errors import InputError
from chalicelib.settings import Settings

# As Chalice calls the handlers of app.py in its template.
RUN, ON_EVENT, ON_SCHEDULE, API = "Run", "OnEvent", "OnSchedule", "APIHandler"
LEDGER, DEAD_LETTERS, TOPIC, NOTICES = "Ledger", "DeadLetters", "AlarmTopicArn", "NoticeTopicArn"


@dataclass(frozen=True)
class Names:
    """Names of one deployment's functions and table.

    They are fixed rather than made up by CloudFormation, because the durable function must know its own name to start
    its successor, and its role must be allowed to before the function exists.
    """

    stem: str
    functions: dict[str, str]
    alias: str
    table: str

    @classmethod
    def of(cls, settings: Settings) -> Names:
        """Derive the names.

        Raises:
            InputError: `run_function` is not `<name>:<alias>` (`settings.run_function`).
        """
        name, _, alias = settings.run_function.partition(":")
        if not name or not alias or ":" in alias or alias == "$LATEST":
            raise InputError(
                "settings.run_function",
                f"LIFEBOAT_RUN_FUNCTION is '{settings.run_function}'; a deployment needs <name>:<alias>, for example "
                "lifeboat-run:live. Without a published alias a deployment would change runs in flight.",
            )
        stem = name.removesuffix("-run")
        functions = {RUN: name, ON_EVENT: f"{stem}-on-event", ON_SCHEDULE: f"{stem}-on-schedule", API: f"{stem}-api"}
        return cls(stem, functions, alias, settings.table)

    def function_arn(self, function: str, suffix: str = "") -> dict[str, Any]:
        """Return a function's ARN with e.g. `:live`, without depending on the resource."""
        name = self.functions[function]
        return sub(f"arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{name}{suffix}")

    def log_arn(self, function: str) -> dict[str, Any]:
        """Return the ARN of a function's log streams."""
        name = self.functions[function]
        return sub(f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:/aws/lambda/{name}:*")


def sub(text: str) -> dict[str, Any]:
    """Let CloudFormation fill in partition, Region and account."""
    return {"Fn::Sub": text}


def arn_of(resource: str) -> dict[str, Any]:
    """Return the ARN of a resource of the template."""
    return {"Fn::GetAtt": [resource, "Arn"]}


def logical(*parts: str) -> str:
    """Make a logical id: letters and digits only, distinct for distinct names (of lower-case letters, digits, -, _)."""
    words = [word for part in parts for word in part.replace("_", "-").split("-")]
    return "".join(f"N{word}" if word[:1].isdigit() else word[:1].upper() + word[1:] for word in words)
