"""Tells two traces through the Python SDK 2."""

import time
from datetime import datetime, timedelta, timezone

from langfuse import Langfuse
from langfuse.decorators import langfuse_context, observe

BEGIN = datetime(2025, 3, 1, 10, tzinfo=timezone.utc)
langfuse = Langfuse()


def at(ms):
    return BEGIN + timedelta(milliseconds=ms)


def tell_trace():
    trace = langfuse.trace(
        id="python-story",
        timestamp=at(0),
        name="support chat",
        user_id="user-1",
        session_id="session-1",
        version="7",
        tags=["paid", "beta"],
        public=True,
        input={"question": "Where is my order?", "attempts": [1, 2], "draft": None},
        metadata={"plan": "pro", "seats": 3, "nested": {"deep": [1, None]}},
    )
    span = trace.span(
        id="python-span",
        name="answer",
        start_time=at(0),
        input="plain text",
        metadata={"step": 1},
        version="s1",
    )
    generation = span.generation(
        id="python-generation",
        name="call",
        start_time=at(500),
        completion_start_time=at(1250),
        model="model-of-nobody",
        model_parameters={"temperature": 0.5, "max_tokens": 64, "stop": ["a", "b"], "stream": True},
        input=[{"role": "user", "content": "Où est-ce? 🙂"}],
        metadata={"attempt": 1},
    )
    generation.end(
        end_time=at(3500),
        output={"role": "assistant", "content": "On its way."},
        usage_details={"input": 100, "output": 20, "input_cached_tokens": 40},
        cost_details={"input": 0.001, "output": 0.002},
    )
    span.event(
        id="python-event",
        name="cache miss",
        start_time=at(600),
        level="WARNING",
        status_message="slow",
        input={"key": "order"},
    )
    legacy = span.generation(
        id="python-legacy",
        name="old counts",
        start_time=at(700),
        end_time=at(800),
        model="model-of-nobody",
        usage={"promptTokens": 10, "completionTokens": 5, "totalTokens": 15},
    )
    legacy.update(level="ERROR", status_message="refused")
    span.end(end_time=at(4000), output=["a", {"b": 2}])
    trace.score(id="python-quality", name="quality", value=0.9, comment="good")
    span.score(id="python-label", name="label", value="helpful", data_type="CATEGORICAL")
    # A later millisecond than that of the trace's first statement.
    time.sleep(0.005)
    trace.update(output="On its way.", metadata={"seats": 4})


@observe(as_type="generation", name="fake model")
def ask_model(prompt):
    time.sleep(0.01)
    langfuse_context.update_current_observation(
        model="model-of-nobody",
        model_parameters={"temperature": 0},
        usage_details={"input": 7, "output": 3, "total": 10},
        metadata={"cached": False},
    )
    return prompt.upper()


@observe()
def broken_tool(argument):
    raise ValueError("out of order")


@observe()
def pipeline(question, limit=2):
    langfuse_context.update_current_trace(
        name="decorated",
        user_id="user-2",
        session_id="session-2",
        tags=["decorator"],
        metadata={"kind": "test"},
    )
    answer = ask_model(question)
    try:
        broken_tool("x")
    except ValueError:
        pass
    langfuse_context.score_current_trace(name="decorated quality", value=1)
    return {"answer": answer, "limit": limit}


tell_trace()
pipeline("why?", langfuse_observation_id="python-decorated")
langfuse_context.flush()
langfuse.flush()
