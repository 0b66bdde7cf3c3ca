"""Tells one trace of the session given as its argument, with observations of every type, through the Python SDK 3 or
later; prints its id as one line of JSON."""

import json
import sys
from datetime import datetime, timezone
from types import SimpleNamespace

from langfuse import Langfuse, observe, propagate_attributes

langfuse = Langfuse()
# As `get_prompt` would have brought it.
PROMPT = SimpleNamespace(name="support-prompt", version=3, is_fallback=False)


def tell_generations(agent):
    draft = agent.start_observation(
        as_type="generation",
        name="draft",
        model="model-of-nobody",
        model_parameters={"temperature": 0.5, "max_tokens": 64, "stop": ["a", "b"], "stream": True},
        prompt=PROMPT,
        input=[{"role": "user", "content": "Où est-ce? 🙂"}],
        metadata={"attempt": 1},
    )
    draft.update(
        completion_start_time=datetime.now(timezone.utc),
        output={"role": "assistant", "content": "On its way."},
        usage_details={"input": 100, "output": 20, "input_cached_tokens": 40},
        cost_details={"input": 0.001, "output": 0.002},
    )
    draft.end()
    openai = agent.start_observation(
        as_type="generation",
        name="openai",
        usage_details={"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        cost_details={"total": 0.5},
    )
    openai.end()
    embedding = agent.start_observation(
        as_type="embedding",
        name="embedding",
        model="model-of-nobody",
        input=["a", "b"],
        usage_details={"input": 9},
    )
    embedding.end()


def tell_parts(agent):
    tell_generations(agent)
    for kind in ("tool", "retriever", "evaluator", "guardrail"):
        agent.start_observation(as_type=kind, name=kind, input="in", output=["out", {"b": 2}]).end()
    langfuse.create_event(
        name="cache miss", input={"key": "order"}, level="WARNING", status_message="slow"
    )


@observe(as_type="tool", name="broken")
def broken_tool(argument):
    raise ValueError("out of order")


@observe(as_type="chain", name="decorated")
def decorated(question, limit=2):
    try:
        broken_tool(question)
    except ValueError:
        pass
    return {"answer": question.upper(), "limit": limit}


def tell_about_trace(root):
    """What each version of the SDK still lets a span say about its trace."""
    if hasattr(root, "update_trace"):
        root.update_trace(
            input={"asked": "Where?"}, output="told", public=True, metadata={"seats": 4}
        )
        return
    if hasattr(root, "set_trace_io"):
        root.set_trace_io(input={"asked": "Where?"}, output="told")
    root.set_trace_as_public()


def tell_scores(root):
    root.score(name="helpfulness", value=0.75, comment="fine", metadata={"rater": "a"})
    root.score_trace(name="solved", value=1, data_type="BOOLEAN")
    root.score_trace(name="tone", value="friendly", data_type="CATEGORICAL")
    langfuse.create_score(name="visit", value=2, session_id=sys.argv[1])


with propagate_attributes(
    user_id="user-1",
    session_id=sys.argv[1],
    tags=["paid", "beta"],
    version="7",
    trace_name="support chat",
    metadata={"plan": "pro"},
):
    with langfuse.start_as_current_observation(
        name="answer",
        input={"question": "Where?", "draft": None},
        metadata={"step": 1, "nested": {"deep": [1, None]}},
    ) as root:
        with root.start_as_current_observation(as_type="agent", name="agent") as agent:
            tell_parts(agent)
        decorated("why?")
        root.update(output="On its way.")
        tell_about_trace(root)
        tell_scores(root)

langfuse.flush()
print(json.dumps(root.trace_id))
