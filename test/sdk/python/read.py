"""Calls methods of a Langfuse SDK, given as one argument [[method, {argument: value}], …]; prints what each gave as one
line of JSON: {"given": …}, or {"raised": …, "body": …} when it did not like the answer."""

import json
import sys
from datetime import datetime
from functools import reduce

from langfuse import Langfuse

langfuse = Langfuse()


def call(method, arguments):
    typed = {name: typed_value(name, value) for name, value in arguments.items()}
    try:
        return {"given": plain(reduce(getattr, method.split("."), langfuse)(**typed))}
    except Exception as error:
        # What the SDKs raise about an answer has its status; all else, as a model that does not fit, fails the test.
        if getattr(error, "status_code", None) is None:
            raise
        return {"raised": f"{type(error).__name__} {error.status_code}", "body": error.body}


def typed_value(name, value):
    return datetime.fromisoformat(value) if name.startswith(("from_", "to_")) else value


def plain(value):
    """The models of the API as they came; what SDK 2 wraps around them is nothing that the server has said."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if hasattr(value, "json"):
        return json.loads(value.json())
    parts = {name: plain(part) for name, part in vars(value).items()}
    return parts["data"] if list(parts) == ["data"] else parts


print(json.dumps([call(method, arguments) for method, arguments in json.loads(sys.argv[1])]))
